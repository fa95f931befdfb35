"""Microsoft Graph v1.0 as a ``LicenseSource``."""

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import TypeVar

import requests

from shared.adapters.http.decision import Refusal, Sent
from shared.adapters.http.payload import Payload
from shared.adapters.http.session import (
    ApiSession,
    OnCall,
    Parameters,
    Reply,
    base_url,
    pooled_http,
    segment,
)
from shared.adapters.microsoft.auth import AppOnlyTokens, TenantTokens
from shared.adapters.microsoft.batch import Part, read_batch
from shared.adapters.microsoft.bearer import Bearer, DeniedError, with_token
from shared.adapters.microsoft.config import MicrosoftConfig
from shared.adapters.microsoft.credentials import msal_credential
from shared.adapters.microsoft.fields import guid
from shared.adapters.microsoft.gdap import GdapTokens, RollingToken
from shared.adapters.microsoft.licenses import (
    check_organization,
    reseller_tenants,
    skus_of,
    subscriptions_of,
)
from shared.adapters.microsoft.login import LoginHttp
from shared.adapters.microsoft.users import BASIC_FIELDS, DETAIL_FIELDS, assigned_users_of
from shared.domain.customers import DirectoryTenant
from shared.domain.errors import (
    AccessDeniedError,
    NotFoundError,
    OperatorActionError,
    SettingsError,
)
from shared.domain.ids import ConnectionName, TenantId
from shared.domain.licensing import AssignedUser, TenantSnapshot
from shared.exact_json import Json
from shared.ports import Clock, RefreshTokens

T = TypeVar("T")

_VERSION = "/v1.0"
_SKUS, _SUBSCRIPTIONS, _ORGANIZATION = "skus", "subscriptions", "organization"
_CONTRACTS, _USERS, _GROUPS = "/contracts", "/users", "/groups/"
_LICENSED = "assignedLicenses/$count ne 0"
_ENABLED = "accountEnabled eq true"
_LARGEST_PAGE = 999
# Filters and counts of this kind need it, on every page: next links do not carry headers.
_EVENTUAL = {"ConsistencyLevel": "eventual"}
_PARTS = (
    # Without its service plans, which are most of it and tell nothing.
    Part(
        _SKUS,
        "/subscribedSkus?$select=id,accountId,skuId,skuPartNumber,appliesTo,consumedUnits,"
        "prepaidUnits",
    ),
    Part(_SUBSCRIPTIONS, "/directory/subscriptions"),
    Part(_ORGANIZATION, "/organization?$select=id,displayName"),
)
_PERMISSIONS = {
    _CONTRACTS: "Directory.Read.All",
    _USERS: "User.Read.All",
    _GROUPS: "GroupMember.Read.All",
}


class GraphLicenseSource:
    """A ``LicenseSource`` and ``UserCounts`` for one partner connection. Thread-safe."""

    def __init__(
        self,
        session: ApiSession,
        tokens: TenantTokens,
        *,
        partner_tenant_id: TenantId,
        clock: Clock,
    ) -> None:
        """Take the parts; ``graph_source`` chooses them.

        Args:
            session: Of Graph, made with ``graph_errors``.
            tokens: By tenant.
            partner_tenant_id: The tenant whose contracts list the customers.
            clock: Says when a snapshot was taken.
        """
        self._session = session
        self._tokens = tokens
        self._partner_tenant_id = partner_tenant_id
        self._clock = clock

    @property
    def partner_tenant_id(self) -> TenantId:
        return self._partner_tenant_id

    def read_tenant(self, tenant_id: TenantId) -> TenantSnapshot:
        return self._in_tenant(tenant_id, lambda bearer: self._snapshot(tenant_id, bearer))

    def assigned_users(
        self, tenant_id: TenantId, *, details: bool = False
    ) -> tuple[AssignedUser, ...]:
        return self._in_tenant(
            tenant_id, lambda bearer: self._licensed_users(bearer, details=details)
        )

    def list_tenants(self) -> tuple[DirectoryTenant, ...]:
        return self._in_tenant(self._partner_tenant_id, self._contracts)

    def consent_link(self, tenant_id: TenantId) -> str:
        return self._tokens.consent_link(tenant_id)

    def count_users(
        self, tenant_id: TenantId, *, licensed_only: bool, domain: str | None, enabled_only: bool
    ) -> int:
        conditions = [
            *([_LICENSED] if licensed_only else []),
            *([_ENABLED] if enabled_only else []),
            *([_in_domain(domain)] if domain is not None else []),
        ]
        return self._in_tenant(tenant_id, lambda bearer: self._count(_USERS, conditions, bearer))

    def count_group_members(
        self, tenant_id: TenantId, group_id: str, *, include_disabled: bool, nested: bool = False
    ) -> int:
        conditions = [] if include_disabled else [_ENABLED]
        if not nested:
            path = _members(group_id, "user")
            return self._in_tenant(tenant_id, lambda bearer: self._count(path, conditions, bearer))
        return self._in_tenant(
            tenant_id, lambda bearer: self._count_nested(group_id, conditions, bearer)
        )

    def _count_nested(self, group_id: str, conditions: Iterable[str], bearer: Bearer) -> int:
        """Return how many users are in a group or directly in a group inside it.

        Graph counts the members of one group or of all below it. So the members' ids are listed,
        and nothing else of them, to count once who is in several of the groups.
        """
        groups = {group_id.lower(), *self._ids(_members(group_id, "group"), (), bearer)}
        users: set[str] = set()
        for one in sorted(groups):
            users.update(self._ids(_members(one, "user"), conditions, bearer))
        return len(users)

    def _ids(self, path: str, conditions: Iterable[str], bearer: Bearer) -> Iterator[str]:
        """Yield the ids of a list, on all its pages."""
        query: Parameters = {"$select": "id", "$count": "true", "$top": _LARGEST_PAGE}
        if text := " and ".join(conditions):
            query = {**query, "$filter": text}
        headers = {**bearer, **_EVENTUAL}
        pages = self._session.pages(
            path, query, next_link=_next_link, headers=headers, kind="graph.members"
        )
        for page in pages:
            for row in Payload(page.json)["value"].items():
                yield guid(row["id"])

    def _count(self, path: str, conditions: Iterable[str], bearer: Bearer) -> int:
        """Return a number that comes alone, as text; the session reads it as JSON, which it is."""
        query: Parameters = {"$filter": text} if (text := " and ".join(conditions)) else {}
        headers = {**bearer, **_EVENTUAL, "Accept": "text/plain"}
        counted = f"{path}/$count"
        answer = self._session.get_json(counted, query, headers=headers, kind="graph.count")
        return Payload(answer, f"{counted}: $").count()

    def _snapshot(self, tenant_id: TenantId, bearer: Bearer) -> TenantSnapshot:
        taken_at = self._clock.now()
        bodies = read_batch(self._session, _PARTS, bearer)
        check_organization(self._rows(bodies[_ORGANIZATION], bearer), tenant_id)
        return TenantSnapshot(
            tenant_id=tenant_id,
            taken_at=taken_at,
            skus=skus_of(self._rows(bodies[_SKUS], bearer)),
            subscriptions=subscriptions_of(self._rows(bodies[_SUBSCRIPTIONS], bearer)),
        )

    def _contracts(self, bearer: Bearer) -> tuple[DirectoryTenant, ...]:
        query: Parameters = {"$top": _LARGEST_PAGE}
        first = self._session.get(_CONTRACTS, query, headers=bearer, kind="graph.contracts")
        return reseller_tenants(self._rows(Payload(first.json), bearer))

    def _licensed_users(self, bearer: Bearer, *, details: bool) -> tuple[AssignedUser, ...]:
        query: Parameters = {
            "$select": f"{BASIC_FIELDS},{DETAIL_FIELDS}" if details else BASIC_FIELDS,
            "$filter": _LICENSED,
            "$count": "true",
            "$top": _LARGEST_PAGE,
        }
        pages = self._session.pages(
            _USERS,
            query,
            next_link=_next_link,
            headers={**bearer, **_EVENTUAL},
            kind="graph.users",
        )
        rows = (row for page in pages for row in Payload(page.json)["value"].items())
        return assigned_users_of(rows, details=details)

    def _rows(self, first: Payload, bearer: Bearer) -> Iterator[Payload]:
        """Yield the rows of a list, on all its pages. An empty page is not the last."""
        yield from first["value"].items()
        link = first["@odata.nextLink"].text_or_none()
        pages = self._session.more_pages(
            link, next_link=_next_link, headers=bearer, kind="graph.page"
        )
        for page in pages:
            yield from Payload(page.json)["value"].items()

    def _in_tenant(self, tenant_id: TenantId, work: Callable[[Bearer], T]) -> T:
        try:
            return with_token(self._tokens, tenant_id, work)
        except DeniedError as denied:
            remedy = (
                "Graph refused a new token. Check the cloud and address in the settings."
                if denied.status == HTTPStatus.UNAUTHORIZED
                else self._tokens.remedy(tenant_id, denied.permission)
            )
            raise AccessDeniedError(f"tenant {tenant_id}: {denied}", remedy) from None


def graph_source(
    name: ConnectionName,
    config: MicrosoftConfig,
    clock: Clock,
    http: requests.Session | None = None,
    on_call: OnCall | None = None,
    *,
    refresh_tokens: RefreshTokens | None = None,
) -> GraphLicenseSource:
    """Return the source for a connection of the settings. Calls nothing yet.

    Args:
        http: The transport for Graph and sign-in, shared by all threads; a pool of its own when
            ``None``.
        on_call: Told kind, method, status and seconds of every call. Kinds: ``graph.batch``,
            ``graph.page``, ``graph.contracts``, ``graph.users``, ``graph.count``,
            ``graph.members``, ``login.token``, ``login.discovery``.
        refresh_tokens: Where the service account's newest one is kept; needed with GDAP.

    Raises:
        SettingsError: An address cannot be used, or is plain http outside Development.
    """
    cloud, development = config.cloud, config.development
    setting = f"MICROSOFT__{name}__"
    graph_url = base_url(
        config.graph_url or f"https://{cloud.graph_host}",
        f"{setting}GRAPH_URL",
        development=development,
    ).removesuffix(_VERSION)
    login_url = (
        base_url(config.login_url, f"{setting}LOGIN_URL", development=development)
        if config.login_url
        else None
    )
    transport = http or pooled_http()
    login = LoginHttp(name, transport, login_url=login_url, on_call=on_call)
    tokens = _tokens(name, config, login, clock, refresh_tokens)
    session = ApiSession(
        name,
        graph_url + _VERSION,
        transport,
        error_text=_error_text,
        on_status=graph_errors,
        on_call=on_call,
        request_id_header="client-request-id",
    )
    return GraphLicenseSource(
        session,
        tokens,
        partner_tenant_id=config.tenant_id,
        clock=clock,
    )


def _tokens(
    name: ConnectionName,
    config: MicrosoftConfig,
    login: LoginHttp,
    clock: Clock,
    refresh_tokens: RefreshTokens | None,
) -> TenantTokens:
    def credential() -> object:
        return msal_credential(name, config.credential, config.cloud)

    if config.refresh_token is None:
        return AppOnlyTokens(
            name,
            client_id=config.client_id,
            credential=credential,
            cloud=config.cloud,
            http=login,
            login_url=login.login_url,
        )
    if refresh_tokens is None:
        raise SettingsError(f"MICROSOFT__{name}__MODE: gdap needs a place for refresh tokens")
    return GdapTokens(
        name,
        client_id=config.client_id,
        credential=credential,
        cloud=config.cloud,
        http=login,
        refresh_token=RollingToken(name, config.refresh_token, refresh_tokens, clock.real_now),
        now=clock.real_now,
        login_url=login.login_url,
    )


def graph_errors(sent: Sent, refusal: Refusal) -> OperatorActionError | None:
    """Keep 401 and 403 for the source, which knows whose token it was; tell a missing group."""
    if refusal.status == HTTPStatus.NOT_FOUND and sent.path.startswith(_GROUPS):
        return NotFoundError(f"{sent}: the tenant has no such group")
    if refusal.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return None
    permission = next(
        (needed for path, needed in _PERMISSIONS.items() if sent.path.startswith(path)),
        "Organization.Read.All",
    )
    said = f": {refusal.text}" if refusal.text else ""
    return DeniedError(f"{sent}: {refusal.status}{said}", refusal.status, permission)


def _members(group_id: str, kind: str) -> str:
    """Return the path of a group's own members of one kind: ``user`` or ``group``."""
    return f"{_GROUPS}{segment(group_id)}/members/microsoft.graph.{kind}"


def _in_domain(domain: str) -> str:
    """Return the condition that a user's address ends in the domain, and not in one below it."""
    text = f"@{domain.strip().removeprefix('@').lower()}".replace("'", "''")
    return f"endswith(userPrincipalName,'{text}')"


def _error_text(body: Json) -> object:
    return body["error"]["message"] or body["error"]["code"]


def _next_link(page: Reply) -> str | None:
    return Payload(page.json)["@odata.nextLink"].text_or_none()
