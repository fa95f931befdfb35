"""A ``Notifier`` that opens a ticket in a PSA."""

from collections.abc import Callable

from shared.adapters.notify.texts import plain
from shared.domain.digests import Digest

OpenTicket = Callable[[str, str], None]
"""Opens one ticket with a title and a description; raises as ``Notifier.send``."""


class TicketNotifier:
    """Tickets of one PSA connection; how they are opened is the PSA's package's."""

    channel = "ticket"

    def __init__(self, name: str, open_ticket: OpenTicket) -> None:
        self.name = name
        self._open_ticket = open_ticket

    def send(self, digest: Digest) -> str:
        self._open_ticket(digest.subject, plain(digest))
        return ""
