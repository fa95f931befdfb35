"""JSON that keeps money exact: numbers with a point are ``Decimal``, never ``float``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def loads(text: str | bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Parse JSON, every number with a point or an exponent as ``Decimal``.

    Raises:
        ValueError: The text is not JSON.
    """
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse)


def dumps(value: object) -> str:
    """Write JSON; a ``Decimal`` is written digit by digit, without an exponent.

    Raises:
        TypeError: There is something in it that JSON cannot say exactly, such as a float.
    """
    if isinstance(value, Decimal):
        return format(value, "f")
    if value is None or isinstance(value, bool | int | str):
        return json.dumps(value)
    if isinstance(value, Mapping):
        members = (f"{json.dumps(str(name))}:{dumps(below)}" for name, below in value.items())
        return f"{{{','.join(members)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(dumps(element) for element in value)}]"
    raise TypeError(f"{type(value).__name__} has no exact form in JSON")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
