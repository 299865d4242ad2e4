"""What the template wants to reach, as one table: measured, wanted, reached or not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from measured import Case, Figures, Results, percentile
from peers import FOREIGN, ONNX, SKLEARN
from tables import short, table

ONE, MANY, LARGE = Case(1, 1), Case(64, 1), Case(1, 40_000)
PEERS = ("naive", *FOREIGN)
IN_PROCESS = ("in process, pandas and scikit-learn", "in process, csv and ONNX")


@dataclass(frozen=True, slots=True)
class Target:
    """A line of the table."""

    text: str
    value: float
    most: float | None = None
    least: float | None = None
    unit: str = "x"

    def cells(self) -> tuple[str, str, str, str]:
        """Give the cells of its line."""
        limit = f"≤ {self.most:g}" if self.most is not None else f"≥ {self.least:g}"
        reached = "yes" if self.reached else "**no**"
        return (
            self.text,
            f"{limit} {self.unit}",
            f"{short(self.value)} {self.unit}",
            reached,
        )

    @property
    def reached(self) -> bool:
        """Say whether it is."""
        if self.most is not None:
            return self.value <= self.most
        return self.value >= (self.least or 0)


def targets(found: Results) -> Iterator[Target]:
    """Compare ours with the others. Raises: KeyError, where one was not measured."""
    yield from throughput(found[MANY])
    yield from latency(found[ONE])
    yield from scikit_learn(found[MANY], found[ONE])
    yield from large(found[LARGE])
    yield from steadiness(found)


def throughput(at: dict[str, Figures]) -> Iterator[Target]:
    """Compare requests a second."""
    ours, text = at[ONNX].requests, "ONNX, requests/s, 1 row, 64 connections:"
    yield Target(f"{text} classic", ours / at["classic"].requests, least=100)
    yield Target(f"{text} best peer", ours / best(at, max, requests), least=10)
    yield Target(f"{text} empty route", ours / at["empty"].requests, least=1)


def latency(at: dict[str, Figures]) -> Iterator[Target]:
    """Compare milliseconds of one row."""
    ours, text = at[ONNX].p50, "ONNX, p50, 1 row, 1 connection:"
    yield Target(f"{text} classic", ours / at["classic"].p50, most=0.03)
    above = ours - at["empty"].p50
    yield Target(f"{text} above the empty route", above, most=0.1, unit="ms")


def scikit_learn(many: dict[str, Figures], one: dict[str, Figures]) -> Iterator[Target]:
    """Give the same for the estimator itself."""
    ours, text = many[SKLEARN].requests, "scikit-learn, requests/s, 64 connections:"
    yield Target(f"{text} classic", ours / many["classic"].requests, least=10)
    yield Target(f"{text} best peer", ours / best(many, max, requests), least=2)
    quickest = min(one["classic"].p50, best(one, min, lambda figures: figures.p50))
    text = "scikit-learn, p50, 1 row, 1 connection: quickest other"
    yield Target(text, one[SKLEARN].p50 / quickest, most=1)
    text = "scikit-learn, p50, 1 row, 1 connection: naive"
    yield Target(text, one[SKLEARN].p50 / one["naive"].p50, most=0.75)


def large(at: dict[str, Figures]) -> Iterator[Target]:
    """Compare rows a second of a large body."""
    text = "rows/s, bodies of 40,000 rows, 1 connection:"
    for name, limit in zip((SKLEARN, ONNX), IN_PROCESS, strict=True):
        ours = at[name].rows
        yield Target(f"{name}, {text} classic", ours / at["classic"].rows, least=2)
        yield Target(f"{name}, {text} {limit}", ours / at[limit].rows, least=0.8)


def steadiness(found: Results) -> Iterator[Target]:
    """Look at tails, pings and memory."""
    for name in (ONNX, SKLEARN):
        ours = found[MANY][name]
        text = f"{name}, p99 over p50, 1 row, 64 connections"
        yield Target(text, ours.p99 / ours.p50, most=4)
        pings = [ping for case in found.values() for ping in case[name].pings]
        text = f"{name}, /ping p99, all cases together"
        yield Target(text, percentile(pings, 99), most=50, unit="ms")
        ratio = ours.memory / found[MANY]["classic"].memory
        yield Target(
            f"{name}, memory after 1 row, 64 connections: classic", ratio, most=0.6
        )


def requests(figures: Figures) -> float:
    """Give requests a second."""
    return figures.requests


def best(
    at: dict[str, Figures],
    of: Callable[..., float],
    figure: Callable[[Figures], float],
) -> float:
    """Give the figure of the best peer."""
    return of(figure(at[name]) for name in PEERS)


def reached(found: Results) -> str:
    """Give the table."""
    heads = ("target", "wanted", "measured", "reached")
    return table(heads, [target.cells() for target in targets(found)])
