"""Whether what is stored is still what somebody saw."""

from shared.domain.errors import StaleVersionError

ANY = "*"
"""Stands for whatever version is there, but something must be."""


def check_version(stored: str | None, if_match: str | None, what: str) -> None:
    """Return at once when what is stored may be replaced.

    Args:
        stored: Its version; ``None`` when there is nothing.
        if_match: The version the person saw; ``None`` asks for nothing.
        what: For the message, such as "this customer".

    Raises:
        StaleVersionError: It is another version, or nothing is there any more.
    """
    if if_match is None or stored == if_match or (if_match == ANY and stored is not None):
        return
    raise StaleVersionError(f"somebody saved {what} first; look at it again")
