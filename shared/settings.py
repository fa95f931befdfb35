"""Everything the environment says, read once, checked as a whole.

The only reader of the environment. A problem is named by its variable, never by its value, and all
problems are told at once. ``docs/settings.md`` explains each setting.

Plain pydantic: pydantic-settings would take another 0.12 s of each cold start, and could neither
tell a misspelt variable nor name one at fault as its operator wrote it.
"""

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails

from shared.domain.errors import SettingsError

DEVELOPMENT: Final = "Development"
SEPARATOR: Final = "__"
LEASE_SECONDS: Final = 60
"""How long a worker that died keeps a line group to itself."""

_CONNECTION_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DOMAIN = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_CRON_FIELD = r"[A-Za-z0-9*/,-]+"
_NCRONTAB = re.compile(rf"{_CRON_FIELD}(?: +{_CRON_FIELD}){{4,5}}")
_ADDRESS = re.compile(r"[^@\s,;<>\"]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_LAST_PORT = 65535
_MOST_DIGITS = 18
_KEY_VAULT = "@Microsoft.KeyVault("
_VERY_SIMILAR = 0.88
_FEWEST_CALLS = 10  # a change takes three, and a list has pages


def _url(text: str, info: ValidationInfo) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL such as https://host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a URL without user, query or fragment")
    if parts.scheme == "http" and not (info.context or {}).get("development"):
        raise ValueError(f"must begin with https (plain http is for {DEVELOPMENT} only)")
    return text.rstrip("/")


def _guid(text: str) -> str:
    if not _GUID.fullmatch(text):
        raise ValueError("must be a GUID")
    return text.lower()


def _directory(text: str) -> str:
    if not (_GUID.fullmatch(text) or _DOMAIN.fullmatch(text)):
        raise ValueError("must be a GUID or a domain name")
    return text.lower()


def _time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (LookupError, ValueError, OSError):  # an unknown name, or one that looks like a path
        raise ValueError("must be an IANA time zone such as Europe/Berlin") from None
    return text


def _schedule(text: str) -> str:
    if not _NCRONTAB.fullmatch(text.strip()):
        raise ValueError("must be an NCRONTAB expression such as 0 0 2 * * *")
    return text.strip()


def _lease_seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LEASE_SECONDS):
        raise ValueError(f"must be a whole number of seconds from 1 to {LEASE_SECONDS}")
    return int(text)


def _calls(text: object) -> int:
    if not (str(text).isascii() and str(text).isdigit() and int(str(text)) >= _FEWEST_CALLS):
        raise ValueError(f"must be a whole number of calls, {_FEWEST_CALLS} or more")
    return int(str(text))


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("must be an e-mail address")
    return text


def _addresses(value: object) -> object:
    """Take addresses between commas apart."""
    if not isinstance(value, str):
        return value
    return tuple(one.strip() for one in value.split(",") if one.strip())


def _some_addresses(addresses: tuple[str, ...]) -> tuple[str, ...]:
    if not addresses or not all(_ADDRESS.fullmatch(one) for one in addresses):
        raise ValueError("must be e-mail addresses with commas between them")
    return addresses


def _port(text: object) -> int:
    if not (str(text).isascii() and str(text).isdigit() and 1 <= int(str(text)) <= _LAST_PORT):
        raise ValueError(f"must be a port from 1 to {_LAST_PORT}")
    return int(str(text))


def _number(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise ValueError("must be a number of the PSA")
    return text


def _secret_url(secret: SecretStr, info: ValidationInfo) -> SecretStr:
    parts = urlsplit(secret.get_secret_value())
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise ValueError("must be a URL such as https://host/path")
    if parts.scheme == "http" and not (info.context or {}).get("development"):
        raise ValueError(f"must begin with https (plain http is for {DEVELOPMENT} only)")
    return secret


def _connection_string(secret: SecretStr) -> SecretStr:
    names = {part.partition("=")[0] for part in secret.get_secret_value().split(";") if part}
    known = {"UseDevelopmentStorage", "AccountName", "TableEndpoint", "QueueEndpoint"}
    if not names & known:
        raise ValueError("must be a connection string of a storage account")
    return secret


def _component(secret: SecretStr) -> SecretStr:
    if not _GUID.fullmatch(_pairs(secret.get_secret_value()).get("instrumentationkey", "")):
        raise ValueError("must be a connection string of Application Insights")
    return secret


def _identity(text: str) -> str:
    pairs = _pairs(text)
    known = pairs.keys() <= {"authorization", "clientid"} and pairs.get("authorization") == "AAD"
    if not known or ("clientid" in pairs and not _GUID.fullmatch(pairs["clientid"])):
        raise ValueError("must be Authorization=AAD or ClientId=<GUID>;Authorization=AAD")
    return text


def _pairs(text: str) -> dict[str, str]:
    """The values of ``name=value;name=value`` by their names in lower case."""
    parts = (one.partition("=") for one in text.split(";") if one.strip())
    return {name.strip().lower(): value.strip() for name, _, value in parts}


def _flag(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


Url = Annotated[str, AfterValidator(_url)]
Guid = Annotated[str, AfterValidator(_guid)]
Directory = Annotated[str, AfterValidator(_directory)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Schedule = Annotated[str, AfterValidator(_schedule)]
ConnectionString = Annotated[SecretStr, AfterValidator(_connection_string)]
Component = Annotated[SecretStr, AfterValidator(_component)]
Identity = Annotated[str, AfterValidator(_identity)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Address = Annotated[str, AfterValidator(_address)]
Addresses = Annotated[tuple[str, ...], BeforeValidator(_addresses), AfterValidator(_some_addresses)]
Port = Annotated[int, BeforeValidator(_port)]
Number = Annotated[str, AfterValidator(_number)]
SecretUrl = Annotated[SecretStr, AfterValidator(_secret_url)]
Calls = Annotated[int, BeforeValidator(_calls)]
LeaseSeconds = Annotated[int, BeforeValidator(_lease_seconds)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


P = TypeVar("P", bound=_Part)
V = TypeVar("V", bound=_Part)


class StorageSettings(_Part):
    """``AzureWebJobsStorage``: a connection string, or addresses and a managed identity."""

    connection_string: ConnectionString | None = None
    account_name: str | None = None
    blob_service_uri: Url | None = None
    queue_service_uri: Url | None = None
    table_service_uri: Url | None = None
    credential: Literal["managedidentity"] | None = None
    client_id: Guid | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> "StorageSettings":
        addressed = self.account_name or (self.queue_service_uri and self.table_service_uri)
        if self.connection_string is None and not addressed:
            raise ValueError(
                "is missing: give a connection string, or AzureWebJobsStorage__accountName, or "
                "AzureWebJobsStorage__tableServiceUri and AzureWebJobsStorage__queueServiceUri"
            )
        if self.connection_string is not None and addressed:
            raise ValueError(
                "is a connection string, and AzureWebJobsStorage__… gives addresses too"
            )
        return self

    @property
    def table_endpoint(self) -> str | None:
        """Where the tables are, unless the connection string says it."""
        return self.table_service_uri or self._of_account("table")

    @property
    def queue_endpoint(self) -> str | None:
        """Where the queues are, unless the connection string says it."""
        return self.queue_service_uri or self._of_account("queue")

    def _of_account(self, service: str) -> str | None:
        name = self.account_name
        return None if name is None else f"https://{name}.{service}.core.windows.net"


class MicrosoftSettings(_Part):
    """``MICROSOFT__<name>__…``: the partner's app registration."""

    tenant_id: Directory
    client_id: Guid
    client_secret: SecretStr | None = None
    certificate: SecretStr | None = None
    managed_identity_client_id: Guid | None = None
    mode: Literal["app_only", "gdap"] = "app_only"
    refresh_token: SecretStr | None = None
    cloud: Literal["global", "gcc_high", "dod", "china"] = "global"
    partner_center: Flag = False
    login_url: Url | None = None
    graph_url: Url | None = None
    partner_center_url: Url | None = None

    @model_validator(mode="after")
    def _one_credential(self) -> "MicrosoftSettings":
        given = (self.client_secret, self.certificate, self.managed_identity_client_id)
        if sum(one is not None for one in given) != 1:
            raise ValueError(
                "needs exactly one of CLIENT_SECRET, CERTIFICATE and MANAGED_IDENTITY_CLIENT_ID"
            )
        return self

    @model_validator(mode="after")
    def _one_way_in(self) -> "MicrosoftSettings":
        if self.mode == "gdap" and self.refresh_token is None:
            raise ValueError("needs REFRESH_TOKEN, because MODE is gdap")
        if self.mode != "gdap" and self.refresh_token is not None:
            raise ValueError("has a REFRESH_TOKEN, which only MODE gdap uses")
        return self

    @model_validator(mode="after")
    def _partner_center_exists(self) -> "MicrosoftSettings":
        if self.partner_center and self.cloud == "dod":
            raise ValueError("has PARTNER_CENTER, which the CLOUD dod has not")
        return self


class ConnectWiseSettings(_Part):
    """``PSA__<name>__…`` with the provider ``connectwise``."""

    provider: Literal["connectwise"]
    url: Url
    company_id: str
    public_key: SecretStr
    private_key: SecretStr
    client_id: str
    time_zone: TimeZone = "UTC"
    credits: Literal["write", "report"] = "write"


class AutotaskSettings(_Part):
    """``PSA__<name>__…`` with the provider ``autotask``."""

    provider: Literal["autotask"]
    url: Url = "https://webservices.autotask.net"
    username: str
    secret: SecretStr
    integration_code: SecretStr
    time_zone: TimeZone = "UTC"
    credits: Literal["write", "report"] = "write"
    units_to_zero: Flag = False
    posted_periods: Flag = False


class HaloPsaSettings(_Part):
    """``PSA__<name>__…`` with the provider ``halopsa``."""

    provider: Literal["halopsa"]
    url: Url
    auth_url: Url | None = None
    tenant: str | None = None
    client_id: str
    client_secret: SecretStr
    scopes: str = "all"
    time_zone: TimeZone = "UTC"
    credits: Literal["write", "report"] = "write"
    negative_prorata: Flag = False
    calls_per_five_minutes: Calls = 250


class SyncroSettings(_Part):
    """``PSA__<name>__…`` with the provider ``syncro``."""

    provider: Literal["syncro"]
    url: Url
    api_token: SecretStr
    time_zone: TimeZone = "UTC"
    credits: Literal["write", "report"] = "write"
    calls_per_minute: Calls = 150


PsaSettings = ConnectWiseSettings | AutotaskSettings | HaloPsaSettings | SyncroSettings
PROVIDERS: Final[
    Mapping[
        str,
        type[ConnectWiseSettings]
        | type[AutotaskSettings]
        | type[HaloPsaSettings]
        | type[SyncroSettings],
    ]
] = {
    "autotask": AutotaskSettings,
    "connectwise": ConnectWiseSettings,
    "halopsa": HaloPsaSettings,
    "syncro": SyncroSettings,
}


class EmailSettings(_Part):
    """``NOTIFY__<name>__…`` with the channel ``email``: a mail server."""

    channel: Literal["email"]
    host: str
    security: Literal["starttls", "tls", "none"] = "starttls"
    port: Port | None = None
    username: str | None = None
    password: SecretStr | None = None
    sender: Address
    recipients: Addresses

    @model_validator(mode="after")
    def _signs_in_safely(self) -> "EmailSettings":
        if (self.username is None) != (self.password is None):
            raise ValueError("needs USERNAME and PASSWORD, or neither")
        if self.username is not None and self.security == "none":
            raise ValueError("would send its PASSWORD in clear, because SECURITY is none")
        return self

    @property
    def usual_port(self) -> int:
        """The port, or the usual one for the way the connection is protected."""
        return self.port or {"starttls": 587, "tls": 465, "none": 25}[self.security]


class TeamsSettings(_Part):
    """``NOTIFY__<name>__…`` with the channel ``teams``: a workflow's webhook."""

    channel: Literal["teams"]
    url: SecretUrl


class TicketSettings(_Part):
    """``NOTIFY__<name>__…`` with the channel ``ticket``: tickets in a PSA."""

    channel: Literal["ticket"]
    psa: Annotated[str, AfterValidator(str.lower)]
    company_id: Number
    board: Number | None = None
    priority: Number | None = None

    def problem_with(self, psas: Mapping[str, PsaSettings | None]) -> str | None:
        """Return the field that does not fit the PSA and why, or ``None``."""
        if self.psa not in psas:
            return "PSA names no PSA connection"
        provider = getattr(psas[self.psa], "provider", None)
        if provider == "syncro":
            return "PSA names a connection to Syncro, which gets no tickets"
        if provider == "autotask" and (self.board is None or self.priority is None):
            return "PSA names a connection to Autotask, which needs BOARD and PRIORITY too"
        return None


NotifySettings = EmailSettings | TeamsSettings | TicketSettings
CHANNELS: Final[Mapping[str, type[EmailSettings] | type[TeamsSettings] | type[TicketSettings]]] = {
    "email": EmailSettings,
    "teams": TeamsSettings,
    "ticket": TicketSettings,
}


class Settings(_Part):
    """All settings of the app.

    Attributes:
        auth_enabled: App Service Authentication stands in front; only the platform sets it.
        clock_file: Development only: a file that holds what "now" is.
        lease_seconds: How long a lease lasts unless it is renewed; shorter in Development only.
        host_name: Where people find the app; only the platform sets it.
        insights: Where telemetry goes; it is told to the log alone without one.
        insights_identity: Who signs in to send it, as the platform writes it.
    """

    environment: Literal["Development", "Staging", "Production"] = "Production"
    auth_enabled: Flag = False
    clock_file: Path | None = None
    lease_seconds: LeaseSeconds = LEASE_SECONDS
    sync_schedule: Schedule = "0 0 2 * * *"
    storage: StorageSettings
    microsoft: Mapping[str, MicrosoftSettings]
    psa: Mapping[str, PsaSettings]
    notify: Mapping[str, NotifySettings] = {}
    host_name: str | None = None
    insights: Component | None = None
    insights_identity: Identity | None = None

    @property
    def insights_client_id(self) -> str | None:
        """Which managed identity signs in to send telemetry; the system-assigned one if none."""
        return _pairs(self.insights_identity or "").get("clientid")

    @property
    def home_url(self) -> str | None:
        """Where people find the app, where the platform says it."""
        return None if self.host_name is None else f"https://{self.host_name}/alerts"

    @property
    def development(self) -> bool:
        """Whether the app runs on somebody's own machine."""
        return self.environment == DEVELOPMENT


_TOP: Final[Mapping[str, str]] = {
    "AZURE_FUNCTIONS_ENVIRONMENT": "environment",
    "WEBSITE_AUTH_ENABLED": "auth_enabled",
    "WEBSITE_HOSTNAME": "host_name",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "insights",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "insights_identity",
    "CLOCK_FILE": "clock_file",
    "LEASE_SECONDS": "lease_seconds",
    "SYNC_SCHEDULE": "sync_schedule",
}
_DEVELOPMENT_ONLY: Final = {"clock_file": None, "lease_seconds": str(LEASE_SECONDS)}
"""Settings of tests and demonstrations, with the value that says nothing."""
_STORAGE: Final = "AzureWebJobsStorage"
_STORAGE_FIELDS: Final[Mapping[str, str]] = {
    "accountName": "account_name",
    "blobServiceUri": "blob_service_uri",
    "queueServiceUri": "queue_service_uri",
    "tableServiceUri": "table_service_uri",
    "credential": "credential",
    "clientId": "client_id",
}
_MICROSOFT: Final = "MICROSOFT"
_PSA: Final = "PSA"
_NOTIFY: Final = "NOTIFY"


def setting_names() -> tuple[str, ...]:
    """Return the names of all settings, with ``<name>`` for a connection's, sorted."""
    names = {*_TOP, _STORAGE, *(f"{_STORAGE}{SEPARATOR}{name}" for name in _STORAGE_FIELDS)}
    families: tuple[tuple[str, Iterable[type[_Part]]], ...] = (
        (_MICROSOFT, [MicrosoftSettings]),
        (_PSA, PROVIDERS.values()),
        (_NOTIFY, CHANNELS.values()),
    )
    for family, models in families:
        for model in models:
            names |= {f"{family}{SEPARATOR}<name>{SEPARATOR}{one}" for one in _fields(model)}
    return tuple(sorted(names))


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings that the environment (the process's own, unless given) holds.

    Raises:
        SettingsError: Names every variable that is missing, unknown or wrong.
    """
    return _Reader(os.environ if environ is None else environ).settings()


@dataclass
class _Reader:
    environ: Mapping[str, str]
    problems: list[str] = field(default_factory=list)

    def settings(self) -> Settings:
        context = {"development": self._value("AZURE_FUNCTIONS_ENVIRONMENT") == DEVELOPMENT}
        top = self._top()
        storage = self._storage(context)
        microsoft = {
            name: self._part(MicrosoftSettings, given, f"{_MICROSOFT}{SEPARATOR}{name}", context)
            for name, given in self._connections(_MICROSOFT).items()
        }
        psa = {
            name: self._variant(_PSA, "PROVIDER", PROVIDERS, name, given, context)
            for name, given in self._connections(_PSA).items()
        }
        notify = {
            name: self._variant(_NOTIFY, "CHANNEL", CHANNELS, name, given, context)
            for name, given in self._connections(_NOTIFY, needed=False).items()
        }
        for name, one in notify.items():
            problem = one.problem_with(psa) if isinstance(one, TicketSettings) else None
            if problem:
                self.problems.append(f"{_NOTIFY}{SEPARATOR}{name}{SEPARATOR}{problem}")
        self._near_misses()
        if self.problems:
            raise SettingsError("; ".join(sorted(self.problems)))
        return Settings.model_validate(
            {**top, "storage": storage, "microsoft": microsoft, "psa": psa, "notify": notify},
            context=context,
        )

    def _top(self) -> dict[str, Any]:
        """Check the settings that stand alone, beside connections that are known to be right."""
        given = {
            known: value for name, known in _TOP.items() if (value := self._value(name)) is not None
        }
        names = {known: name for name, known in _TOP.items()}
        model: dict[str, Any] = {"storage": {"account_name": "any"}, "microsoft": {}, "psa": {}}
        try:
            Settings.model_validate({**given, **model})
        except ValidationError as error:
            for one in error.errors():
                self._problem(names[str(one["loc"][0])], one)
        for known, usual in _DEVELOPMENT_ONLY.items():
            if given.get(known, usual) != usual and given.get("environment") != DEVELOPMENT:
                self.problems.append(
                    f"{names[known]} is for AZURE_FUNCTIONS_ENVIRONMENT={DEVELOPMENT} only"
                )
        return given

    def _storage(self, context: Mapping[str, object]) -> StorageSettings | None:
        given: dict[str, str] = {}
        names = {"": _STORAGE, "connection_string": _STORAGE}
        names |= {known: f"{_STORAGE}{SEPARATOR}{name}" for name, known in _STORAGE_FIELDS.items()}
        for name, rest in self._of_family(_STORAGE):
            known = _STORAGE_FIELDS.get(rest)
            if known is None:
                self._unknown(name, rest, _STORAGE_FIELDS)
            elif (value := self._value(name)) is not None:
                given[known] = value
        if (whole := self._value(_STORAGE)) is not None:
            given["connection_string"] = whole
        try:
            return StorageSettings.model_validate(given, context=context)
        except ValidationError as error:
            for one in error.errors():
                self._problem(names[str(one["loc"][0]) if one["loc"] else ""], one)
            return None

    def _connections(
        self, family: str, *, needed: bool = True
    ) -> dict[str, dict[str, tuple[str, str]]]:
        """Return variable and value by connection and field; all names in lower case."""
        found: dict[str, dict[str, tuple[str, str]]] = {}
        for variable, rest in self._of_family(family):
            written, separator, wanted = rest.partition(SEPARATOR)
            name, key = written.lower(), wanted.lower()
            if not separator or not key:
                self.problems.append(f"{variable} is unknown (expected {family}__<name>__<FIELD>)")
                continue
            if not _CONNECTION_NAME.fullmatch(name):
                self.problems.append(
                    f"{variable}: a connection's name has 1 to 40 letters, digits and '-'"
                )
                continue
            connection = found.setdefault(name, {})
            if key in connection:
                self.problems.append(f"{variable} and {connection[key][0]} are the same setting")
            elif (value := self._value(variable)) is not None:
                connection[key] = (variable, value)
        if not needed:
            return {name: given for name, given in found.items() if given}
        if not any(found.values()):
            self.problems.append(f"{family}__<name>__… is missing: at least one connection")
        return found

    def _variant(  # noqa: PLR0917 - called by ``settings`` only
        self,
        family: str,
        decides: str,
        models: Mapping[str, type[V]],
        name: str,
        given: dict[str, tuple[str, str]],
        context: Mapping[str, object],
    ) -> V | None:
        """Check a connection whose fields depend on one of them."""
        prefix = f"{family}{SEPARATOR}{name}"
        known, key = ", ".join(sorted(models)), decides.lower()
        if key not in given:
            self.problems.append(f"{prefix}{SEPARATOR}{decides} is missing (known are {known})")
            return None
        variable, chosen = given[key]
        model = models.get(chosen.lower())
        if model is None:
            self.problems.append(f"{variable} is not a known {key} (known are {known})")
            return None
        return self._part(model, {**given, key: (variable, chosen.lower())}, prefix, context)

    def _part(
        self,
        model: type[P],
        given: dict[str, tuple[str, str]],
        prefix: str,
        context: Mapping[str, object],
    ) -> P | None:
        known = _fields(model)
        for key, (variable, _) in given.items():
            if key not in model.model_fields:
                self._unknown(variable, key.upper(), known)
        values = {key: value for key, (_, value) in given.items() if key in model.model_fields}
        try:
            return model.model_validate(values, context=context)
        except ValidationError as error:
            for one in error.errors():
                key = str(one["loc"][0]) if one["loc"] else ""
                default = SEPARATOR.join([prefix, key.upper()]) if key else prefix
                self._problem(given.get(key, (default, ""))[0], one)
            return None

    def _of_family(self, family: str) -> Iterator[tuple[str, str]]:
        """Yield each variable of a family with what follows the family's name."""
        for name in sorted(self.environ):
            head, separator, rest = name.partition(SEPARATOR)
            if head == family and separator:
                yield name, rest

    def _value(self, name: str) -> str | None:
        """Return the text; an empty one is how the portal and a shell leave a setting out."""
        text = self.environ.get(name, "").strip()
        if text.startswith(_KEY_VAULT):
            self.problems.append(f"{name} is a Key Vault reference that was not resolved")
        return text or None

    def _problem(self, name: str, error: ErrorDetails) -> None:
        kind, context = error["type"], error.get("ctx", {})
        if kind == "missing":
            reason = "is missing"
        elif kind == "value_error":
            reason = str(context["error"])
        elif kind == "literal_error":
            reason = f"must be {context['expected']}"
        elif kind.startswith("bool"):
            reason = "must be true or false"
        else:
            reason = "cannot be used"
        self.problems.append(f"{name} {reason}")

    def _unknown(self, name: str, written: str, known: Iterable[str]) -> None:
        similar = difflib.get_close_matches(written, known, n=1, cutoff=0.6)
        end = len(name) - len(written)
        hint = f"did you mean {name[:end]}{similar[0]}?" if similar else _known(known)
        self.problems.append(f"{name} is unknown ({hint})")

    def _near_misses(self) -> None:
        """Look for known names that somebody misspelt, among names that are not ours to judge."""
        for name in sorted(self.environ):
            meant = _meant(name)
            if meant is not None:
                self.problems.append(f"{name} is unknown (did you mean {meant}?)")


def _fields(model: type[_Part]) -> list[str]:
    return [name.upper() for name in model.model_fields]


def _known(names: Iterable[str]) -> str:
    return f"known are {', '.join(sorted(names))}"


_OURS: Final = ("SYNC_SCHEDULE", "CLOCK_FILE", "LEASE_SECONDS")
"""Settings whose misspelt forms no platform uses: WEBSITE_AUTH_… has lawful neighbours."""
_FIELDS: Final = "|".join(
    sorted(
        {
            *_fields(MicrosoftSettings),
            *(one for m in (*PROVIDERS.values(), *CHANNELS.values()) for one in _fields(m)),
        },
        key=len,
        reverse=True,
    )
)
_ALMOST_CONNECTION = re.compile(rf"([A-Za-z]+)_+([A-Za-z0-9-]+?)_+({_FIELDS})", re.IGNORECASE)


def _meant(name: str) -> str | None:
    """Return the setting that a variable's name comes close to without being one."""
    head = name.partition(SEPARATOR)[0]
    if head in {_MICROSOFT, _PSA, _NOTIFY, _STORAGE} and (SEPARATOR in name or name == _STORAGE):
        return None  # read already
    if name in _TOP:
        return None
    folded = {one.casefold(): one for one in (*_TOP, _STORAGE)}
    if name.casefold() in folded:
        return folded[name.casefold()]
    for known in (*_OURS, _STORAGE):
        if difflib.SequenceMatcher(None, name.casefold(), known.casefold()).ratio() > _VERY_SIMILAR:
            return known
    almost = _ALMOST_CONNECTION.fullmatch(name)
    if almost is not None:
        family = difflib.get_close_matches(
            almost[1].upper(), [_MICROSOFT, _PSA, _NOTIFY], n=1, cutoff=0.6
        )
        if family:
            return SEPARATOR.join([family[0], almost[2].lower(), almost[3].upper()])
    return None
