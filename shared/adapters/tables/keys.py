"""Keys of entities: safe for the storage whatever they are made from, and sorted as we need it."""

import re
from datetime import UTC, datetime, timedelta

from shared.domain.ids import digest

SEPARATOR = "~"
"""Between the parts of a key; sorts after every other character of a key."""

OPEN_PREFIX = SEPARATOR
"""Begins the key of an entry that is stored a second time because it is open."""

LONGEST = 500  # of the 512 characters that the storage takes

_EMPTY = "="
_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LAST_MICROSECOND = 9_999_999_999_999_999  # in the year 2286; 16 digits
_LAST_MILLISECOND = 9_999_999_999_999  # the same moment; 13 digits


def key(*parts: str) -> str:
    """Return a key made of the parts; different parts give different keys.

    Characters other than letters, digits, ``_``, ``.`` and ``-`` are written as ``=`` and the
    hexadecimal digits of their UTF-8 bytes; an empty part as ``=``. What is too long ends in a
    digest.
    """
    whole = SEPARATOR.join(_UNSAFE.sub(_escaped, part) or _EMPTY for part in parts)
    if len(whole) <= LONGEST:
        return whole
    return f"{whole[: LONGEST - 40]}=={digest(whole, length=32)}"


def newest_first(moment: datetime, *, milliseconds: bool = False) -> str:
    """Return digits that sort later moments first: 16 of microseconds, or 13 of milliseconds."""
    elapsed = (moment - _EPOCH) // _MICROSECOND
    if milliseconds:
        return f"{_LAST_MILLISECOND - elapsed // 1000:013d}"
    return f"{_LAST_MICROSECOND - elapsed:016d}"


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"={byte:02X}" for byte in found.group().encode("utf-8", "surrogatepass"))
