"""A ``Notifier`` that opens a ticket in a PSA."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.adapters.notify.texts import plain
from shared.domain.digests import Digest
from shared.domain.ids import CompanyId
from shared.ports import Ticket, TicketGateway


@dataclass(frozen=True, slots=True)
class TicketConfig:
    """Where tickets go; see ``Ticket``."""

    company_id: CompanyId
    board: str | None = None
    priority: str | None = None


class TicketNotifier:
    """Tickets of one PSA connection."""

    channel = "ticket"

    def __init__(
        self, name: str, config: TicketConfig, gateway: Callable[[], TicketGateway]
    ) -> None:
        """Take where tickets go.

        Args:
            gateway: Returns the connection's, made at the first use.
        """
        self.name = name
        self._config = config
        self._gateway = gateway

    def send(self, digest: Digest) -> str:
        ticket = Ticket(
            title=digest.subject,
            text=plain(digest),
            company_id=self._config.company_id,
            board=self._config.board,
            priority=self._config.priority,
        )
        self._gateway().open_ticket(ticket)
        return ""
