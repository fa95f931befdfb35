"""How old the numbers of a tenant may be before nothing is lowered by them.

Source: docs/adr/0017-stale-data-and-tenants-that-come-and-go.md
"""

from datetime import datetime, timedelta

STALE_AFTER = timedelta(hours=48)
"""A snapshot older than this lowers nothing."""
MOST_FAILURES = 3
"""So many failed reads in a row are told, however young the snapshot is."""


def is_stale(read_at: datetime | None, now: datetime) -> bool:
    """Return whether the last complete read is too old, or never was."""
    return read_at is None or now - read_at > STALE_AFTER


def stale_reason(read_at: datetime, now: datetime) -> str | None:
    """Return why nothing is lowered by a snapshot of this moment, or ``None`` when it may be."""
    if not is_stale(read_at, now):
        return None
    return (
        f"the tenant was last read completely on {in_words(read_at)}, more than 48 hours ago; "
        "seats are not lowered until it is read again"
    )


def in_words(moment: datetime) -> str:
    """Return a moment as alerts and reasons write it, in UTC."""
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"
