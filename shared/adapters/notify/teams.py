"""A ``Notifier`` that posts an adaptive card to a Teams workflow's webhook."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from shared import exact_json
from shared.adapters.http.session import ApiSession, OnCall, Timeout
from shared.adapters.notify.texts import WHERE, more
from shared.domain.digests import Digest, DigestSection

MOST_BYTES: Final = 20_000
"""Of a card; Teams takes 28 KB of what it makes of one."""
_LONGEST_LINE: Final = 1000
_CUT: Final = "There is more than a card can hold."


class TeamsNotifier:
    """One workflow. Its address is a secret: whoever knows it may post."""

    channel = "teams"

    def __init__(
        self, name: str, url: str, http: requests.Session, on_call: OnCall | None = None
    ) -> None:
        self.name = name
        parts = urlsplit(url)
        self._path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self._session = ApiSession(
            name,
            f"{parts.scheme}://{parts.netloc}",
            http,
            timeout=Timeout(read=30.0),
            on_call=on_call,
            remedy=f"Make the workflow's address anew, and put it into NOTIFY__{name}__URL.",
        )

    def send(self, digest: Digest) -> str:
        self._session.send_json("POST", self._path, _message(digest), kind="teams.post")
        return ""


def _message(digest: Digest) -> dict[str, Any]:
    """The message as a workflow takes it, with as many alerts as fit."""
    sections, cut = list(digest.sections), False
    while True:
        message = _with_card(_card(digest, sections, cut=cut))
        if len(exact_json.dumps(message).encode()) <= MOST_BYTES or not sections:
            return message
        last, cut = sections.pop(), True
        half = len(last.lines) // 2
        if half:
            sections.append(
                DigestSection(last.title, last.lines[:half], last.more + len(last.lines) - half)
            )


def _with_card(card: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": card,
            }
        ],
    }


def _card(digest: Digest, sections: list[DigestSection], *, cut: bool) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [
            _text(digest.subject, size="Large", weight="Bolder"),
            *(block for section in sections for block in _section(section)),
            *([_text(_CUT, isSubtle=True)] if cut else []),
        ],
    }
    if digest.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": WHERE, "url": digest.link}]
    return card


def _section(section: DigestSection) -> Iterator[dict[str, Any]]:
    yield _text(section.title, weight="Bolder", spacing="Medium")
    for line in section.lines:
        yield _text(line[:_LONGEST_LINE])
    if section.more:
        yield _text(more(section), isSubtle=True)


def _text(text: str, **more_of_it: object) -> dict[str, Any]:
    # A card reads Markdown: what a name holds must not become a link or a heading.
    plain = "".join(f"\\{char}" if char in "\\`*_[]()#" else char for char in text)
    return {"type": "TextBlock", "text": plain, "wrap": True, **more_of_it}
