"""Pieces of HTML. Every text that they are given is escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any


def document(title: str, style: str, body: Iterable[str]) -> str:
    """Give a whole page of finished pieces."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n{''.join(body)}</body>\n</html>\n"
    )


def section(title: str, body: str, *notes: str) -> str:
    """Give a heading, a finished piece, and notes below it."""
    small = "".join(f'<p class="note">{escape(note)}</p>\n' for note in notes)
    return f"<section>\n<h2>{escape(title)}</h2>\n{body}{small}</section>\n"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Give a table whose first column names its rows; an empty head is none.

    A cell that is a tuple is a text with a smaller one below it.
    """
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    lines = "".join(f"<tr>{_row(row)}</tr>\n" for row in rows)
    return _scroll(f"<thead><tr>{titles}</tr></thead>\n{lines}" if head else lines)


def bars(head: tuple[str, str], rows: Sequence[tuple[str, float, str]]) -> str:
    """Give a table of names, each with a bar for its number, then the words."""
    widest = max((value for _, value, _ in rows), default=0.0)
    lines = ""
    for name, value, words in rows:
        width = 70 * max(value, 0) / widest if widest > 0 else 0  # % of the cell
        lines += (
            f'<tr><th scope="row">{_text(name)}</th><td><div class="bar">'
            f'<i style="width:{width:.1f}%"></i>{escape(words)}</div></td></tr>\n'
        )
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    return _scroll(f"<thead><tr>{titles}</tr></thead>\n{lines}", "bars")


def matrix(names: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Give a table of counts, a cell the darker the larger its share of the row."""
    titles = "".join(f'<th scope="col">{_text(name)}</th>' for name in names)
    lines = ""
    for true, row in enumerate(counts):
        cells = "".join(
            _cell(count, count / max(sum(row), 1), right=said == true)
            for said, count in enumerate(row)
        )
        lines += f'<tr><th scope="row">{_text(names[true])}</th>{cells}</tr>\n'
    head = f"<thead><tr><td></td>{titles}</tr></thead>\n"
    return _scroll(head + lines, "matrix")


def legend(entries: Iterable[tuple[str, str]]) -> str:
    """Give colours with their names."""
    items = (
        f'<span><i style="background:{c}"></i>{escape(n)}</span>' for c, n in entries
    )
    return f'<p class="legend">{" ".join(items)}</p>\n'


def figure(caption: str, svg: str) -> str:
    """Give a finished figure with its caption."""
    return f"<figure><figcaption>{escape(caption)}</figcaption>{svg}</figure>\n"


def beside(*pieces: str) -> str:
    """Give finished pieces side by side where there is room."""
    return f'<div class="beside">\n{"".join(pieces)}</div>\n'


def number(value: float) -> str:
    """Write a number with four digits or all those before its point: 0.9701, 53.60."""
    size = int(f"{value:.3e}".partition("e")[2] or 0)
    if size not in range(-4, 9):
        return f"{value:.3e}"
    return f"{value:,.{max(0, 3 - size)}f}"


def percent(share: float) -> str:
    """Write a share: 0.97 is 97.0 %."""
    return f"{share:.1%}".replace("%", "\N{NO-BREAK SPACE}%")


def _row(cells: Sequence[Any]) -> str:
    first, *others = (_text(cell) for cell in cells)
    return f'<th scope="row">{first}</th>' + "".join(f"<td>{c}</td>" for c in others)


def _text(cell: Any) -> str:
    if isinstance(cell, tuple):
        text, small = cell
        return f"{_text(text)}<small>{_text(small)}</small>"
    return escape(str(cell)).replace("_", "_<wbr>")  # where a long name may break


def _cell(count: int, share: float, *, right: bool) -> str:
    colour = "43 131 214" if right else "224 112 32"
    if not count:
        return "<td>0</td>"
    style = f"background:rgb({colour} / {0.75 * share**0.5:.2f})"
    return f'<td style="{style}">{count:,}<small>{percent(share)}</small></td>'


def _scroll(lines: str, kind: str = "") -> str:
    """Let a table that is too wide for a phone move within the page."""
    return f'<div class="scroll"><table class="{kind}">\n{lines}</table></div>\n'
