"""Microsoft Graph v1.0: the lists a licence count is read from, and ``$batch``."""

from __future__ import annotations

import json
import random
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus

from local.simulators.common.contract import Contract
from local.simulators.common.messages import Answer, Call, Json
from local.simulators.common.routing import PathTable
from local.simulators.common.simulator import Simulator
from local.simulators.microsoft import rows
from local.simulators.microsoft.odata import FilterError, Row, parse_filter, selected
from local.simulators.microsoft.state import DirectoryThing, Group, MicrosoftState, Tenant, User
from local.simulators.microsoft.tokens import AccessToken, TokenStore

BASE_PATH = "/v1.0"
_BATCH_LIMIT = 20
_DEFAULT_PAGE = 100
_LARGEST_PAGE = 999
_PARTNER_PAGE = 300
_KEPT_PAGES = 10_000
_USUAL_ERRORS = {
    400: ("Request_BadRequest", "The request is malformed."),
    401: ("InvalidAuthenticationToken", "Access token is empty."),
    403: ("Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    404: ("Request_ResourceNotFound", "The resource does not exist."),
    429: ("TooManyRequests", "Please retry again later."),
    500: ("InternalServerError", "An internal error occurred."),
    501: ("NotImplemented", "The simulator doesn't play this call."),
    502: ("BadGateway", "Bad gateway."),
    503: ("ServiceUnavailable", "The service is unavailable."),
    504: ("GatewayTimeout", "The gateway timed out."),
}

Member = User | Group | DirectoryThing
Handler = Callable[[Call, Tenant, dict[str, str]], Answer]


@dataclass(frozen=True, slots=True)
class _Page:
    """Where a skip token goes on: the query it belongs to and how many rows are behind it."""

    tenant_id: str
    path: str
    offset: int
    advanced: bool


@dataclass(frozen=True, slots=True)
class _List:
    """One list as its query rules want it."""

    rows: list[Row]
    context: str
    default_select: tuple[str, ...] | None = None
    largest_page: int = _LARGEST_PAGE
    only_select: bool = False  # the list takes no other query arguments
    deliberate: bool = False


class Graph:
    """Answers calls below ``/v1.0`` for whoever the bearer token stands for."""

    def __init__(
        self,
        state: Callable[[], MicrosoftState],
        tokens: TokenStore,
        clock: Callable[[], datetime],
        contract: Contract,
    ) -> None:
        self._state = state
        self._tokens = tokens
        self._clock = clock
        self._contract = contract
        self._pages: dict[str, _Page] = {}
        self._batches = 0
        routes: list[tuple[str, Handler]] = [
            ("/subscribedSkus", self._skus),
            ("/subscribedSkus/{id}", self._sku),
            ("/directory/subscriptions", self._subscriptions),
            ("/directory/subscriptions/$count", self._subscription_count),
            ("/directory/subscriptions/{id}", self._subscription),
            ("/directory/subscriptions(commerceSubscriptionId='{commerce_id}')", self._commerce),
            ("/organization", self._organization),
            ("/organization/{id}", self._organization_by_id),
            ("/users", self._users),
            ("/users/$count", self._user_count),
            ("/users/delta", self._unplayed),
            ("/users/delta()", self._unplayed),
            ("/users/{id}", self._user),
            ("/groups", self._groups),
            ("/groups/{id}", self._group),
            ("/contracts", self._contracts),
            ("/contracts/{id}", self._contract_by_id),
            ("/tenantRelationships/delegatedAdminCustomers", self._delegated_customers),
        ]
        for reach in ("members", "transitiveMembers"):
            routes += [
                (f"/groups/{{id}}/{reach}", self._members),
                (f"/groups/{{id}}/{reach}/$count", self._member_count),
                (f"/groups/{{id}}/{reach}/graph.user", self._members),
                (f"/groups/{{id}}/{reach}/graph.user/$count", self._member_count),
            ]
        routes += [
            ("/groups/{id}/members/graph.group", self._members),
            ("/groups/{id}/members/graph.group/$count", self._member_count),
        ]
        self._routes = PathTable(routes)

    # --- who is asking -----------------------------------------------------------------------

    def authenticate(self, call: Call) -> Answer | None:
        """Return the 401 or 403, or None with the token's tenant on the call."""
        header = call.header("Authorization") or ""
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "bearer" or not text:
            return self.error(call, 401)
        token = self._tokens.find(text)
        if token is None:
            return self.error(call, 401, "CompactToken parsing failed.")
        if token.expires_at <= self._clock():
            return self.error(call, 401, "Lifetime validation failed, the token is expired.")
        if token.audience != self._state().graph_host:
            return self.error(call, 401, "Access token validation failure. Invalid audience.")
        call.tenant = token.tenant_id
        call.principal = token
        permitted = self._contract.extension(call.method, call.path, "x-application-permissions")
        if permitted and not token.permissions & set(permitted):
            return self.error(call, 403)
        return None

    # --- the work ----------------------------------------------------------------------------

    def handle(self, call: Call, simulator: Simulator) -> Answer:
        """Return the answer to an authenticated call that passed the contract."""
        token: AccessToken = call.principal
        tenant = self._state().tenant(token.tenant_id)
        if tenant is None:
            return self.error(call, 401, "The tenant of the token no longer exists.")
        if call.path == "/$batch":
            return self._batch(call, simulator)
        found = self._routes.find(call.path.replace("/microsoft.graph.", "/graph."))
        if found is None:
            return self._unplayed(call, tenant, {})
        _, handler, given = found
        try:
            answer = handler(call, tenant, given)
        except FilterError as error:
            return self.error(call, 400, str(error), code="Request_UnsupportedQuery")
        cost = self._contract.extension(call.method, call.path, "x-resource-unit-cost") or 1
        if call.argument("$select"):
            cost = max(1, cost - 1)
        return answer.with_headers({"x-ms-resource-unit": str(cost), "OData-Version": "4.0"})

    def error(
        self, call: Call, status: int, message: str | None = None, *, code: str | None = None
    ) -> Answer:
        usual_code, usual_message = _USUAL_ERRORS.get(status, ("UnknownError", ""))
        request_id = str(uuid.uuid4())
        if code == "UnknownError":
            usual_message = ""
        body = {
            "error": {
                "code": code or usual_code,
                "message": usual_message if message is None else message,
                "innerError": {
                    "date": self._clock().strftime("%Y-%m-%dT%H:%M:%S"),
                    "request-id": request_id,
                    "client-request-id": call.header("client-request-id") or request_id,
                },
            }
        }
        return Answer(int(status), body, {"request-id": request_id})

    def _unplayed(self, call: Call, _tenant: Tenant, _given: dict[str, str]) -> Answer:
        return self.error(call, HTTPStatus.NOT_IMPLEMENTED)

    def _skus(self, call: Call, tenant: Tenant, _: dict[str, str]) -> Answer:
        found = [rows.sku_row(tenant, sku) for sku in tenant.skus]
        broken = rows.is_overridden(tenant)
        return self._listed(
            call, _List(found, "subscribedSkus", only_select=True, deliberate=broken)
        )

    def _sku(self, call: Call, tenant: Tenant, given: dict[str, str]) -> Answer:
        found = [rows.sku_row(tenant, sku) for sku in tenant.skus]
        return self._one(call, found, given["id"], broken=rows.is_overridden(tenant))

    def _subscriptions(self, call: Call, tenant: Tenant, _: dict[str, str]) -> Answer:
        found = [rows.subscription_row(tenant, one) for one in tenant.subscriptions]
        broken = rows.is_overridden(tenant)
        return self._listed(call, _List(found, "directory/subscriptions", deliberate=broken))

    def _subscription_count(self, call: Call, tenant: Tenant, _: dict[str, str]) -> Answer:
        found = [rows.subscription_row(tenant, one) for one in tenant.subscriptions]
        return self._counted(call, found)

    def _subscription(self, call: Call, tenant: Tenant, given: dict[str, str]) -> Answer:
        found = [rows.subscription_row(tenant, one) for one in tenant.subscriptions]
        return self._one(call, found, given["id"], broken=rows.is_overridden(tenant))

    def _commerce(self, call: Call, tenant: Tenant, given: dict[str, str]) -> Answer:
        found = [rows.subscription_row(tenant, one) for one in tenant.subscriptions]
        key = "commerceSubscriptionId"
        return self._one(
            call, found, given["commerce_id"], key=key, broken=rows.is_overridden(tenant)
        )

    def _organization(self, call: Call, tenant: Tenant, _: dict[str, str]) -> Answer:
        found = [rows.organization_row(self._state(), tenant)]
        return self._listed(call, _List(found, "organization"))

    def _organization_by_id(self, call: Call, tenant: Tenant, given: dict[str, str]) -> Answer:
        return self._one(call, [rows.organization_row(self._state(), tenant)], given["id"])

    def _users(self, call: Call, tenant: Tenant, _: dict[str, str]) -> Answer:
        found = [rows.user_row(user) for user in tenant.users]
        return self._listed(call, _List(found, "users", rows.USER_DEFAULTS))

    def _user_count(self, call: Call, tenant: Tenant, _: dict[str, str]) -> Answer:
        return self._counted(call, [rows.user_row(user) for user in tenant.users])

    def _user(self, call: Call, tenant: Tenant, given: dict[str, str]) -> Answer:
        found = [rows.user_row(user) for user in tenant.users]
        key = "userPrincipalName" if "@" in given["id"] else "id"
        return self._one(call, found, given["id"], key=key, default=rows.USER_DEFAULTS)

    def _groups(self, call: Call, tenant: Tenant, _: dict[str, str]) -> Answer:
        return self._listed(call, _List([rows.group_row(one) for one in tenant.groups], "groups"))

    def _group(self, call: Call, tenant: Tenant, given: dict[str, str]) -> Answer:
        return self._one(call, [rows.group_row(one) for one in tenant.groups], given["id"])

    def _members(self, call: Call, tenant: Tenant, given: dict[str, str]) -> Answer:
        found = self._member_rows(call, tenant, given["id"])
        if found is None:
            return self._missing(call, given["id"])
        return self._listed(call, _List(found, "directoryObjects"))

    def _member_count(self, call: Call, tenant: Tenant, given: dict[str, str]) -> Answer:
        found = self._member_rows(call, tenant, given["id"])
        if found is None:
            return self._missing(call, given["id"])
        return self._counted(call, found)

    def _member_rows(self, call: Call, tenant: Tenant, group_id: str) -> list[Row] | None:
        known = {group.id.lower(): group for group in tenant.groups}
        group = known.get(group_id.lower())
        if group is None:
            return None
        members = _members_of(tenant, group, deep="/transitiveMembers" in call.path)
        for cast, kind in (("graph.user", User), ("graph.group", Group)):
            if cast in call.path:
                members = [member for member in members if isinstance(member, kind)]
        return [rows.member_row(member) for member in members]

    def _contracts(self, call: Call, tenant: Tenant, _: dict[str, str]) -> Answer:
        return self._listed(call, _List(self._contract_rows(tenant), "contracts"))

    def _contract_by_id(self, call: Call, tenant: Tenant, given: dict[str, str]) -> Answer:
        return self._one(call, self._contract_rows(tenant), given["id"])

    def _contract_rows(self, tenant: Tenant) -> list[Row]:
        state = self._state()
        return rows.contract_rows(state) if tenant.id == state.partner_tenant_id else []

    def _delegated_customers(self, call: Call, tenant: Tenant, _: dict[str, str]) -> Answer:
        state = self._state()
        own = tenant.id == state.partner_tenant_id
        found = rows.delegated_customer_rows(state) if own else []
        return self._listed(
            call, _List(found, "delegatedAdminCustomers", largest_page=_PARTNER_PAGE)
        )

    # --- lists, single rows, counts ----------------------------------------------------------

    def _listed(self, call: Call, wanted: _List) -> Answer:
        refusal = self._refused_query(call, wanted)
        if refusal:
            return refusal
        size = int(call.argument("$top") or min(_DEFAULT_PAGE, wanted.largest_page))
        if not 1 <= size <= wanted.largest_page:
            message = (
                f"Invalid page size specified: '{size}'. "
                f"Must be between 1 and {wanted.largest_page} inclusive."
            )
            return self.error(call, 400, message)
        eventual = _is_eventual(call)
        found = list(wanted.rows)
        advanced = False
        if text := call.argument("$filter"):
            condition = parse_filter(text)
            advanced = condition.advanced
            found = [row for row in found if condition.accepts(row)]
        page = self._page(call)
        if isinstance(page, Answer):
            return page
        counting = (call.argument("$count") or "").lower() == "true"
        if (advanced or (page and page.advanced)) and not (eventual and counting):
            message = "This query needs the header ConsistencyLevel: eventual and $count=true."
            return self.error(call, 400, message, code="Request_UnsupportedQuery")
        offset = page.offset if page else 0
        select = call.argument("$select")
        context = f"{wanted.context}({select})" if select else wanted.context
        body: dict[str, Json] = {
            "@odata.context": f"https://{self._state().graph_host}{BASE_PATH}/$metadata#{context}"
        }
        if counting and eventual and not page:
            body["@odata.count"] = len(found)
        if offset + size < len(found):
            body["@odata.nextLink"] = self._next_link(call, offset + size, advanced=advanced)
        body["value"] = [
            selected(row, select, wanted.default_select) for row in found[offset : offset + size]
        ]
        return Answer(200, body, deliberate=wanted.deliberate)

    def _refused_query(self, call: Call, wanted: _List) -> Answer | None:
        refused = {"$expand", "$search", "$orderby", "$skip"}
        if wanted.only_select:
            refused |= {"$filter", "$top", "$count"}
        for name, _ in call.query:
            if name in refused:
                message = f"The query option {name} isn't supported here."
                return self.error(call, 400, message, code="Request_UnsupportedQuery")
        return None

    def _page(self, call: Call) -> _Page | Answer | None:
        token = call.argument("$skiptoken")
        if token is None:
            return None
        page = self._pages.get(token)
        if page is None or (page.tenant_id, page.path) != (call.tenant, call.path):
            message = "The specified page token value has expired."
            return self.error(call, 400, message, code="Directory_ExpiredPageToken")
        return page

    def _next_link(self, call: Call, offset: int, *, advanced: bool) -> str:
        token = secrets.token_urlsafe(18)
        while len(self._pages) >= _KEPT_PAGES:
            del self._pages[next(iter(self._pages))]
        self._pages[token] = _Page(call.tenant or "", call.path, offset, advanced)
        return call.url(dollar_skiptoken=token)

    def first_page_url(self, call: Call) -> str:
        """Return a next link to this very page, for the empty page that comes before it."""
        page = self._pages.get(call.argument("$skiptoken") or "")
        condition = call.argument("$filter")
        advanced = parse_filter(condition).advanced if condition else False
        return self._next_link(call, page.offset if page else 0, advanced=advanced)

    def _one(
        self,
        call: Call,
        found: Sequence[Row],
        wanted: str,
        *,
        key: str = "id",
        default: tuple[str, ...] | None = None,
        broken: bool = False,
    ) -> Answer:
        for row in found:
            if str(row.get(key)).lower() == wanted.lower():
                cut = selected(row, call.argument("$select"), default)
                return Answer(200, dict(cut), deliberate=broken)
        return self._missing(call, wanted)

    def _missing(self, call: Call, wanted: str) -> Answer:
        message = (
            f"Resource '{wanted}' does not exist or one of its queried reference-property objects "
            "are not present."
        )
        return self.error(call, 404, message)

    def _counted(self, call: Call, found: Sequence[Row]) -> Answer:
        if not _is_eventual(call):
            return self.error(call, 400, "$count is not currently supported.")
        if text := call.argument("$filter"):
            accepts = parse_filter(text).accepts
            found = [row for row in found if accepts(row)]
        return Answer(200, str(len(found)), content_type="text/plain")

    # --- $batch ------------------------------------------------------------------------------

    def _batch(self, call: Call, simulator: Simulator) -> Answer:
        requests: list[Json] = call.json()["requests"]
        ids = [str(request["id"]) for request in requests]
        if len({one.lower() for one in ids}) != len(ids):
            return self.error(call, 400, "Request ids must be unique.", code="BadRequest")
        statuses: dict[str, int] = {}
        responses = []
        for request in requests:
            answer = self._part(call, request, statuses, simulator)
            statuses[str(request["id"]).lower()] = answer.status if answer else 0
            if answer:
                responses.append(
                    {
                        "id": request["id"],
                        "status": answer.status,
                        "headers": answer.all_headers,
                        "body": answer.body,
                    }
                )
        self._batches += 1
        # The order is free; a seeded shuffle keeps a failing test's order the same the next time.
        random.Random(self._state().seed * 1_000_003 + self._batches).shuffle(responses)  # noqa: S311 - no secret hangs on it
        return Answer(200, {"responses": responses})

    def _part(
        self, call: Call, request: Json, statuses: dict[str, int], simulator: Simulator
    ) -> Answer | None:
        needed = [statuses.get(str(one).lower(), 0) for one in request.get("dependsOn", [])]
        if any(status not in range(200, 300) for status in needed):
            return self.error(call, HTTPStatus.FAILED_DEPENDENCY, code="FailedDependency")
        url = str(request["url"])
        if "://" in url or url.lstrip("/").lower().startswith("$batch"):
            message = "The url of a request in a batch must be relative, and not a batch."
            return self.error(call, 400, message, code="BadRequest")
        given = {str(name): str(value) for name, value in request.get("headers", {}).items()}
        body = request.get("body")
        part = Call.build(
            request["method"],
            f"{BASE_PATH}/{url.lstrip('/')}",
            headers={"Authorization": call.header("Authorization") or ""} | given,
            body=b"" if body is None else json.dumps(body).encode(),
            base_url=call.base_url,
            base_path=BASE_PATH,
        )
        return simulator.answer_inner(part)


def relinked(answer: Answer, url: str, *, empty: bool) -> Answer:
    """Return a page with another next link, and without its rows when ``empty``."""
    if not isinstance(answer.body, dict) or "value" not in answer.body:
        return answer
    body = dict(answer.body) | {"@odata.nextLink": url}
    if empty:
        body["value"] = []
    return replace(answer, body=body)


def _is_eventual(call: Call) -> bool:
    return (call.header("ConsistencyLevel") or "").lower() == "eventual"


def _members_of(tenant: Tenant, group: Group, *, deep: bool) -> list[Member]:
    """Return a group's members, or all below it with each named once, whatever the circles."""
    everyone: list[Member] = [*tenant.users, *tenant.groups, *tenant.things]
    known = {member.id: member for member in everyone}
    found: dict[str, Member] = {}
    waiting = list(group.member_ids)
    while waiting:
        member = known.get(waiting.pop(0))
        if member is None or member.id in found:
            continue
        found[member.id] = member
        if deep and isinstance(member, Group):
            waiting.extend(member.member_ids)
    return list(found.values())
