"""Arrow's types, and those that stand for them here: in Parquet files and requests."""

import re
from typing import Any

ROW_NUMBERS = re.compile(r"__index_level_\d+__")  # pandas' own, and no data


def arrow_type(given: Any) -> Any:
    """Give the type that stands for another one, None where there is none."""
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 -- may lack

    is_a = pa.types
    if is_a.is_signed_integer(given) or given in (pa.uint8(), pa.uint16(), pa.uint32()):
        return pa.int64()
    if is_a.is_boolean(given):
        return given
    if is_a.is_string(given) or is_a.is_large_string(given):
        return pa.large_string()
    numbers = (is_a.is_uint64, is_a.is_floating, is_a.is_decimal, is_a.is_null)
    return pa.float64() if any(is_one(given) for is_one in numbers) else None
