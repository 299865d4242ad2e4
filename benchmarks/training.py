"""How long `data.read` takes for a channel, and how much memory: pandas' own is 1.

    .venv-tests/bin/python benchmarks/training.py

Makes files, and reads each folder in processes of its own, in turns: with `data.read`,
and file by file with pandas, then `pd.concat`. Both frames are compared. Takes the best
of RUNS. The last lines are the same without pyarrow, which pandas can do without.
"""

import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
ROWS = 500_000  # in the file that the others are made of
RUNS = 2
READ = {
    "ours": "data.read(folder)",
    "pandas": "pd.concat(map(read_file, files), ignore_index=True)",
}
PROGRAM = """
import json, sys, time
if "without" in sys.argv:
    sys.modules["pyarrow"] = None
from pathlib import Path
import pandas as pd
from runtime import data
folder = Path(sys.argv[1])
files = sorted(folder.iterdir())
read_file = {
    ".parquet": pd.read_parquet,
    ".jsonl": lambda file: pd.read_json(file, lines=True, precise_float=True),
}.get(files[0].suffix, pd.read_csv)
start = time.perf_counter()
frame = {expression}
seconds = time.perf_counter() - start
status = Path("/proc/self/status").read_text()
print(json.dumps([seconds, int(status.split("VmHWM:")[1].split()[0]) / 1024]))
if "compare" in sys.argv:
    other = pd.concat(map(read_file, files), ignore_index=True)
    pd.testing.assert_frame_equal(frame, other, rtol=1e-15)
"""


def mixed(n_rows: int) -> pd.DataFrame:
    """Make 20 columns: numbers, also with gaps, short text, categories, booleans."""
    random = np.random.default_rng(0)
    words = np.array([f"word{n}" for n in range(5000)])
    colours = np.array(["red", "green", "blue", "black"])
    columns: dict[str, object] = {}
    for n in range(5):
        columns[f"int{n}"] = random.integers(0, 10 ** (n + 2), n_rows)
        columns[f"float{n}"] = random.normal(size=n_rows).round(4 if n else 16)
    for n in range(4):
        values = random.normal(size=n_rows).round(3)
        columns[f"gaps{n}"] = np.where(random.random(n_rows) < 0.1, np.nan, values)
    for n in range(2):
        columns[f"text{n}"] = words[random.integers(0, len(words), n_rows)]
        columns[f"colour{n}"] = colours[random.integers(0, len(colours), n_rows)]
        columns[f"bool{n}"] = random.random(n_rows) < 0.5
    return pd.DataFrame(columns)


def prose(n_rows: int) -> pd.DataFrame:
    """Make 2 columns of text with some 200 letters, quoted as it has commas."""
    random = np.random.default_rng(0)
    words = np.array([f"word{n}," for n in range(5000)])
    text = [" ".join(words[random.integers(0, 5000, 25)]) for _ in range(n_rows)]
    return pd.DataFrame({"title": text, "body": text[::-1]})


def channels(folder: Path) -> dict[str, Path]:
    """Write each kind of channel to a folder. Returns: folders by what is in them."""

    def copies(name: str, source: Path, n_files: int) -> Path:
        channel = folder / name
        channel.mkdir()
        for n in range(n_files):
            shutil.copy(source, channel / f"part-{n:03}{source.suffix}")
        return channel

    def write(name: str, write_to: Callable[[Path], object]) -> Path:
        write_to(folder / name)
        return folder / name

    rows = mixed(ROWS)
    large = write("a.csv", lambda file: rows.to_csv(file, index=False))
    small = write("b.csv", lambda file: rows.head(ROWS // 50).to_csv(file, index=False))
    text = write("c.csv", lambda file: prose(ROWS // 10).to_csv(file, index=False))
    packed = write(
        "d.gz", lambda file: file.write_bytes(gzip.compress(large.read_bytes(), 1))
    )
    typed = write("e.parquet", rows.to_parquet)
    lines = write(
        "f.jsonl",
        lambda file: rows.to_json(
            file, orient="records", lines=True, double_precision=15
        ),
    )
    return {
        "CSV, 4 files": copies("large", large, 4),
        "CSV, 1 file": copies("one", large, 1),
        "CSV, 100 files": copies("small", small, 100),
        "CSV.gz, 2 files": copies("packed", packed, 2),
        "CSV, wide text": copies("text", text, 4),
        "Parquet, 4 files": copies("typed", typed, 4),
        "JSON Lines, 2 files": copies("lines", lines, 2),
    }


def run(expression: str, channel: Path, *words: str) -> list[float]:
    """Read a channel in a process of its own. Returns: seconds, peak MiB."""
    program = PROGRAM.replace("{expression}", expression)
    answer = subprocess.run(
        [sys.executable, "-c", program, str(channel), *words],
        cwd=ROOT / "model",
        stdout=subprocess.PIPE,
        check=True,
    )
    measured: list[float] = json.loads(answer.stdout)
    return measured


def measure(name: str, channel: Path, *words: str) -> None:
    """Print one line: seconds, then memory, each of both ways and their ratio."""
    run(READ["ours"], channel, "compare", *words)
    found: dict[str, list[list[float]]] = {way: [] for way in READ}
    for _ in range(RUNS):
        for way, expression in READ.items():
            found[way].append(run(expression, channel, *words))
    best = {way: list(map(min, zip(*runs, strict=True))) for way, runs in found.items()}
    (ours, our_peak), (pandas, peak) = best["ours"], best["pandas"]
    print(
        f"{name:24}{ours:14.2f}{pandas:14.2f}{pandas / ours:14.2f}"
        f"{our_peak:14.0f}{peak:14.0f}{our_peak / peak:14.2f}"
    )


def main() -> None:
    """Print a table."""
    heads = ("ours s", "pandas s", "times as fast", "ours MB", "pandas MB", "ratio")
    print(" " * 24 + "".join(f"{head:>14}" for head in heads))
    with tempfile.TemporaryDirectory() as folder:
        made = channels(Path(folder))
        for name, channel in made.items():
            measure(name, channel)
        for name in ("CSV, 4 files", "CSV.gz, 2 files"):
            measure(f"{name}, no pyarrow", made[name], "without")


if __name__ == "__main__":
    main()
