"""What is measured, and what comes of it."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
PAYLOAD = (ROOT / "local-test/payload.csv").read_text().splitlines()
# A lone row whose text is missing is a column of numbers to pandas, and an error to the
# pipeline behind it: only the rows that every server can answer.
LINES = [line for line in PAYLOAD if "NA" not in line]


@dataclass(frozen=True, slots=True)
class Case:
    """What is sent, over how many connections at once."""

    connections: int
    rows: int
    format: str = "CSV"

    def __str__(self) -> str:
        """Name it in a table."""
        rows = "row" if self.rows == 1 else "rows"
        ways = "connection" if self.connections == 1 else "connections"
        return f"{self.rows:,} {rows} of {self.format}, {self.connections} {ways}"

    @property
    def lines(self) -> list[str]:
        """Give the sample's rows, again and again."""
        return [LINES[n % len(LINES)] for n in range(self.rows)]


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one server in one case: the best round, and the errors of all."""

    requests: float  # a second
    rows: float  # a second
    p50: float  # milliseconds
    p99: float
    errors: int
    cpu: float  # seconds for 1000 requests
    memory: float  # MB
    pings: list[float] = field(default_factory=list)  # milliseconds, of all rounds

    @property
    def ping(self) -> float:
        """Milliseconds, p99."""
        return percentile(self.pings, 99)

    def beside(self, other: "Figures | None") -> "Figures":
        """Give the better of two rounds, with what went wrong in either."""
        if other is None:
            return self
        best = max(self, other, key=lambda round_: round_.requests)
        errors, pings = self.errors + other.errors, self.pings + other.pings
        return replace(best, errors=errors, pings=pings)


Results = dict[Case, dict[str, Figures]]  # by case and name of the server


def percentile(values: list[float], share: float) -> float:
    """Give a value that was measured: of a few the 99th percentile is the largest."""
    if not values:
        return float("nan")
    return float(np.percentile(values, share, method="higher"))
