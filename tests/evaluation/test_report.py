import logging
import os
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.api.types import pandas_dtype
from sklearn.linear_model import LogisticRegression, Ridge

from harness import ROOT
from runtime.evaluation import Evaluation, evaluate, figures, markup, report, summary
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


def test_a_figure_says_what_it_shows_and_no_name_is_there_twice(
    evaluation: Evaluation,
) -> None:
    page = Page(report.page(evaluation, context()))
    drawn = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert len(drawn) == 2
    assert all(a["role"] == "img" and len(str(a["aria-label"])) > 9 for a in drawn)
    ids = Counter(page.values("id"))
    assert set(ids.values()) <= {1}
    used = {ref[1:] for ref in page.values("xlink:href")}
    clips = {ref[5:-1] for ref in page.values("clip-path")}
    assert used | clips <= set(ids)


@pytest.mark.parametrize("kind", ["str", "category"])
def test_nothing_that_is_given_becomes_markup(kind: str) -> None:
    y = pd.Series(np.where(NOISY > 0, EVIL, f"{EVIL}2"), dtype=pandas_dtype(kind))
    rows = X.set_axis([EVIL, "b"], axis="columns")
    found = evaluate(LogisticRegression().fit(rows, y), rows, y)
    names = {EVIL: EVIL}
    training = pd.DataFrame({EVIL: [EVIL]}, dtype=pandas_dtype(kind))
    page = Page(report.page(found, Context(EVIL, names, names, {EVIL: 1.0}, training)))
    assert "script" not in {tag for tag, _ in page.tags}
    # Title twice, hyperparameter and version in two cells, step; the column's
    # importance, the column in two tables and its value; the classes of the matrix
    # twice, those of the legend, of the metrics' meaning.
    assert page.text.count(EVIL) >= 2 + 2 + 2 + 1 + 1 + 2 + 1 + 4 + 1


@settings(max_examples=30, deadline=None)
@given(st.text(min_size=1), st.text())
def test_any_text_is_read_back_as_it_was(name: str, value: str) -> None:
    page = Page(markup.table((), [(name, (value, name))]))
    one, other = (
        text.replace("\r\n", "\n").replace("\r", "\n") for text in (name, value)
    )
    assert f"{name}{value}{name}" in page.text or f"{one}{other}{one}" in page.text


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
    page = Page(markup.matrix(["no", "yes"], [[3, 1], [0, 5]]))
    said = " ".join(page.text.replace("\N{NO-BREAK SPACE}", "").split())
    assert said == "noyes no375.0%125.0% yes05100.0%"


def test_of_many_classes_the_most_frequent_confusions_are_listed() -> None:
    y = np.arange(120) % 40
    found = evaluate(LogisticRegression().fit(X, y), X, y)
    page = report._confusions(found)
    rows = [int(n) for n in re.findall(r"<td>(\d+)</td></tr>", page)]
    wrong = [n for (i, j), n in found.predictions.confusion.items() if i != j]
    assert rows == sorted(wrong, reverse=True)[:20]
    assert f"of {len(wrong)}, between 40 classes" in Page(page).text


def test_of_many_classes_the_largest_that_the_model_knows_are_drawn() -> None:
    y = np.repeat(range(9), [5, 6, 7, 8, 9, 10, 11, 12, 52])
    model = LogisticRegression().fit(X, y)
    page = report.page(evaluate(model, X, np.where(y < 8, y, -1)), context())
    legend = re.findall("</i>(.+?)</span>", page)
    assert legend == ["3", "4", "5", "6", "7"]


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
    rows, size = summary.summarise(frame)
    told = [" | ".join([*map(str, row[0]), *map(str, row[2:])]) for row in rows]
    assert [line.replace("\N{NO-BREAK SPACE}", " ") for line in told] == [
        "number | -2 to 1.5 | 1 (25.0 %) | 2",
        "text | a: 66.7 % | 1 (25.0 %) | 2",
        "lists | [1]: 50.0 % | 0 | 3",
        "empty |  | 4 (100.0 %) | 0",
        "day | 2025-01-01 00:00:00 to 2025-01-01 00:00:00 | 0 | 1",
        "truth | True: 75.0 % | 0 | 2",
    ]
    assert size == "4 rows, 6 columns."


def test_a_large_table_is_described_by_some_of_it() -> None:
    frame = pd.DataFrame(np.zeros((100_001, 101)), columns=[0] * 101)
    rows, size = summary.summarise(frame)
    assert len(rows) == 100
    assert size == (
        "100,001 rows, 101 columns; 100,000 rows of 100 columns are described."
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.97013, "0.9701"),
        (0.99999999, "1.000"),
        (53.6, "53.60"),
        (-1234567.8, "-1,234,568"),
        (9.99996, "10.00"),
        (0.0, "0.000"),
        (1.2e-7, "1.200e-07"),
        (1e300, "1.000e+300"),
        (float("inf"), "inf"),
    ],
)
def test_a_number_has_four_digits(value: float, written: str) -> None:
    assert markup.number(value) == written


def test_a_figure_is_the_same_for_the_same_numbers_whatever_the_owner_set() -> None:
    before = dict(mpl.rcParams)
    plain = figures.lines("a", "b", [([0, 1], [0, 1])])
    assert dict(mpl.rcParams) == before
    with mpl.rc_context(
        {"lines.linewidth": 9, "axes.labelsize": 30, "axes.facecolor": "r"}
    ):
        assert figures.lines("a", "b", [([0, 1], [0, 1])]) == plain
    assert logging.getLogger("matplotlib").level == logging.NOTSET


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
    Page(figures.scatter("y", "prediction", (values, values[::-1])))
    Page(figures.histogram("error", "rows", values))


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
assert "matplotlib" not in sys.modules
report.write(Path("report.html"), found, report.Context("job", {}, {}, {}))
assert "matplotlib.pyplot" not in sys.modules
"""


def run(folder: Path, program: str = PROGRAM, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT / "model")} | environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return (folder / "report.html").read_text()


def test_without_matplotlib_there_is_a_page_without_figures(tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError")
    text = run(tmp_path)
    assert "matplotlib is not installed" in text
    assert "<svg" not in text
    assert "accuracy" in Page(text).text


@pytest.mark.parametrize("home", ["/proc", "/dev/null", ""])
def test_a_home_that_is_read_only_scares_nobody(tmp_path: Path, home: str) -> None:
    """There matplotlib has its cache, and it would warn on stderr."""
    assert run(tmp_path, HOME=home, XDG_CACHE_HOME="", XDG_CONFIG_HOME="").count("<svg")
