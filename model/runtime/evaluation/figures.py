"""Figures as SVG to stand in a page. Only this file knows matplotlib, if it is there.

They take the page's colour of text and its width, hold no text of the owner's, and are
the same for the same numbers. The owner's own settings of matplotlib are left alone.
"""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#2b83d6", "#e07020", "#109a72", "#c65fa5", "#b8900c", "#8a70e0")  # in order
_INK = "#010203"  # becomes the page's colour of text
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "font.family": "DejaVu Sans",  # matplotlib's own; the page shows its own
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _INK,
    "grid.alpha": 0.15,
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_LEFT_OUT = re.compile(
    r"<style.*?</style>"  # it would style the whole page
    r'|(?<=<g) id="[^"]*"',  # each figure has the same ones
    re.DOTALL,
)
Points = tuple[Sequence[float], Sequence[float]]  # across, up


def available() -> bool:
    """Say whether matplotlib is there and finds a folder for its cache."""
    try:
        with _quiet():
            import matplotlib.figure  # noqa: PLC0415 -- 0.5 s, for a report only
    except (ImportError, OSError):
        return False
    return bool(matplotlib.figure)


def lines(across: str, up: str, curves: Sequence[Points]) -> str:
    """Draw curves between 0 and 1, the first in the first of COLOURS."""

    def plot(axes: "Axes") -> None:
        for colour, (xs, ys) in zip(COLOURS, curves, strict=False):
            axes.plot(xs, ys, color=colour, linewidth=2)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))

    return _draw(across, up, plot)


def scatter(across: str, up: str, points: Points) -> str:
    """Draw points, and the line where both numbers are equal."""

    def plot(axes: "Axes") -> None:
        axes.plot(*points, "o", color=COLOURS[0], markersize=4, alpha=0.5, mew=0)
        equal = (points[0][0], points[0][0])
        axes.axline(equal, slope=1, color=_INK, linewidth=1, linestyle="--")

    return _draw(across, up, plot)


def histogram(across: str, up: str, values: Sequence[float]) -> str:
    """Draw how often values lie where; equal ones have a bar of their own."""
    low, high = min(values), max(values)
    room = 1e-9 * max(-low, high) or 0.5  # what is closer falls into one of 30 bars
    if high - low < room:
        low, high = low - room, high + room

    def plot(axes: "Axes") -> None:
        axes.hist(values, bins=30, range=(low, high), color=COLOURS[0])

    return _draw(across, up, plot)


def _draw(across: str, up: str, plot: Callable[["Axes"], None]) -> str:
    title = f"{up} over {across}"
    import matplotlib as mpl  # noqa: PLC0415 -- likewise
    from matplotlib.figure import Figure  # noqa: PLC0415

    with _quiet(), mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE | {"svg.hashsalt": title})
        figure = Figure(figsize=(4.4, 3.3), layout="constrained")  # inches of 72 units
        axes = figure.subplots()
        plot(axes)
        axes.set(xlabel=across, ylabel=up)
        file = StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata=_NO_METADATA)
    return _inline(file.getvalue(), title)


def _inline(svg: str, title: str) -> str:
    """Make of a file an element that takes the page's width and tells what it shows."""
    size = re.search(r'viewBox="[^"]*"', svg)
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = _LEFT_OUT.sub("", body).replace(_INK, "currentColor")
    return f'<svg {size and size[0]} role="img" aria-label="{escape(title)}">{body}'


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep matplotlib from warning of a home that is read-only: it makes do without."""
    log: Any = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
