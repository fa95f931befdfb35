"""The control API of this simulator, and the page to look at it and to change things by hand.

Besides what every simulator has under ``/_sim/``:

======================================  ===========================================================
``POST /_sim/seed``                     adds records as builders make them, by kind
``POST /_sim/approve-and-post``         ``{"through": "2026-03-31", "contract_id": null}``
``GET /_sim/invoices``                  ``?company=&contract=&from=&to=`` (dates of the invoices)
``GET /_sim/audit``                     every change: who (api, hand), before, after
``POST /_sim/contracts/7001/services``  ``{"product": 101, "units": 5, "effective": "2026-04-01"}``
``POST /_sim/lines/501/units``          ``{"units": 12, "effective": "2026-04-01"}``
``PATCH /_sim/lines/501``               a text or adjusted price, in the vendor's field names
``PATCH /_sim/records/contracts/7001``  another record's fields; also companies, services, bundles
``GET PUT /_sim/switches``              what this site does
``GET PUT /_sim/zone``                  ``{"zone": "zone5"}``: the site moves there
``GET PUT /_sim/clock``                 ``{"now": "2026-03-17T12:00:00Z"}``; null: the real time
``PUT /_sim/users``                     the API users, their keys, and what they may not
======================================  ===========================================================
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from local.simulators.autotask.billing import units_on
from local.simulators.autotask.hand import Hand
from local.simulators.autotask.posting import approve_and_post, find_invoices
from local.simulators.autotask.rules import RefusedError
from local.simulators.autotask.state import PERIOD_TYPES, Line, PsaState, Record, read_users
from local.simulators.common import exact_json, pages
from local.simulators.common.simulator import Simulator, utc_now

TEMPLATES = Path(__file__).parent / "templates"

_ZONE = re.compile(r"[a-z0-9-]{0,40}")

Endpoint = Callable[[Request], Awaitable[Response]]


def all_routes(state: PsaState, simulator: Simulator) -> Sequence[BaseRoute]:
    """Return the control routes and the pages of one site."""
    del simulator
    return [*_Control(state).routes(), *_Pages(state).routes()]


class _Control:
    def __init__(self, state: PsaState) -> None:
        self._state = state
        self._hand = Hand(state)

    def routes(self) -> list[BaseRoute]:
        post, put = ["POST"], ["GET", "PUT"]
        return [
            Route("/_sim/seed", _told(self._seed), methods=post),
            Route("/_sim/approve-and-post", _told(self._approve_and_post), methods=post),
            Route("/_sim/invoices", _told(self._invoices)),
            Route("/_sim/audit", _told(self._audit)),
            Route("/_sim/switches", _told(self._switches), methods=put),
            Route("/_sim/zone", _told(self._zone), methods=put),
            Route("/_sim/clock", _told(self._clock), methods=put),
            Route("/_sim/users", _told(self._users), methods=["PUT"]),
            Route("/_sim/contracts/{contract:int}/services", _told(self._add), methods=post),
            Route("/_sim/lines/{line:int}/units", _told(self._units), methods=post),
            Route("/_sim/lines/{line:int}", _told(self._edit), methods=["PATCH"]),
            Route(
                "/_sim/records/{kind}/{record:int}", _told(self._change_record), methods=["PATCH"]
            ),
        ]

    async def _seed(self, request: Request) -> Response:
        records = await _object(request)
        with self._state.lock:
            self._state.seed(**records)
        return _nothing()

    async def _approve_and_post(self, request: Request) -> Response:
        wanted = await _object(request)
        contract = wanted.get("contract_id")
        run = approve_and_post(
            self._state,
            date.fromisoformat(str(wanted["through"])),
            None if contract is None else int(contract),
        )
        return _json({"invoices": run.invoices, "skipped": run.skipped})

    async def _invoices(self, request: Request) -> Response:
        asked = request.query_params
        found = find_invoices(
            self._state,
            company=_maybe(int, asked.get("company")),
            contract=_maybe(int, asked.get("contract")),
            first=_maybe(date.fromisoformat, asked.get("from")),
            last=_maybe(date.fromisoformat, asked.get("to")),
        )
        total = sum((invoice["total"] for invoice in found), Decimal("0.00"))
        return _json({"invoices": found, "total": total})

    async def _audit(self, _: Request) -> Response:
        with self._state.lock:
            return _json({"changes": self._state.audit})

    async def _switches(self, request: Request) -> Response:
        with self._state.lock:
            if request.method == "PUT":
                self._state.set_switches(await _object(request))
            return _json(asdict(self._state.switches))

    async def _zone(self, request: Request) -> Response:
        with self._state.lock:
            if request.method == "PUT":
                wanted = str((await _object(request))["zone"])
                if not _ZONE.fullmatch(wanted) or wanted == "atservicesrest":
                    raise ValueError("a zone is of small letters, digits and '-'")
                self._state.zone = wanted
            return _json({"zone": self._state.zone})

    async def _clock(self, request: Request) -> Response:
        with self._state.lock:
            if request.method == "PUT":
                given = (await _object(request))["now"]
                fixed = None if given is None else _moment(str(given))
                self._state.now = utc_now if fixed is None else lambda: fixed
            return _json({"now": self._state.now().isoformat()})

    async def _users(self, request: Request) -> Response:
        wanted = await _object(request)
        with self._state.lock:
            self._state.users = read_users(wanted["users"])
        return _nothing()

    async def _add(self, request: Request) -> Response:
        given = await _object(request)
        line = self._hand.add(
            request.path_params["contract"],
            int(given["product"]),
            int(given.get("units", 0)),
            date.fromisoformat(str(given["effective"])),
        )
        return _json(line.record, HTTPStatus.CREATED)

    async def _units(self, request: Request) -> Response:
        given = await _object(request)
        effective = date.fromisoformat(str(given["effective"]))
        line = self._hand.set_units(request.path_params["line"], int(given["units"]), effective)
        return _json(line.record)

    async def _edit(self, request: Request) -> Response:
        line = self._hand.edit(request.path_params["line"], await _object(request))
        return _json(line.record)

    async def _change_record(self, request: Request) -> Response:
        kind, number = request.path_params["kind"], request.path_params["record"]
        changes = await _object(request)
        with self._state.lock:
            return _json(self._state.change_record(kind, number, changes))


class _Pages:
    def __init__(self, state: PsaState) -> None:
        self._state = state
        self._hand = Hand(state)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", _shown(self._overview)),
            Route("/by-hand/approve-and-post", _shown(self._post), methods=["POST"]),
            Route("/by-hand/add/{contract:int}", _shown(self._add), methods=["POST"]),
            Route("/by-hand/units/{line:int}", _shown(self._units), methods=["POST"]),
            Route("/by-hand/text/{line:int}", _shown(self._text), methods=["POST"]),
        ]

    async def _overview(self, _: Request) -> Response:
        with self._state.lock:
            return pages.page(
                TEMPLATES,
                "autotask.html",
                companies=self._companies(),
                products=[*self._state.services.values(), *self._state.bundles.values()],
                invoices=list(reversed(self._state.invoices))[:50],
                audit=list(reversed(self._state.audit))[:50],
                today=self._today().isoformat(),
            )

    def _companies(self) -> list[Record]:
        contracts = [self._contract(one) for one in self._state.contracts.values()]
        return [
            {
                "name": company["companyName"],
                "id": company["id"],
                "contracts": [one for one in contracts if one["companyID"] == company["id"]],
            }
            for company in self._state.companies.values()
        ]

    def _contract(self, record: Record) -> Record:
        number = record["id"]
        posted = self._state.posted_of(number)
        return {
            **record,
            "period": PERIOD_TYPES.get(record.get("contractPeriodType") or 0, ("no period",))[0],
            "billing": self._state.billing.get(number, "advance"),
            "posted": max(posted).isoformat() if posted else "",
            "lines": [self._line(line) for line in self._state.lines_of(number)],
        }

    def _line(self, line: Line) -> Record:
        product = self._state.products(line.kind)[line.record[line.kind.product]]
        changes = line.changes
        later = [one for one in changes if one.effective > self._today()]
        return {
            **line.record,
            "product": product["name"],
            "kind": line.kind.name,
            "price": line.price,
            "units": units_on(changes, self._today()),
            "later": [f"{units_on(changes, one.effective)} from {one.effective}" for one in later],
        }

    async def _post(self, request: Request) -> Response:
        form = await pages.posted(request)
        approve_and_post(self._state, date.fromisoformat(form["through"]))
        return pages.back_to("/#invoices")

    async def _add(self, request: Request) -> Response:
        form = await pages.posted(request)
        contract = request.path_params["contract"]
        effective = date.fromisoformat(form["effective"])
        self._hand.add(contract, int(form["product"]), int(form["units"]), effective)
        return pages.back_to(f"/#contract-{contract}")

    async def _units(self, request: Request) -> Response:
        form = await pages.posted(request)
        effective = date.fromisoformat(form["effective"])
        line = self._hand.set_units(request.path_params["line"], int(form["units"]), effective)
        return pages.back_to(f"/#contract-{line.contract_id}")

    async def _text(self, request: Request) -> Response:
        form = await pages.posted(request)
        changes = {"invoiceDescription": form["invoiceDescription"]}
        line = self._hand.edit(request.path_params["line"], changes)
        return pages.back_to(f"/#contract-{line.contract_id}")

    def _today(self) -> date:
        return self._state.now().date()


def _told(endpoint: Endpoint) -> Endpoint:
    """Answer with the reason where a control call cannot be done."""

    async def told(request: Request) -> Response:
        status, message = await _tried(endpoint, request)
        return message if isinstance(message, Response) else _json({"error": message}, status)

    return told


def _shown(endpoint: Endpoint) -> Endpoint:
    """Show the reason where a form cannot be carried out."""

    async def shown(request: Request) -> Response:
        status, message = await _tried(endpoint, request)
        if isinstance(message, Response):
            return message
        return pages.page(TEMPLATES, "refused.html", status=status, message=message)

    return shown


async def _tried(endpoint: Endpoint, request: Request) -> tuple[int, Response | str]:
    try:
        return HTTPStatus.OK, await endpoint(request)
    except RefusedError as error:
        return HTTPStatus.CONFLICT, str(error)
    except PermissionError as error:
        return HTTPStatus.FORBIDDEN, str(error)
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        return HTTPStatus.BAD_REQUEST, f"{type(error).__name__}: {error}"


async def _object(request: Request) -> Mapping[str, Any]:
    value = exact_json.loads(await request.body())
    if not isinstance(value, dict):
        raise TypeError("an object is needed")
    return value


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _maybe(read: Callable[[str], Any], text: str | None) -> Any:  # noqa: ANN401 - read decides
    return read(text) if text else None


def _json(value: object, status: int = HTTPStatus.OK) -> Response:
    return Response(exact_json.dumps(value), status, media_type="application/json")


def _nothing() -> Response:
    return Response(status_code=HTTPStatus.NO_CONTENT)
