"""YOURS: the pattern for tests of your model. `model_dir` is what `train` has made."""

from pathlib import Path

from harness import PAYLOAD, answer_of, payload
from predictor import Predictor
from runtime.models.served import ServedModel


def test_each_row_of_the_payload_gets_one_prediction(model_dir: Path) -> None:
    model = ServedModel.load(model_dir, Predictor)
    answer, _ = answer_of(model, PAYLOAD.read_bytes())
    assert answer.count(b"\n") == payload().count(b"\n")  # which has no header
