import pytest

from runtime.errors import NotAcceptable
from runtime.formats.media_types import choose

CSV, JSON = "text/csv", "application/json"
OFFERED = (JSON, CSV)


@pytest.mark.parametrize("default", OFFERED)
@pytest.mark.parametrize("accept", ["", "*/*", "*", " ", ",", "*/*;q=0.1"])
def test_without_a_wish_the_default_is_the_answer(accept: str, default: str) -> None:
    """H-21."""
    assert choose(accept, default, OFFERED) == default


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("text/csv", CSV),
        ("TEXT/CSV", CSV),
        ("text/csv; header=absent", CSV),
        ("application/json; charset=utf-8", JSON),
        ("application/json; charset=latin-1", JSON),
        ("application/json; verbose=true", JSON),
        ("text/csv, */*", CSV),
        ("*/*, application/json", JSON),
        ("image/png, text/csv", CSV),
        ("application/json;q=0.1, text/csv", CSV),
        ("text/csv;q=0.5, application/json; Q=0.9", JSON),
        ("text/*", CSV),
        ("application/*", JSON),
        ("image/png, text/*;q=0.2, application/*;q=0.1", CSV),
        ("text/csv;header=absent;q=0.1, application/json", JSON),
        ("text/csv;q=high", CSV),
    ],
)
@pytest.mark.parametrize("default", OFFERED)
def test_the_wish_with_the_highest_weight_is_the_answer(
    default: str, accept: str, chosen: str
) -> None:
    """H-21, F-15."""
    assert choose(accept, default, OFFERED) == chosen


@pytest.mark.parametrize(
    "accept", ["text/csv, application/json", "application/json;q=0.5,text/csv;q=0.5"]
)
@pytest.mark.parametrize("default", OFFERED)
def test_of_types_that_are_named_alike_the_default_is_the_answer(
    default: str, accept: str
) -> None:
    """F-15: pandas' deserializer names two, and loses a row of CSV."""
    assert choose(accept, default, OFFERED) == default


@pytest.mark.parametrize("accept", ["image/png, */*;q=0.1", "*/*, image/png"])
@pytest.mark.parametrize("default", OFFERED)
def test_a_wildcard_stands_for_the_default(default: str, accept: str) -> None:
    """H-21."""
    assert choose(accept, default, OFFERED) == default


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("text/csv;q=0, */*", JSON),
        ("*/*, text/csv;q=0.0", JSON),
        ("text/*;q=0, */*;q=0.1", JSON),
        ("application/json;q=0, */*", CSV),
        ("application/json; q=0, text/csv", CSV),
    ],
)
@pytest.mark.parametrize("default", OFFERED)
def test_a_weight_of_zero_means_never(default: str, accept: str, chosen: str) -> None:
    """H-21."""
    assert choose(accept, default, OFFERED) == chosen


@pytest.mark.parametrize(
    "accept",
    [
        "image/png",
        "application/x-npy, text/html;q=0.9",
        "text/plain",
        "csv",
        "*/*;q=0",
        "text/csv;q=0, application/json;q=0",
    ],
)
@pytest.mark.parametrize("default", OFFERED)
def test_a_wish_that_cannot_be_met_is_refused_with_what_can(
    default: str, accept: str
) -> None:
    """H-25."""
    with pytest.raises(NotAcceptable, match="accept application/json or text/csv"):
        choose(accept, default, OFFERED)


@pytest.mark.parametrize("default", OFFERED)
@pytest.mark.parametrize(
    "accept",
    [
        "text/csv; charset=utf-8",
        "Text/CSV;Charset=UTF-8",
        'text/csv; charset="utf-8"',
        "text/csv;charset=utf8;q=0.5",
        "text/*; charset=utf-8",
        "application/json;q=0.1, text/csv; charset=utf-8",
        "text/csv; charset=latin-1, text/csv; charset=utf-8;q=0.1",
    ],
)
def test_a_charset_is_named_in_the_answer_to_those_who_ask_for_it(
    accept: str, default: str
) -> None:
    """B10; F-16: and to nobody else."""
    assert choose(accept, default, OFFERED) == "text/csv; charset=utf-8"


@pytest.mark.parametrize("default", OFFERED)
@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("text/csv, application/json;charset=utf-8;q=0.1", CSV),
        ("text/csv; charset=latin-1, application/json;q=0.1", JSON),
        ("*/*; charset=latin-1", JSON),
        ("text/csv; charset=utf-16, text/csv", CSV),
    ],
)
def test_a_charset_is_of_the_range_that_names_it(
    accept: str, chosen: str, default: str
) -> None:
    """B10: JSON has none, and text has only one."""
    assert choose(accept, default, OFFERED) == chosen


@pytest.mark.parametrize("charset", ["latin-1", "iso-8859-1", "utf-16", "us-ascii", ""])
def test_text_in_another_charset_is_refused(charset: str) -> None:
    """B10; RFC 9110, 12.5.1 and 15.5.7: it is none that we have."""
    with pytest.raises(NotAcceptable, match="in UTF-8"):
        choose(f"text/csv; charset={charset}", JSON, OFFERED)
