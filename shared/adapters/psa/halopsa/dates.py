"""Calendar dates as HaloPSA writes them: moments whose time means nothing."""

from datetime import date

from shared.adapters.http.payload import Payload

_EARLIEST, _LATEST = 1901, 9000
"""Years outside are how its database says that there is no date: 1900-01-01, 9999-12-31."""


def day_or_none(payload: Payload) -> date | None:
    """Return the calendar date, or ``None`` where there is none.

    Raises:
        UnexpectedPayloadError: It is something else than a date.
    """
    if payload.is_null or not payload.text().strip():
        return None
    day = payload.date()
    return day if _EARLIEST <= day.year < _LATEST else None


def midnight(day: date) -> str:
    """Return the date as HaloPSA takes it."""
    return f"{day.isoformat()}T00:00:00"
