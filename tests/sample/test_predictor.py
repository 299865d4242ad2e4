"""YOURS: the pattern for tests of your model. `model_dir` is what `train` has made."""

from pathlib import Path

from harness import ROOT, answer_of
from predictor import Predictor
from runtime.models.served import ServedModel


def test_each_row_of_the_payload_gets_one_prediction(model_dir: Path) -> None:
    rows = (ROOT / "local-test/payload.csv").read_bytes()
    model = ServedModel.load(model_dir, Predictor)
    answer, _ = answer_of(model, rows)
    assert answer.count(b"\n") == rows.count(b"\n")
