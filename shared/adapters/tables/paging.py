"""Continuation tokens: opaque text that says after which key a list goes on."""

import base64
import binascii

from shared.domain.errors import InvalidInputError

LARGEST_PAGE = 500

_FORM = "1"


def token(after: str) -> str:
    """Return the text for a list that goes on after the key."""
    return base64.urlsafe_b64encode(f"{_FORM}{after}".encode()).decode().rstrip("=")


def after(continuation: str | None) -> str:
    """Return the key after which the list goes on; empty for its beginning.

    Raises:
        InvalidInputError: The text is not one that ``token`` gave.
    """
    if continuation is None:
        return ""
    try:
        padded = continuation + "=" * (-len(continuation) % 4)
        text = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise _bad() from error
    if not text.startswith(_FORM) or len(text) == len(_FORM) or not text.isprintable():
        raise _bad()
    return text.removeprefix(_FORM)


def page_size(limit: int) -> int:
    """Return how many entries a page gets.

    Raises:
        InvalidInputError: The limit is not 1 to 500.
    """
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidInputError({"limit": f"must be 1 to {LARGEST_PAGE}"})
    return limit


def _bad() -> InvalidInputError:
    return InvalidInputError({"continuation": "is not one that a list of ours gave"})
