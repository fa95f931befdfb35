"""JSON without ``float``: numbers with a point are ``Decimal``, read and written digit by digit."""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

Json = Any  # a value that json.loads returned

_MOST_DIGITS = 400
_MOST_ZEROS = 308
"""A number that doubles cannot say is no number of anybody's; written out, it fills the memory."""


def loads(text: bytes | str) -> Json:
    """Parse JSON.

    Raises:
        ValueError: The text is not JSON, or has NaN, an infinity or a number beyond all measure in
            it.
    """
    try:
        return json.loads(text, parse_float=_decimal, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error


def dumps(value: object) -> str:
    """Write JSON; ``Decimal("0.10")`` becomes ``0.10``.

    Raises:
        TypeError: JSON cannot say a value exactly, such as a ``float``.
        ValueError: A ``Decimal`` is not finite.
    """
    if value is None or isinstance(value, bool | int | str):
        return json.dumps(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not a JSON number")
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(_member(name, below) for name, below in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(dumps(element) for element in value) + "]"
    raise TypeError(f"{type(value).__name__} has no exact form in JSON")


def _member(name: object, value: object) -> str:
    if not isinstance(name, str):
        raise TypeError("the names in a JSON object are text")
    return f"{json.dumps(name)}:{dumps(value)}"


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueError("a number is beyond all measure") from error
    if len(text) > _MOST_DIGITS or abs(number.adjusted()) > _MOST_ZEROS:
        raise ValueError("a number is beyond all measure")
    return number


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
