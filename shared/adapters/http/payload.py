"""Tames a vendor's JSON: every value is asked for by name and by type.

A wrong value raises ``UnexpectedPayloadError`` that names the field and what was expected of it
(``$.value[0].prepaidUnits.enabled: expected a whole number``), and never the value.
"""

import datetime as dt
import re
from decimal import Decimal

from shared.domain.errors import UnexpectedPayloadError
from shared.exact_json import Json

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ].*)?", re.DOTALL)
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d+))?([Zz]|[+-]\d\d:?\d\d)?"
)
_LARGEST = 2**53  # beyond it, not every JSON writer keeps whole numbers apart
_YEARS = range(1900, 9000)  # databases write a date that is none as year 1 or 9999


class Payload:
    """A JSON value and where it stands. A missing field reads like one that is null."""

    __slots__ = ("_value", "where")

    def __init__(self, value: Json, where: str = "$") -> None:
        self._value = value
        self.where = where

    def __getitem__(self, field: str) -> "Payload":
        """Return a field of an object."""
        if not isinstance(self._value, dict):
            raise self._expected("an object")
        return Payload(self._value.get(field), f"{self.where}.{field}")

    def items(self) -> tuple["Payload", ...]:
        """Return the elements of a list."""
        if not isinstance(self._value, list):
            raise self._expected("a list")
        return tuple(Payload(v, f"{self.where}[{i}]") for i, v in enumerate(self._value))

    def records(self) -> tuple["Payload", ...]:
        """Return the elements of a list, of which no two have the same ``id``, a whole number."""
        found = self.items()
        if len({one["id"].whole() for one in found}) < len(found):
            raise self._expected("a list with no record twice")
        return found

    def record(self, number: int) -> "Payload":
        """Return this object, if its ``id`` is the one that was asked for."""
        if self["id"].whole() != number:
            raise UnexpectedPayloadError(f"{self.where}.id: expected the record that was asked for")
        return self

    @property
    def value(self) -> Json:
        """The value as it came, untamed."""
        return self._value

    def texts(self) -> dict[str, str]:
        """Return the fields of an object that are text or whole numbers, as text; null has none."""
        if self.is_null:
            return {}
        if not isinstance(self._value, dict):
            raise self._expected("an object")
        return {name: str(v) for name, v in self._value.items() if isinstance(v, str | int)}

    @property
    def is_null(self) -> bool:
        """Whether the value is null or missing."""
        return self._value is None

    @property
    def is_object(self) -> bool:
        """Whether the value has fields."""
        return isinstance(self._value, dict)

    def text(self) -> str:
        """Return text as it stands, blanks and all; half a character is none."""
        value = self._value
        if not isinstance(value, str) or not (value.isascii() or _is_whole(value)):
            raise self._expected("text")
        return value

    def text_or_none(self) -> str | None:
        return None if self.is_null else self.text()

    def whole(self) -> int:
        """Return a whole number; ``10.00`` is one."""
        value = self._value
        if (
            isinstance(value, int | Decimal)
            and not isinstance(value, bool)
            and -_LARGEST < value < _LARGEST
            and value == int(value)
        ):
            return int(value)
        raise self._expected("a whole number")

    def whole_or_none(self) -> int | None:
        return None if self.is_null else self.whole()

    def count(self) -> int:
        """Return a whole number that is not negative."""
        number = self.whole()
        if number < 0:
            raise self._expected("a whole number, 0 or more")
        return number

    def count_or_none(self) -> int | None:
        return None if self.is_null else self.count()

    def decimal(self) -> Decimal:
        """Return a number, exactly as it was written; one beyond all measure is none."""
        value = self._value
        if (
            isinstance(value, bool)
            or not isinstance(value, int | Decimal)
            or not -_LARGEST < value < _LARGEST
        ):
            raise self._expected("a number")
        return Decimal(value)

    def decimal_or_none(self) -> Decimal | None:
        return None if self.is_null else self.decimal()

    def flag(self) -> bool:
        if not isinstance(self._value, bool):
            raise self._expected("true or false")
        return self._value

    def flag_or_none(self) -> bool | None:
        return None if self.is_null else self.flag()

    def date(self) -> dt.date:
        """Return the calendar date as it is written; time and zone are left aside."""
        found = _DATE.fullmatch(self.text().strip())
        if found:
            try:
                return dt.date.fromisoformat(found[1])
            except ValueError:
                pass
        raise self._expected("a date")

    def day(self) -> dt.date:
        """Return a calendar date that periods can be counted from: of the years 1900 to 8999."""
        found = self.date()
        if found.year not in _YEARS:
            raise self._expected("a date of our time")
        return found

    def day_or_none(self) -> dt.date | None:
        return None if self.is_null else self.day()

    def moment(self) -> dt.datetime:
        """Return an aware moment in UTC. One without a zone is in UTC; digits after the sixth of
        a fraction are cut off.
        """
        found = _MOMENT.fullmatch(self.text().strip())
        if found:
            day, time, fraction, zone = found.groups()
            micros = (fraction or "0")[:6].ljust(6, "0")
            time = time if time.count(":") == 2 else f"{time}:00"  # noqa: PLR2004 - h:m:s
            zone = "+00:00" if zone in {None, "Z", "z"} else zone
            try:
                return dt.datetime.fromisoformat(f"{day}T{time}.{micros}{zone}").astimezone(dt.UTC)
            except (ValueError, OverflowError):
                pass
        raise self._expected("a date with a time")

    def moment_or_none(self) -> dt.datetime | None:
        return None if self.is_null else self.moment()

    def _expected(self, what: str) -> UnexpectedPayloadError:
        return UnexpectedPayloadError(f"{self.where}: expected {what}")


def _is_whole(text: str) -> bool:
    """Return whether text can be written: JSON may name one half of a pair of surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
