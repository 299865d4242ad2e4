"""The step of a job that makes model.onnx fails no job and leaves no half of a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression

from runtime.models import artifact, export
from runtime.tabular.schema import Schema

X = pd.DataFrame({"n": np.arange(50, dtype="float32"), "m": [0.5] * 50})


def saved(folder: Path, model: Any) -> Path:
    """Save a model of X, as a job does."""
    description = {"columns": Schema.learn(X).to_json(), "classes": None}
    artifact.save(folder, model.fit(X, X["n"]), description)
    return folder


def exported(folder: Path, *, stopping: bool = False) -> dict[str, Any]:
    """Export, and give what model.json says then."""
    export.export(folder, export.sample(X), lambda: stopping)
    return dict(json.loads((folder / "model.json").read_bytes()))


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_model_that_is_equal_is_kept_and_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noted = exported(saved(tmp_path, LinearRegression()))
    assert noted["onnx"] == "ONNX answers the same, to 1e-05"
    assert files(tmp_path) == ["model.joblib", "model.json", "model.onnx"]
    assert noted["onnx"] in capsys.readouterr().out


def test_columns_that_the_estimator_needs_are_required_of_requests(
    tmp_path: Path,
) -> None:
    """H-73: ONNX would answer a row without them."""
    noted = exported(saved(tmp_path, LinearRegression()))
    assert [column["required"] for column in noted["columns"]] == [True, True]


def test_a_model_that_cannot_be_converted_is_as_it_was(tmp_path: Path) -> None:
    noted = exported(saved(tmp_path, HistGradientBoostingRegressor(max_iter=2)))
    assert noted["onnx"].startswith("no ONNX: ")
    assert files(tmp_path) == ["model.joblib", "model.json"]


def test_what_an_earlier_job_has_left_is_removed(tmp_path: Path) -> None:
    exported(saved(tmp_path, LinearRegression()))
    exported(saved(tmp_path, HistGradientBoostingRegressor(max_iter=2)))
    assert files(tmp_path) == ["model.joblib", "model.json"]


def test_a_job_that_is_being_stopped_goes_without(tmp_path: Path) -> None:
    noted = exported(saved(tmp_path, LinearRegression()), stopping=True)
    assert noted["onnx"] == "no ONNX: the job is stopping"
    assert files(tmp_path) == ["model.joblib", "model.json"]


def test_a_conversion_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "SECONDS", 0)
    noted = exported(saved(tmp_path, LinearRegression()))
    assert noted["onnx"] == "no ONNX: it took over 0 s"
    assert files(tmp_path) == ["model.joblib", "model.json"]


def test_a_model_that_cannot_be_loaded_again_is_left_to_the_check(
    tmp_path: Path,
) -> None:
    (saved(tmp_path, LinearRegression()) / "model.joblib").write_bytes(b"broken")
    assert exported(tmp_path)["onnx"].startswith("no ONNX: ModelError: cannot load")


def test_the_rows_to_compare_have_the_ends_of_each_column() -> None:
    rows = pd.DataFrame({"n": np.arange(10_000.0), "text": ["a"] * 10_000})
    rows.loc[0, "n"] = np.nan
    some = export.sample(rows)
    assert len(some) <= export.SAMPLE + 2
    assert {some["n"].min(), some["n"].max()} == {1.0, 9999.0}
