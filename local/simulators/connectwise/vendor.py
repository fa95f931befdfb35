"""The ConnectWise API: who may call, what the calls do, how errors look."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from local.simulators.common.app import build_app
from local.simulators.common.contract import Contract
from local.simulators.common.messages import Answer, Call, exact, number_of
from local.simulators.common.records import PsaVendor, Record
from local.simulators.common.routing import PathTable
from local.simulators.common.simulator import Simulator
from local.simulators.connectwise import additions
from local.simulators.connectwise.additions import AdditionRules
from local.simulators.connectwise.errors import ApiError, not_found
from local.simulators.connectwise.fields import CONTRACT, Fields
from local.simulators.connectwise.query import ListQuery
from local.simulators.connectwise.routes import ConnectWiseControl
from local.simulators.connectwise.state import CYCLES, Member, PsaState
from shared import exact_json

BASE_PATH = "/v4_6_release/apis/3.0"
CANNOT_ROUTE = "Cannot route. Codebase/company is invalid"

_INFO = f"{BASE_PATH}/system/info"
_LOGIN = "/login/companyinfo/"
_RIGHTS = {
    "GET": "inquire",
    "POST": "add",
    "PUT": "edit",
    "PATCH": "edit",
    "DELETE": "delete",
}
_USUAL_CODES = {
    HTTPStatus.BAD_REQUEST: "BadRequest",
    HTTPStatus.UNAUTHORIZED: "Unauthorized",
    HTTPStatus.FORBIDDEN: "Forbidden",
    HTTPStatus.NOT_FOUND: "NotFound",
    HTTPStatus.METHOD_NOT_ALLOWED: "MethodNotAllowed",
    HTTPStatus.CONFLICT: "ConflictInUse",
    HTTPStatus.TOO_MANY_REQUESTS: "TooManyRequests",
}

Parameters = Mapping[str, str]
Handler = Callable[[Call, Parameters], Answer]


class ConnectWise(PsaVendor[PsaState]):
    """One ConnectWise site."""

    name = "connectwise"
    base_path = BASE_PATH

    def __init__(self, state: PsaState) -> None:
        self.state = state
        self._contract = Contract.load(CONTRACT, BASE_PATH)
        self._handlers = self._routes()

    # --- who is calling ----------------------------------------------------------------------

    def authenticate(self, call: Call) -> Answer | None:
        """Refuse as the cloud does: a wrong site or pair of keys is not found, never forbidden."""
        if call.full_path.startswith(_LOGIN):
            return None
        if not call.full_path.startswith(f"{BASE_PATH}/"):
            return _cannot_route()
        if not call.header("clientid"):
            return self.error(call, HTTPStatus.FORBIDDEN, "a clientId header is required")
        open_to_all = self.state.switches.info_without_sign_in and call.full_path == _INFO
        return None if open_to_all else self._refusal_of_keys(call)

    def _refusal_of_keys(self, call: Call) -> Answer | None:
        credentials = _basic(call.header("authorization"))
        if credentials is None:
            return self.error(call, HTTPStatus.UNAUTHORIZED, "Basic authorization is required")
        company, public_key, private_key = credentials
        if company.lower() != self.state.company_id.lower():
            return _cannot_route()
        for member in self.state.members:
            if (member.public_key, member.private_key) == (public_key, private_key):
                return self._refusal_of_role(call, member)
        return self.error(call, HTTPStatus.NOT_FOUND, "the API keys are not known")

    def _refusal_of_role(self, call: Call, member: Member) -> Answer | None:
        call.principal = member
        right = f"{call.path.split('/')[1]}.{_RIGHTS.get(call.method, 'edit')}"
        if right in member.denied:
            message = f"the role of {member.name} lacks {right}"
            return self.error(call, HTTPStatus.FORBIDDEN, message)
        return None

    # --- what calls do -----------------------------------------------------------------------

    def contract_for(self, call: Call) -> Contract | None:
        return self._contract if call.full_path.startswith(f"{BASE_PATH}/") else None

    def handle(self, call: Call, simulator: Simulator) -> Answer:
        del simulator
        if call.full_path.startswith(_LOGIN):
            return self._login(call.full_path.removeprefix(_LOGIN))
        found = self._handlers.find(call.path)
        if found is None:
            return self.error(call, HTTPStatus.NOT_FOUND, f"nothing at {call.path}")
        _, methods, parameters = found
        handler = methods.get(call.method)
        if handler is None:
            # The vendor has the call; Seatsync never makes it, and so it isn't simulated.
            refusal = self.error(call, HTTPStatus.METHOD_NOT_ALLOWED, "not simulated")
            return Answer(refusal.status, refusal.body, deliberate=True)
        try:
            with self.state.lock:
                return handler(call, parameters)
        except ApiError as error:
            return exact(error.body(), error.status)

    def error(
        self, call: Call, status: int, message: str | None = None, *, code: str | None = None
    ) -> Answer:
        del call
        known = HTTPStatus(status)
        usual = _USUAL_CODES.get(known, "InternalServerError")
        return exact({"code": code or usual, "message": message or known.phrase}, status)

    def kind(self, call: Call, template: str | None) -> str:
        if call.full_path.startswith(_LOGIN):
            return "connectwise.login"
        if template is None:
            return "connectwise.unknown"
        names = [part for part in template.split("/")[1:] if not part.startswith("{")]
        verb = {"POST": "create", "PATCH": "patch", "PUT": "replace", "DELETE": "delete"}.get(
            call.method, "get" if template.endswith("}") else "list"
        )
        if names[-1] in {"count", "info"}:
            return "connectwise." + ".".join(names[-2:])
        return f"connectwise.{names[-1]}.{verb}"

    def relinked(self, call: Call, answer: Answer, url: str, *, empty: bool) -> Answer:
        del call
        body = b"[]" if empty else answer.content
        return Answer(answer.status, body, {**answer.headers, "Link": f'<{url}>; rel="next"'})

    def routes(self, simulator: Simulator) -> Sequence[BaseRoute]:
        del simulator
        return ConnectWiseControl(self.state).routes()

    def _routes(self) -> PathTable[dict[str, Handler]]:
        table: dict[str, dict[str, Handler]] = {
            "/system/info": {"GET": self._info},
            "/service/tickets": {"POST": self._create_ticket},
            "/finance/agreements/{parentId}/additions": {
                "GET": self._list_additions,
                "POST": self._create_addition,
            },
            "/finance/agreements/{parentId}/additions/count": {"GET": self._count_additions},
            "/finance/agreements/{parentId}/additions/{id}": {
                "GET": self._get_addition,
                "PATCH": self._patch_addition,
                "DELETE": self._delete_addition,
            },
        }
        for path, fields, records in self._collections():
            one, count = _one(fields, records), _count(fields, records)
            table[path] = {"GET": _listing(fields, records)}
            table.setdefault(f"{path}/count", {"GET": count})
            table.setdefault(f"{path}/{{id}}", {"GET": one})
        return PathTable(table.items())

    def _collections(self) -> list[tuple[str, Fields, Callable[[], Iterable[Record]]]]:
        state = self.state
        return [
            ("/company/companies", Fields("Company"), lambda: list(state.companies.values())),
            (
                "/finance/agreements/types",
                Fields("AgreementType"),
                lambda: list(state.types.values()),
            ),
            ("/finance/agreements", Fields("Agreement"), self._agreements),
            ("/finance/billingCycles", Fields("BillingCycle"), lambda: CYCLES),
            ("/procurement/catalog", Fields("CatalogItem"), lambda: list(state.products.values())),
        ]

    def _login(self, company_id: str) -> Answer:
        if company_id.lower() != self.state.company_id.lower():
            return _cannot_route()
        return exact(
            {
                "CompanyName": f"{self.state.company_id} (simulated)",
                "Codebase": self.state.codebase,
                "VersionCode": "v2025.1",
                "CompanyID": self.state.company_id,
                "IsCloud": True,
            }
        )

    def _info(self, call: Call, parameters: Parameters) -> Answer:
        del call, parameters
        return exact(
            {
                "version": "v2025.1.0",
                "isCloud": True,
                "serverTimeZone": "UTC",
                "licenseBits": [],
                "cloudRegion": "NA",
            }
        )

    def _agreements(self) -> Iterable[Record]:
        today = self._today()
        for record in self.state.agreements.values():
            yield {**record, "agreementStatus": additions.status_of(record, today)}

    def _list_additions(self, call: Call, parameters: Parameters) -> Answer:
        return _page(_query(call, additions.FIELDS), self._additions(parameters))

    def _count_additions(self, call: Call, parameters: Parameters) -> Answer:
        count = _query(call, additions.FIELDS).count(self._additions(parameters))
        return exact({"count": count})

    def _get_addition(self, call: Call, parameters: Parameters) -> Answer:
        record = self._shown(self._addition(parameters))
        return exact(_query(call, additions.FIELDS).columns(record))

    def _create_ticket(self, call: Call, parameters: Parameters) -> Answer:
        del parameters
        ticket = _body(call)
        if not isinstance(ticket, Mapping) or ticket["company"]["id"] not in self.state.companies:
            return self.error(call, HTTPStatus.BAD_REQUEST, "company is not known")
        self.state.tickets.append({"id": len(self.state.tickets) + 1, **ticket})
        return exact(self.state.tickets[-1], HTTPStatus.CREATED)

    def _create_addition(self, call: Call, parameters: Parameters) -> Answer:
        rules = AdditionRules(self.state, self._agreement(parameters))
        record = rules.created(_body(call))
        saved = self.state.put_addition(record, who="api", by=_member(call))
        return exact(self._shown(saved), HTTPStatus.CREATED)

    def _patch_addition(self, call: Call, parameters: Parameters) -> Answer:
        before = self._addition(parameters)
        rules = AdditionRules(self.state, self._agreement(parameters))
        record = rules.patched(before, _body(call))
        saved = self.state.put_addition(record, who="api", by=_member(call))
        return exact(self._shown(saved))

    def _delete_addition(self, call: Call, parameters: Parameters) -> Answer:
        number = int(self._addition(parameters)["id"])
        self.state.delete_addition(number, who="api", by=_member(call))
        return Answer(HTTPStatus.NO_CONTENT)

    def _additions(self, parameters: Parameters) -> list[Record]:
        agreement = self._agreement(parameters)
        return [self._shown(one) for one in self.state.additions_of(int(agreement["id"]))]

    def _shown(self, addition: Record) -> Record:
        agreement = self.state.agreements[addition["agreementId"]]
        return additions.shown(addition, agreement, self._today())

    def _agreement(self, parameters: Parameters) -> Record:
        number = number_of(parameters["parentId"])
        if number not in self.state.agreements:
            raise not_found("Agreement", parameters["parentId"])
        return self.state.agreements[number]

    def _addition(self, parameters: Parameters) -> Record:
        agreement = self._agreement(parameters)
        addition = self.state.additions.get(number_of(parameters["id"]))
        if addition is None or addition["agreementId"] != agreement["id"]:
            raise not_found("Addition", parameters["id"])
        return addition

    def _today(self) -> date:
        return self.state.now().date()


def connectwise_app(state: PsaState, *, check_contracts: bool = True) -> Starlette:
    """Return the whole simulator as an application: API, control API, hand page."""
    simulator = Simulator(ConnectWise(state), clock=state.now, check_contracts=check_contracts)
    return build_app(simulator)


def _listing(fields: Fields, records: Callable[[], Iterable[Record]]) -> Handler:
    return lambda call, _parameters: _page(_query(call, fields), records())


def _count(fields: Fields, records: Callable[[], Iterable[Record]]) -> Handler:
    return lambda call, _parameters: exact({"count": _query(call, fields).count(records())})


def _one(fields: Fields, records: Callable[[], Iterable[Record]]) -> Handler:
    def answer(call: Call, parameters: Parameters) -> Answer:
        wanted = number_of(parameters["id"])
        for record in records():
            if record["id"] == wanted:
                return exact(_query(call, fields).columns(record))
        raise not_found(fields.resource, parameters["id"])

    return answer


def _query(call: Call, fields: Fields) -> ListQuery:
    forward_only = (call.header("pagination-type") or "").lower() == "forward-only"
    address = call.url().partition("?")[0]
    return ListQuery(fields, address, dict(call.query), forward_only=forward_only)


def _page(query: ListQuery, records: Iterable[Record]) -> Answer:
    page = query.page(records)
    answer = exact(page.records)
    return answer.with_headers({"Link": page.link}) if page.link else answer


def _cannot_route() -> Answer:
    return Answer(HTTPStatus.NOT_FOUND, CANNOT_ROUTE, content_type="text/plain", deliberate=True)


def _body(call: Call) -> object:
    try:
        return exact_json.loads(call.body)
    except ValueError as error:
        raise ApiError(HTTPStatus.BAD_REQUEST, "BadRequest", f"not JSON: {error}") from error


def _basic(header: str | None) -> tuple[str, str, str] | None:
    """Return company, public and private key of ``Basic base64(company+public:private)``."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, _, private_key = decoded.partition(":")
    company, _, public_key = user.partition("+")
    return company, public_key, private_key


def _member(call: Call) -> str:
    return call.principal.name if isinstance(call.principal, Member) else "unknown"
