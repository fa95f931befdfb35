"""Values as the properties of an entity: JSON in strings, and the version of its shape.

Pydantic reads and writes the domain's own dataclasses, strictly: a number is never taken for a
string. Fields that a stored value lacks take their defaults, so a release may add fields that have
one; anything else needs a new ``SCHEMA`` and a way to read the old one.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from shared.domain.errors import OperatorActionError

T = TypeVar("T")

SCHEMA = 1
PIECE = 16_000
"""Characters in one property. It holds 32 K UTF-16 units, and one character takes at most two."""

LARGEST = 1_000_000
"""Bytes of JSON in one entity, as the storage counts them; it takes 1 MiB with all the rest."""


class Codec(Generic[T]):
    """How values of one type are stored.

    Args:
        kind: The type, as pydantic takes it.
        what: One of them, in words, for errors.
    """

    def __init__(self, kind: Any, what: str) -> None:  # noqa: ANN401 -- a type form has no type
        self._kind = kind
        self._what = what

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        # Built at first use: it takes milliseconds, and nothing works at import.
        return TypeAdapter(self._kind)

    def encode(self, value: T) -> dict[str, str | int]:
        """Return the value's properties.

        Raises:
            OperatorActionError: It is larger than the storage can hold.
        """
        text = self._adapter.dump_json(value).decode()
        size = len(text.encode("utf-16-le"))
        if size > LARGEST:
            raise OperatorActionError(
                f"{self._what} is too large to store: {size} of at most {LARGEST} bytes"
            )
        pieces = range(0, len(text), PIECE)
        return {"schema": SCHEMA} | {
            _property(number): text[start : start + PIECE] for number, start in enumerate(pieces)
        }

    def decode(self, entity: Mapping[str, Any]) -> T:
        """Return the value of an entity.

        Raises:
            OperatorActionError: A newer Seatsync wrote it, or it is damaged.
        """
        schema = entity.get("schema")
        if not isinstance(schema, int) or schema > SCHEMA:
            raise OperatorActionError(
                f"{self._what} was stored in form {schema!r}, and this Seatsync reads forms up to "
                f"{SCHEMA}: run the newer version again"
            )
        pieces: list[str] = []
        while (piece := entity.get(_property(len(pieces)))) is not None:
            pieces.append(piece)
        try:
            return self._adapter.validate_json("".join(pieces), strict=True)
        except ValidationError as error:
            where = ", ".join(sorted({_place(problem["loc"]) for problem in error.errors()}))
            raise OperatorActionError(f"{self._what} is stored damaged: {where}") from error


def _property(number: int) -> str:
    return "data" if number == 0 else f"data{number}"


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "not JSON"
