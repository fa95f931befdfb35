"""The one place that chooses real adapters, once in a process, on first use.

Adapters are imported inside the functions that need them: loading Azure's libraries, msal and
requests takes half a second, which a cold start that only answers a health check must not pay.
"""
# ruff: noqa: PLC0415 - as the docstring says

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from shared.domain.errors import SettingsError
from shared.domain.ids import CompanyId, ConnectionName, TenantId
from shared.domain.plans import CreditMode
from shared.ports import (
    Clock,
    Connections,
    LicenseSource,
    Notifier,
    PartnerSubscriptions,
    PsaConnection,
    PsaGateway,
    RefreshTokens,
    Services,
    Telemetry,
    TicketGateway,
)
from shared.precedence import Precedence
from shared.settings import (
    AutotaskSettings,
    ConnectWiseSettings,
    HaloPsaSettings,
    MicrosoftSettings,
    NotifySettings,
    PsaSettings,
    Settings,
    SyncroSettings,
    TeamsSettings,
    TicketSettings,
    load_settings,
)
from shared.signals import TelemetryOff

if TYPE_CHECKING:
    import requests

    from shared.adapters.connections import NamedConnections
    from shared.adapters.http.session import OnCall
    from shared.adapters.microsoft.config import Credential, MicrosoftConfig
    from shared.adapters.storage import StorageAccount

POOL_SIZE = 64
"""Connections kept to each host: as many as the most threads that a worker is given."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What triggers need to know of where they run.

    Attributes:
        development: On somebody's own machine.
        auth_enabled: App Service Authentication stands in front, and its headers can be believed.
        sync_schedule: When the host starts a cycle, as NCRONTAB, in UTC.
    """

    development: bool
    auth_enabled: bool
    sync_schedule: str = ""


def services() -> Services:
    """Return everything that use cases need; all threads share it.

    Raises:
        SettingsError: Settings are missing or wrong; names every one, at each call.
    """
    with _process.lock:
        if _process.services is None:
            _process.services = _build(_settings())
        return _process.services


def telemetry() -> Telemetry:
    """Return what functions tell of themselves to; the log alone while settings are wrong."""
    from shared.adapters.telemetry.log import LogOnly

    with _process.lock:
        if _process.telemetry is None:
            try:
                settings = _settings()
            except SettingsError:
                return LogOnly()
            _process.telemetry = _telemetry(settings)
        return _process.telemetry


def precedence() -> Precedence:
    """Return who goes first in this process."""
    return _process.precedence


def environment() -> Environment:
    """Return where this process runs.

    Raises:
        SettingsError: As ``services``.
    """
    with _process.lock:
        settings = _settings()
    return Environment(
        development=settings.development,
        auth_enabled=settings.auth_enabled,
        sync_schedule=settings.sync_schedule,
    )


def reset_for_tests() -> None:
    """Forget settings and services, so that the next use reads the environment again."""
    with _process.lock:
        _process.settings = None
        _process.services = None
        _process.telemetry = None


@dataclass
class _Process:
    lock: threading.RLock = field(default_factory=threading.RLock)
    precedence: Precedence = field(default_factory=Precedence)
    settings: Settings | None = None
    services: Services | None = None
    telemetry: Telemetry | None = None


_process = _Process()


def _settings() -> Settings:
    if _process.settings is None:
        _process.settings = load_settings()
    return _process.settings


def _telemetry(settings: Settings) -> Telemetry:
    from shared.adapters.telemetry.log import LogOnly

    if settings.insights is None:
        return LogOnly()
    try:
        from shared.adapters.telemetry.azure_monitor import azure_monitor

        return azure_monitor(
            settings.insights.get_secret_value(),
            signs_in=settings.insights_identity is not None,
            client_id=settings.insights_client_id,
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, seats are billed without it
        found = LogOnly()
        found.tell(TelemetryOff(type(error).__name__))
        return found


def _build(settings: Settings) -> Services:
    from shared.adapters.http.session import pooled_http
    from shared.adapters.ids import RandomIds
    from shared.adapters.microsoft.sku_names import free_exclusions, sku_names
    from shared.adapters.once import OncePerRun
    from shared.adapters.queues import AccountHealth, LicenseSyncQueue, Queues, TenantSyncQueue
    from shared.adapters.storage import queue_service, table_service
    from shared.adapters.tables.repositories import repositories
    from shared.adapters.tables.table import Tables

    clock = _clock(settings)
    account = _account(settings)
    step = precedence().step
    tables = table_service(account, before_each=step)
    queue_client = queue_service(account, before_each=step)
    kept = repositories(Tables(tables), clock, timedelta(seconds=settings.lease_seconds))
    queues = Queues(queue_client)
    http = pooled_http(POOL_SIZE)
    told = telemetry()
    connections = _connections(settings, clock, http, kept.refresh_tokens, told)
    return Services(
        clock=clock,
        ids=RandomIds(),
        connections=connections,
        connection_states=kept.connection_states,
        sku_names=sku_names(),
        free_skus=free_exclusions(),
        customers=kept.customers,
        profiles=kept.profiles,
        books=kept.books,
        mappings=kept.mappings,
        custom_licenses=kept.custom_licenses,
        exclusions=kept.exclusions,
        snapshots=kept.snapshots,
        ledgers=kept.ledgers,
        intents=kept.intents,
        leases=kept.leases,
        changes=kept.changes,
        runs=kept.runs,
        trends=kept.trends,
        headers=kept.headers,
        approvals=kept.approvals,
        alerts=kept.alerts,
        reconciliation=kept.reconciliation,
        dismissals=kept.dismissals,
        deliveries=kept.deliveries,
        settings=kept.settings,
        run_memory=OncePerRun(),
        tenant_queue=TenantSyncQueue(queues, told),
        license_queue=LicenseSyncQueue(queues, told),
        storage_health=AccountHealth(tables, queue_client),
        telemetry=told,
        notifiers=_notifiers(settings, clock, http, connections, told),
        home_url=settings.home_url,
    )


def _clock(settings: Settings) -> Clock:
    from shared.adapters.clock import FileClock, SystemClock

    return SystemClock() if settings.clock_file is None else FileClock(settings.clock_file)


def _account(settings: Settings) -> "StorageAccount":
    from shared.adapters.storage import StorageAccount

    storage = settings.storage
    secret = storage.connection_string
    return StorageAccount(
        connection_string=None if secret is None else secret.get_secret_value(),
        table_uri=storage.table_endpoint,
        queue_uri=storage.queue_endpoint,
        client_id=storage.client_id,
    )


def _connections(
    settings: Settings,
    clock: Clock,
    http: "requests.Session",
    refresh_tokens: RefreshTokens,
    told: Telemetry,
) -> "NamedConnections":
    from shared.adapters.connections import NamedConnections
    from shared.adapters.microsoft.graph import graph_source
    from shared.adapters.microsoft.partnercenter import partner_center
    from shared.adapters.telemetry.calls import teller

    def microsoft(name: ConnectionName, chosen: MicrosoftSettings) -> Callable[[], LicenseSource]:
        config = _microsoft(chosen, development=settings.development)
        on_call = teller(f"microsoft/{name}", told)
        return lambda: graph_source(
            name, config, clock, http, on_call, refresh_tokens=refresh_tokens
        )

    def partner(
        name: ConnectionName, chosen: MicrosoftSettings
    ) -> Callable[[], PartnerSubscriptions | None]:
        config = _microsoft(chosen, development=settings.development)
        return lambda: partner_center(name, config, http, teller(f"microsoft/{name}", told))

    def psa(name: ConnectionName, chosen: PsaSettings) -> Callable[[], PsaConnection]:
        on_call = teller(f"psa/{name}", told)
        return lambda: psa_connection(name, chosen, clock, http, on_call)

    microsofts = {ConnectionName(name): one for name, one in settings.microsoft.items()}
    psas = {ConnectionName(name): one for name, one in settings.psa.items()}
    return NamedConnections(
        {name: microsoft(name, one) for name, one in microsofts.items()},
        {name: psa(name, one) for name, one in psas.items()},
        {name: partner(name, one) for name, one in microsofts.items()},
    )


def _microsoft(chosen: MicrosoftSettings, *, development: bool) -> "MicrosoftConfig":
    from shared.adapters.microsoft.clouds import CloudName
    from shared.adapters.microsoft.config import MicrosoftConfig

    token = chosen.refresh_token
    return MicrosoftConfig(
        tenant_id=TenantId(chosen.tenant_id),
        client_id=chosen.client_id,
        credential=_credential(chosen),
        cloud_name=CloudName(chosen.cloud),
        login_url=chosen.login_url,
        graph_url=chosen.graph_url,
        partner_center=chosen.partner_center,
        partner_center_url=chosen.partner_center_url,
        refresh_token=None if token is None else token.get_secret_value(),
        development=development,
    )


def _credential(chosen: MicrosoftSettings) -> "Credential":
    from shared.adapters.microsoft.config import Certificate, ClientSecret, ManagedIdentity

    if chosen.client_secret is not None:
        return ClientSecret(chosen.client_secret.get_secret_value())
    if chosen.certificate is not None:
        return Certificate(chosen.certificate.get_secret_value())
    return ManagedIdentity(chosen.managed_identity_client_id)


def psa_connection(
    name: ConnectionName,
    chosen: PsaSettings,
    clock: Clock,
    http: "requests.Session | None" = None,
    on_call: "OnCall | None" = None,
) -> PsaConnection:
    """Return a PSA connection as its settings say it.

    Args:
        http: The transport to share; a pool of its own when ``None``.
        on_call: Told of every call, as ``ApiSession`` does.
    """
    from shared.adapters.http.session import pooled_http

    http = http or pooled_http()
    gateway: PsaGateway
    if isinstance(chosen, AutotaskSettings):
        gateway = _autotask(name, chosen, clock, http, on_call)
    elif isinstance(chosen, HaloPsaSettings):
        gateway = _halopsa(name, chosen, clock, http, on_call)
    elif isinstance(chosen, SyncroSettings):
        gateway = _syncro(name, chosen, clock, http, on_call)
    else:
        gateway = _connectwise(name, chosen, clock, http, on_call)
    return PsaConnection(
        name=name,
        gateway=gateway,
        provider=chosen.provider,
        time_zone=chosen.time_zone,
        credit_mode=CreditMode(chosen.credits),
    )


def _notifiers(
    settings: Settings,
    clock: Clock,
    http: "requests.Session",
    connections: Connections,
    told: Telemetry,
) -> tuple[Notifier, ...]:
    return tuple(
        _notifier(name, one, clock, http, connections=connections, told=told)
        for name, one in sorted(settings.notify.items())
    )


def _notifier(
    name: str,
    chosen: NotifySettings,
    clock: Clock,
    http: "requests.Session",
    *,
    connections: Connections,
    told: Telemetry,
) -> Notifier:
    if isinstance(chosen, TicketSettings):
        from shared.adapters.notify.ticket import TicketConfig, TicketNotifier

        where = TicketConfig(CompanyId(chosen.company_id), chosen.board, chosen.priority)
        psa = ConnectionName(chosen.psa)
        return TicketNotifier(name, where, lambda: _ticket_gateway(psa, connections))
    if isinstance(chosen, TeamsSettings):
        from shared.adapters.notify.teams import TeamsNotifier
        from shared.adapters.telemetry.calls import teller

        on_call = teller(f"notify/{name}", told)
        return TeamsNotifier(name, chosen.url.get_secret_value(), http, on_call)
    from shared.adapters.notify.email import EmailConfig, EmailNotifier, Security

    password = chosen.password
    config = EmailConfig(
        host=chosen.host,
        port=chosen.usual_port,
        security=Security(chosen.security),
        sender=chosen.sender,
        recipients=chosen.recipients,
        username=chosen.username,
        password=None if password is None else password.get_secret_value(),
    )
    return EmailNotifier(name, config, clock)


def _ticket_gateway(psa: ConnectionName, connections: Connections) -> TicketGateway:
    gateway = connections.psa(psa).gateway
    if not isinstance(gateway, TicketGateway):
        raise SettingsError(f"PSA connection {psa} takes no tickets")
    return gateway


def _connectwise(
    name: ConnectionName,
    chosen: ConnectWiseSettings,
    clock: Clock,
    http: "requests.Session",
    on_call: "OnCall | None",
) -> PsaGateway:
    from shared.adapters.psa.connectwise.gateway import ConnectWiseConfig, connectwise_gateway

    config = ConnectWiseConfig(
        url=chosen.url,
        company_id=chosen.company_id,
        public_key=chosen.public_key.get_secret_value(),
        private_key=chosen.private_key.get_secret_value(),
        client_id=chosen.client_id,
    )
    return connectwise_gateway(name, config, clock, http, on_call)


def _autotask(
    name: ConnectionName,
    chosen: AutotaskSettings,
    clock: Clock,
    http: "requests.Session",
    on_call: "OnCall | None",
) -> PsaGateway:
    from shared.adapters.psa.autotask.gateway import autotask_gateway
    from shared.adapters.psa.autotask.zone import AutotaskConfig

    config = AutotaskConfig(
        url=chosen.url,
        user_name=chosen.username,
        secret=chosen.secret.get_secret_value(),
        integration_code=chosen.integration_code.get_secret_value(),
        time_zone=chosen.time_zone,
        units_to_zero=chosen.units_to_zero,
        posted_periods=chosen.posted_periods,
    )
    return autotask_gateway(name, config, clock, http, on_call)


def _halopsa(
    name: ConnectionName,
    chosen: HaloPsaSettings,
    clock: Clock,
    http: "requests.Session",
    on_call: "OnCall | None",
) -> PsaGateway:
    from shared.adapters.psa.halopsa.gateway import HaloPsaConfig, halopsa_gateway
    from shared.adapters.psa.halopsa.token import Application

    application = Application(
        auth_url=chosen.auth_url or urljoin(chosen.url, "/auth"),
        tenant=chosen.tenant,
        client_id=chosen.client_id,
        client_secret=chosen.client_secret.get_secret_value(),
        scopes=chosen.scopes,
    )
    config = HaloPsaConfig(
        url=chosen.url,
        application=application,
        negative_prorata=chosen.negative_prorata,
        calls_per_window=chosen.calls_per_five_minutes,
    )
    return halopsa_gateway(name, config, clock, http, on_call)


def _syncro(
    name: ConnectionName,
    chosen: SyncroSettings,
    clock: Clock,
    http: "requests.Session",
    on_call: "OnCall | None",
) -> PsaGateway:
    from shared.adapters.psa.syncro.gateway import SyncroConfig, syncro_gateway

    config = SyncroConfig(
        url=chosen.url,
        token=chosen.api_token.get_secret_value(),
        calls_per_minute=chosen.calls_per_minute,
    )
    return syncro_gateway(name, config, clock, http, on_call)
