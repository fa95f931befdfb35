"""The connections that the settings name: which there are, and whether they work."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.domain.alerts import AlertKind
from shared.domain.digests import Digest, DigestSection
from shared.domain.errors import AccessDeniedError, NotFoundError, SeatsyncError
from shared.domain.ids import ConnectionName
from shared.ports import Notifier, Services
from shared.usecases.alert_board import clear_alerts
from shared.usecases.pauses import psa_key
from shared.usecases.send_digests import notifier_states


class ConnectionKind(StrEnum):
    """What a connection leads to."""

    MICROSOFT = "microsoft"
    PSA = "psa"
    NOTIFIER = "notifier"


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """A connection.

    Attributes:
        provider: Microsoft, or which PSA.
        time_zone: Whose calendar dates the PSA bills by.
        paused_until: When it may be used again; ``None`` when it may be now. A Microsoft
            connection always may: only single tenants wait.
        problem: Why a notifier's last message was not sent, or may not have been.
    """

    name: ConnectionName
    kind: ConnectionKind
    provider: str
    time_zone: str | None
    paused_until: datetime | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionTest:
    """How the test of a connection went.

    Attributes:
        detail: What was found, or what to do.
    """

    name: ConnectionName
    kind: ConnectionKind
    works: bool
    detail: str


def list_connections(services: Services) -> tuple[ConnectionView, ...]:
    """Return the connections, Microsoft's first, and the notifiers last."""
    microsoft = [
        ConnectionView(name, ConnectionKind.MICROSOFT, "microsoft", None, None)
        for name in services.connections.microsoft_names()
    ]
    psas = [services.connections.psa(name) for name in services.connections.psa_names()]
    return (
        *microsoft,
        *(
            ConnectionView(
                psa.name,
                ConnectionKind.PSA,
                psa.provider,
                psa.time_zone,
                services.connection_states.paused_until(psa_key(psa.name)),
            )
            for psa in psas
        ),
        *(
            ConnectionView(
                ConnectionName(one.name),
                ConnectionKind.NOTIFIER,
                one.channel,
                None,
                None,
                one.problem,
            )
            for one in notifier_states(services)
        ),
    )


def try_connection(name: ConnectionName, services: Services) -> tuple[ConnectionTest, ...]:
    """Read a little through the connections of this name, and say how it went.

    Connections of several kinds may share a name; all are tested then. A notifier sends a message
    that says so.

    Raises:
        NotFoundError: The settings name no such connection.
    """
    results = []
    if name in services.connections.microsoft_names():
        results.append(_tested(name, ConnectionKind.MICROSOFT, services))
    if name in services.connections.psa_names():
        results.append(_tested(name, ConnectionKind.PSA, services))
    results += [_told(one) for one in services.notifiers if one.name == name]
    if not results:
        raise NotFoundError(f"there is no connection {name}")
    return tuple(results)


def _told(notifier: Notifier) -> ConnectionTest:
    name, kind = ConnectionName(notifier.name), ConnectionKind.NOTIFIER
    line = "Somebody tested this notifier on the Connections page. There is nothing to do."
    try:
        note = notifier.send(Digest("Seatsync: a test", (DigestSection("Test", (line,)),)))
    except AccessDeniedError as error:
        return ConnectionTest(name, kind, works=False, detail=error.in_full)
    except SeatsyncError as error:
        return ConnectionTest(name, kind, works=False, detail=str(error))
    return ConnectionTest(name, kind, works=not note, detail=note or "a test message was sent")


def _tested(name: ConnectionName, kind: ConnectionKind, services: Services) -> ConnectionTest:
    try:
        if kind is ConnectionKind.PSA:
            found = services.connections.psa(name).gateway.check()
        else:
            tenants = services.connections.microsoft(name).list_tenants()
            found = f"{len(tenants)} customer tenants"
            clear_alerts(AlertKind.SIGN_IN_BROKEN, services, subject=name)
    except AccessDeniedError as error:
        return ConnectionTest(name, kind, works=False, detail=error.in_full)
    except SeatsyncError as error:
        return ConnectionTest(name, kind, works=False, detail=str(error))
    return ConnectionTest(name, kind, works=True, detail=found)
