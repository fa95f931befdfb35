"""Fields as Microsoft's services write them: GUIDs in any case, text with odd blanks."""

from shared.adapters.http.payload import Payload
from shared.domain.errors import UnexpectedPayloadError
from shared.domain.ids import is_guid


def guid(field: Payload) -> str:
    """Return a GUID in lower case.

    Raises:
        UnexpectedPayloadError: It is none.
    """
    text = field.text().strip().lower()
    if not is_guid(text):
        raise UnexpectedPayloadError(f"{field.where}: expected a GUID")
    return text


def lowered(field: Payload) -> str | None:
    """Return text in lower case, or ``None`` when there is none."""
    return (field.text_or_none() or "").strip().lower() or None


def cleaned(field: Payload) -> str:
    """Return text with plain blanks and none at its ends; Microsoft's have no-break spaces."""
    return (field.text_or_none() or "").replace("\N{NO-BREAK SPACE}", " ").strip()
