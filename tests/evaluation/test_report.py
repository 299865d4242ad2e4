import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.api.types import pandas_dtype
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from harness import ROOT
from runtime.evaluation import Evaluation, charts, evaluate, importance, report
from runtime.evaluation.report import Context

RANDOM = np.random.default_rng(0)
X = pd.DataFrame(RANDOM.normal(size=(120, 2)), columns=["length_mm", "width_mm"])
NOISY = X["length_mm"] + RANDOM.normal(size=120)
EVIL = "<script src=//evil>'\"&amp;_$x$"
VOID = {"meta", "wbr"}


class Page(HTMLParser):
    """A page read strictly: its words, its elements, and whether they are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element, none of whose attributes is there twice."""
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element of SVG that closes itself."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Read on."""
        self.text += data

    def values(self, *names: str) -> list[str]:
        """Give what stands in attributes."""
        return [str(a[name]) for _, a in self.tags for name in names if name in a]


def context(**more: Any) -> Context:
    given: dict[str, Any] = {"title": "job-1", "hyperparameters": {"trees": 100}}
    given |= {"versions": {"python": "3.13"}, "seconds": {"fit": 1.234}}
    return Context(**given | more)


THREE = np.array(["low", "mid", "high"])[np.digitize(NOISY, [-0.7, 0.7])]
MODELS: dict[str, tuple[Any, Any]] = {
    "two classes": (LogisticRegression(), NOISY > 0),
    "three classes": (LogisticRegression(), THREE),
    "forty classes": (LogisticRegression(), np.arange(120) % 40),
    "numbers": (Ridge(), NOISY * 1e6),
    "one value": (Ridge(), np.ones(120)),
}


SMALL = evaluate(Ridge().fit(X[:5], NOISY[:5]), X[:5], NOISY[:5])


@pytest.fixture(params=MODELS)
def evaluation(request: pytest.FixtureRequest) -> Evaluation:
    model, y = MODELS[request.param]
    return evaluate(model.fit(X, y), X, y)


def test_a_page_is_whole_and_needs_nothing_else(evaluation: Evaluation) -> None:
    text = report.page(evaluation, context(training=X))
    page = Page(text)
    assert "http" not in text
    assert "@import" not in text
    assert not {"script", "link", "img", "iframe", "object"} & {t for t, _ in page.tags}
    assert all(ref.startswith("#") for ref in page.values("href", "src", "xlink:href"))
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    assert not [name for _, a in page.tags for name in a if name.startswith("on")]


def test_a_page_tells_all_that_it_was_given(evaluation: Evaluation) -> None:
    page = Page(report.page(evaluation, context(training=X[:77])))
    told = ["job-1", "trees", "100", "python", "3.13", "fit", "1.23"]
    told += ["120 rows, 2 columns", "77 rows, 2 columns", "length_mm", "float64"]
    told += [*evaluation.metrics, *evaluation.undefined, *evaluation.undefined.values()]
    assert [what for what in told if what not in page.text] == []


def test_a_figure_says_what_it_shows(evaluation: Evaluation) -> None:
    page = Page(report.page(evaluation, context()))
    drawn = [attrs for tag, attrs in page.tags if tag == "svg"]
    told = [attrs for attrs in drawn if attrs.get("role") == "img"]
    assert len(told) == (2 if evaluation.kind == "regression" else 3)
    assert all(len(str(a["aria-label"])) > 9 for a in told)
    # Others say nothing that does not stand beside them.
    assert all(a["aria-hidden"] == "true" for a in drawn if a not in told)
    assert not page.values("id")  # which could be there twice


def test_the_same_numbers_have_the_same_page(evaluation: Evaluation) -> None:
    told = context(training=X, date="2026-11-28")
    assert report.page(evaluation, told) == report.page(evaluation, told)


def test_curves_are_drawn_with_the_area_under_them() -> None:
    y = NOISY > 0
    model = LogisticRegression().fit(X, y)
    text = report.page(evaluate(model, X, y), context())
    odds = model.predict_proba(X)[:, 1]
    assert f"AUC {sk.roc_auc_score(y, odds):.4f}" in text
    assert f"Average precision {sk.average_precision_score(y, odds):.4f}" in text
    roc, pr = (points(line) for line in re.findall(r'points="(.+?)"', text))
    assert (roc[0], roc[-1]) == ((48, 228), (348, 10))  # from one corner to the other
    false, true, _ = sk.roc_curve(y, odds)
    assert np.allclose(roc, np.c_[48 + 300 * false, 228 - 218 * true], atol=0.1)
    assert (pr[0][0], pr[-1][0]) == (48, 348)


def points(line: str) -> list[tuple[float, float]]:
    return [tuple(map(float, point.split(","))) for point in line.split()]  # type: ignore[misc]


def test_calibration_compares_what_is_said_with_what_is_true() -> None:
    class Says:
        classes_ = np.array(["no", "yes"])

        def predict(self, rows: Any) -> Any:
            return np.where(rows["p"] > 0.5, "yes", "no")

        def predict_proba(self, rows: Any) -> Any:
            return np.c_[1 - rows["p"], rows["p"]]

    p = np.repeat([0.25, 0.85], 20)
    y = np.array(["yes"] * 5 + ["no"] * 15 + ["yes"] * 10 + ["no"] * 10)
    found = evaluate(Says(), pd.DataFrame({"p": p}), y)
    drawn = charts.calibration(found)
    assert drawn is not None
    assert drawn["brier"] == pytest.approx(np.mean((p - (y == "yes")) ** 2))
    told = [(said, share.value) for said, share in drawn["points"]]
    assert np.allclose(told, [(0.25, 0.25), (0.85, 0.5)])
    assert all(share.low < share.value < share.high for _, share in drawn["points"])
    assert "Probability of yes" in Page(report.page(found, context())).text


def test_the_training_rows_are_measured_beside_the_others() -> None:
    y = pd.Series(NOISY > 0, name="good")
    model = DecisionTreeClassifier(random_state=0).fit(X[:60], y[:60])
    found = evaluate(model, X[60:], y[60:])
    page = Page(report.page(found, context(training=(X[:60], y[:60]))))
    assert "training rows100.0 %" in " ".join(page.text.split())
    assert "60 rows, 2 columns" in page.text
    assert "training rows" not in Page(report.page(found, context(training=X))).text


def test_of_many_training_rows_some_are_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Counts(Ridge):  # type: ignore[misc]  # sklearn has no types
        def predict(self, rows: Any) -> Any:
            most.append(len(rows))
            return super().predict(rows)

    most: list[int] = []
    monkeypatch.setattr(report, "TRAINING_ROWS", 50)
    found = evaluate(Counts().fit(X, NOISY), X[:10], NOISY[:10])
    text = report.page(found, context(training=(X, NOISY)))
    assert 50 in most
    assert 120 not in most
    assert "<dt>training rows" in text


def test_training_rows_that_cannot_be_measured_cost_no_page() -> None:
    found = evaluate(Ridge().fit(X, NOISY), X, NOISY)
    page = Page(report.page(found, context(training=(X, NOISY[:7]))))
    assert "training rows are not measured" in page.text
    assert "y has the shape (7,)" in page.text
    assert "Importance of columns" in page.text


def test_each_class_has_its_precision_recall_f1_and_rows() -> None:
    model = LogisticRegression().fit(X, THREE)
    page = Page(report.page(evaluate(model, X, THREE), context()))
    true = sk.precision_recall_fscore_support(THREE, model.predict(X))
    for name, *scores, rows in zip(model.classes_, *true, strict=True):
        told = "".join([name, *(f"{score:.4f}" for score in scores), str(rows)])
        assert told in "".join(page.text.split())


def test_the_worst_rows_are_shown_with_their_index_and_values() -> None:
    rows = X.set_index(np.arange(1000, 1120))
    y = pd.Series(NOISY.to_numpy() > 0, rows.index)
    model = LogisticRegression().fit(rows, y)
    table = report._worst(evaluate(model, rows, y).predictions)
    given = model.predict_proba(rows)[np.arange(120), y.astype(int)]
    assert table["row"].astype(int).tolist() == (1000 + np.argsort(given)[:10]).tolist()
    values = rows.loc[table["row"].astype(int), "length_mm"]
    assert np.allclose(table["length_mm"].astype(float), values)
    numbers = Ridge().fit(X, NOISY)
    table = report._worst(evaluate(numbers, X, NOISY).predictions)
    error = (numbers.predict(X) - NOISY).abs()
    assert table["row"].astype(int).tolist() == error.nlargest(10).index.tolist()
    assert np.allclose(table["error"].astype(float).abs(), error.nlargest(10))


def test_values_of_the_worst_rows_are_shortened_and_few() -> None:
    wide = pd.DataFrame({f"c{i}": ["x" * 500] * 4 for i in range(300)})
    wide["c0"] = [None, 1.0, 2.0, 3.0]
    model = make_pipeline(
        FunctionTransformer(lambda rows: rows[["c0"]].fillna(0)), Ridge()
    )
    y = [1.0, 5.0, 2.0, 3.0]
    found = evaluate(model.fit(wide, y), wide, y)
    text = report.page(found, context())
    assert "x" * 40 not in text
    table = report._worst(found.predictions)
    assert table.shape == (4, 4 + 12)
    assert "missing" in table["c0"].tolist()


def test_importance_is_shown_for_all_columns_or_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide = pd.DataFrame(RANDOM.normal(size=(50, 300))).add_prefix("column")
    found = evaluate(Ridge().fit(wide, wide["column0"]), wide, wide["column0"])
    page = Page(report.page(found, context()))
    shown = page.text[page.text.index("Importance of") : page.text.index("Held-out")]
    assert [c for c in wide if c not in shown.split()] == []
    assert "280 more" in shown
    monkeypatch.setattr(report, "IMPORTANCE_SECONDS", 0.0)
    page = Page(report.page(found, context()))
    shown = page.text[page.text.index("Importance of") : page.text.index("Held-out")]
    assert "It is not measured, as 300 columns would take about " in shown
    assert "column0" not in shown


def test_what_a_page_lacks_for_want_of_time_is_told_to_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D22."""
    assert report.write(tmp_path / "r.html", SMALL, context()) == ""
    monkeypatch.setattr(report, "IMPORTANCE_SECONDS", 0.0)
    said = report.write(tmp_path / "r.html", SMALL, context())
    assert said.startswith(
        "report.html: the importance of columns is not measured, as 2 columns would "
    )


def test_notes_on_the_data_are_shown() -> None:
    """B7."""
    notes = ["training: column 'a' is text, as 6 of its 106 cells", EVIL]
    page = Page(report.page(SMALL, context(notes=notes)))
    assert [note for note in notes if note not in page.text] == []
    assert "About the data" in page.text
    assert "About the data" not in Page(report.page(SMALL, context())).text


def test_the_importance_has_its_mean_and_standard_deviation() -> None:
    found = evaluate(Ridge().fit(X, NOISY), X, NOISY)
    harm = importance.measure(found.predictions, 60).harm[0]
    page = Page(report.page(found, context()))
    assert f"{np.mean(harm):.4f} ± {np.std(harm):#.4g}" in page.text


def test_a_model_that_fails_on_shuffled_rows_has_a_page() -> None:
    class Fails:
        def predict(self, rows: Any) -> Any:
            assert rows.index.is_unique, "twice <there>"
            return rows["length_mm"]

    found = evaluate(Fails(), X, NOISY)
    page = Page(report.page(found, context()))
    assert "not measured: the model failed on shuffled rows" in page.text
    assert "twice <there>" in page.text


def test_a_page_names_its_job_target_rows_and_date() -> None:
    y = NOISY.rename("price <&>")
    told = context(title="job <1>", date="2026-11-28 19:30 UTC", training=X[:77])
    page = Page(report.page(evaluate(Ridge().fit(X, y), X, y), told))
    about = " ".join(page.text[: page.text.index("Metrics")].split())
    for word in ("job <1>", "price <&>", "120 held-out rows", "2026-11-28 19:30 UTC"):
        assert word in about
    assert "fitted on 77 rows" in about
    title = "job <1>, price <&>, 120 held-out rows, 2026-11-28 19:30 UTC"
    assert about.startswith(title)


@pytest.mark.parametrize("kind", ["str", "category"])
def test_nothing_that_is_given_becomes_markup(kind: str) -> None:
    classes = np.where(NOISY > 0, EVIL, f"{EVIL}2")
    y = pd.Series(classes, dtype=pandas_dtype(kind), name=EVIL)
    rows = X.set_axis([EVIL, "b"], axis="columns")
    found = evaluate(LogisticRegression().fit(rows, y), rows, y)
    names = {EVIL: EVIL}
    training = pd.DataFrame({EVIL: [EVIL]}, dtype=pandas_dtype(kind))
    given = Context(EVIL, names, names, {EVIL: 1.0}, training, EVIL)
    page = Page(report.page(found, given))
    assert "script" not in {tag for tag, _ in page.tags}
    # Title twice, target, date; hyperparameter and version in two cells, step; the
    # column's importance, the column in two tables, its value, and beside the worst
    # rows; the classes in their table, twice in the matrix, those of the legend, of the
    # metrics' meaning.
    assert page.text.count(EVIL) >= 2 + 2 + 2 + 2 + 1 + 1 + 2 + 1 + 1 + 2 + 4 + 1


@settings(max_examples=10, deadline=None)
@given(st.text(min_size=1), st.text())
def test_any_text_is_read_back_as_it_was(name: str, value: str) -> None:
    page = Page(report.page(SMALL, context(hyperparameters={name: value})))
    one, other = (
        text.replace("\r\n", "\n").replace("\r", "\n") for text in (name, value)
    )
    assert f"{name}{value}" in page.text or f"{one}{other}" in page.text


def test_text_that_has_no_bytes_is_written(tmp_path: Path) -> None:
    found = evaluate(Ridge().fit(X, NOISY), X, NOISY)
    report.write(tmp_path / "r.html", found, context(title="half \ud800 a pair ä"))
    assert "half &#55296; a pair ä" in (tmp_path / "r.html").read_text("utf-8")


def test_the_first_words_say_how_good_it_is() -> None:
    found = evaluate(LogisticRegression().fit(X, THREE), X, THREE)
    share = f"{found.metrics['accuracy']:.1%}".replace("%", "\N{NO-BREAK SPACE}%")
    said = Page(report.page(found, context())).text
    assert f"{share} of 120 held-out rows are predicted right (accuracy)" in said
    found = evaluate(Ridge().fit(X, NOISY), X, NOISY)
    said = Page(report.page(found, context())).text
    assert f"{found.metrics['rmse']:.4f} is the typical error (rmse)" in said


def test_the_confusion_matrix_has_counts_and_their_share_of_the_row() -> None:
    class Says:
        def predict(self, rows: Any) -> Any:
            return np.array(["no"] * 3 + ["yes"] * (len(rows) - 3))

    y = ["no"] * 4 + ["yes"] * 5
    page = Page(report.page(evaluate(Says(), X[:9], y), context()))
    said = " ".join(page.text.replace("\N{NO-BREAK SPACE}", "").split())
    assert "matrix noyes no 375.0% 125.0% yes 0 5100.0%" in said


def test_of_many_classes_the_most_frequent_confusions_are_listed() -> None:
    y = np.arange(120) % 40
    found = evaluate(LogisticRegression().fit(X, y), X, y)
    text = Page(report.page(found, context())).text
    start, end = text.index("Confusions"), text.index("The most frequent of")
    rows = [int(line.split()[-1]) for line in text[start:end].splitlines()[3:] if line]
    wrong = [n for (i, j), n in found.predictions.confusion.items() if i != j]
    assert [row % 10 for row in rows] == sorted(wrong, reverse=True)[:20]
    assert f"of {len(wrong)}, between 40 classes" in text
    assert "20 more" in text  # classes


def test_of_many_classes_the_largest_that_the_model_knows_are_drawn() -> None:
    y = np.repeat(range(9), [5, 6, 7, 8, 9, 10, 11, 12, 52])
    model = LogisticRegression().fit(X, y)
    page = report.page(evaluate(model, X, np.where(y < 8, y, -1)), context())
    legend = re.findall("</i>(.+?) <small>", page)
    assert legend == ["3", "4", "5", "6", "7"] * 2  # of two figures


@pytest.mark.parametrize("odd", [np.nan, np.inf, 1e200, 1.7e308])
def test_predictions_that_are_not_finite_still_have_a_page(odd: float) -> None:
    class Says:
        def predict(self, rows: Any) -> Any:
            return np.where(np.arange(len(rows)) % 2, odd, 1.0)

    page = Page(report.page(evaluate(Says(), X, NOISY), context()))
    assert "not finite" in page.text
    assert "nan" not in page.text


@pytest.mark.parametrize("n", [1, 2])
def test_a_row_or_two_have_a_page(n: int) -> None:
    for model, y in (MODELS["three classes"], MODELS["numbers"]):
        found = evaluate(model.fit(X, y), X[:n], y[:n])
        Page(report.page(found, context(training=X[:0])))


def test_columns_twice_named_have_a_page() -> None:
    rows = X.set_axis(["same", "same"], axis="columns")

    class Sums:
        def predict(self, rows: Any) -> Any:
            return rows.sum(axis="columns").to_numpy()

    page = Page(report.page(evaluate(Sums(), rows, NOISY), context(training=rows)))
    assert page.text.count("same") == 2 + 2 + 2 + 2  # worst, importance, two tables


def test_of_thousands_of_classes_the_page_stays_small() -> None:
    y = np.arange(5000)
    rows = pd.DataFrame({"said": y[::-1].astype(str)})
    text = report.page(evaluate(Says(), rows, y.astype(str)), context())
    assert "4,980 more, 980 of them here" in Page(text).text
    assert len(text) < 1_000_000


def test_a_summary_tells_what_a_column_holds() -> None:
    frame = pd.DataFrame(
        {
            "number": [1.5, -2, np.nan, 1.5],
            "text": ["a", "a", "b", None],
            "lists": [[1], [1], [2], [3]],
            "empty": [None] * 4,
            "day": pd.to_datetime(["2025-01-01"] * 4),
            "truth": [True, True, True, False],
        }
    )
    rows, size = report.summarise(frame)
    names = ("name", "range", "share", "missing", "distinct")
    assert [[row.get(name) for name in names] for row in rows] == [
        ["number", "-2 to 1.5", None, 1, 2],
        ["text", "a", pytest.approx(2 / 3), 1, 2],
        ["lists", "[1]", 0.5, 0, 3],
        ["empty", "", None, 4, 0],
        ["day", "2025-01-01 00:00:00 to 2025-01-01 00:00:00", None, 0, 1],
        ["truth", "True", 0.75, 0, 2],
    ]
    page = Page(report.page(SMALL, context(training=frame)))
    for told in ("a: 66.7 %", "1 (25.0 %)", "4 (100.0 %)", "[1]: 50.0 %"):
        assert told in page.text.replace("\N{NO-BREAK SPACE}", " ")
    assert size == "4 rows, 6 columns."


def test_a_large_table_is_described_by_some_of_it() -> None:
    frame = pd.DataFrame(np.zeros((100_001, 101)), columns=[0] * 101)
    rows, size = report.summarise(frame)
    assert len(rows) == 100
    assert size == (
        "100,001 rows, 101 columns; 100,000 rows of 100 columns are described."
    )


class Says:
    """A model of no library: it says what stands in the first column."""

    def predict(self, rows: Any) -> Any:  # noqa: D102 -- the class says it
        return rows.iloc[:, 0].to_numpy()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.97013, "0.9701"),
        (0.99999999, "1.000"),
        (53.6, "53.60"),
        (999.96, "1,000"),
        (1234567.8, "1,234,568"),
        (9.99996, "10.00"),
        (0.0, "0.000"),
        (0.00012, "0.0001200"),
        (1.2e-7, "1.200e-07"),
        (1e300, "1.000e+300"),
    ],
)
def test_a_number_has_four_digits(value: float, written: str) -> None:
    found = evaluate(Says(), pd.DataFrame({"said": [value] * 9}), np.zeros(9))
    assert f"50%{written}" in Page(report.page(found, context())).text


@pytest.mark.parametrize(
    "values",
    [
        [0.0],
        [5e-324, 0.0],
        [2.0**48],
        [1e15, 1e15 + 0.25],
        [-1e299, 1e299],
        [1e-310, 1.0],
    ],
    ids=str,
)
def test_figures_show_numbers_of_any_size(values: list[float]) -> None:
    rows = pd.DataFrame({"said": values[::-1]})
    text = report.page(evaluate(Says(), rows, np.array(values)), context())
    Page(text)
    drawn = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    numbers = re.findall(r'(?:cx|cy|x|y|width|d)="([^"]*)"', " ".join(drawn))
    assert len(drawn) >= 2
    assert not re.search("nan|inf|e", " ".join(numbers))


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0, 1, "0 0.2 0.4 0.6 0.8 1"),
        (2700, 5950, "3k 4k 5k"),
        (-1.5e6, 1e6, "-1.5M -1M -500k 0 500k 1M"),
        (0.00012, 0.00019, "0.00012 0.00014 0.00016 0.00018"),
    ],
)
def test_an_axis_has_few_round_numbers(low: float, high: float, told: str) -> None:
    ticks = charts.ticks((low, high))
    places = [place for place, _ in ticks]
    assert places == sorted(places)
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in places)
    assert " ".join(text for _, text in ticks) == told


PROGRAM = """
import sys
from pathlib import Path
import pandas as pd
from sklearn.linear_model import LogisticRegression
from runtime import evaluation
from runtime.evaluation import report

X, y = pd.DataFrame({"a": range(20)}), ["no"] * 9 + ["yes"] * 11
found = evaluation.evaluate(LogisticRegression().fit(X, y), X, y)
found.write(Path("."))
assert "jinja2" not in sys.modules
if sys.argv[1:]:
    sys.modules["jinja2"] = None  # as if it were not installed
lack = report.write(Path("report.html"), found, report.Context("job", {}, {}, {}))
assert ("jinja2 is not installed" in lack) == bool(sys.argv[1:])
"""


@pytest.mark.parametrize("installed", [True, False])
def test_what_needs_no_page_needs_no_jinja2(tmp_path: Path, *, installed: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *([] if installed else ["without"])],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "model")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "evaluation.json").is_file()
    assert (tmp_path / "report.html").is_file() == installed
