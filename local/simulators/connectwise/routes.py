"""The control API of this simulator, and the page to look at it and to change things by hand.

Besides what every simulator has under ``/_sim/``:

======================================  ===========================================================
``POST /_sim/seed``                     adds records as builders make them, by kind
``POST /_sim/invoice-run``              ``{"through": "2026-03-31", "agreement_id": null}``
``GET /_sim/invoices``                  ``?company=&agreement=&from=&to=`` (dates of the invoices)
``GET /_sim/audit``                     every change: who (api, hand), before, after
``POST /_sim/agreements/7001/additions``  a line put there by hand, in the vendor's field names
``PATCH DELETE /_sim/additions/501``    a line changed or deleted by hand
``PATCH /_sim/records/agreements/7001``   another record's fields; also companies, types, products
``GET PUT /_sim/switches``              what this site accepts
``GET PUT /_sim/clock``                 ``{"now": "2026-03-17T12:00:00Z"}``; null: the real time
``PUT /_sim/members``                   the API members, their keys, and what their roles lack
======================================  ===========================================================
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from local.simulators.common import exact_json, pages
from local.simulators.common.simulator import Simulator, utc_now
from local.simulators.connectwise.additions import status_of
from local.simulators.connectwise.conditions import moment
from local.simulators.connectwise.errors import ApiError
from local.simulators.connectwise.hand import Hand
from local.simulators.connectwise.invoicing import find_invoices, run_invoices
from local.simulators.connectwise.state import PsaState, Record, read_members

TEMPLATES = Path(__file__).parent / "templates"

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
        return [
            Route("/_sim/seed", _told(self._seed), methods=["POST"]),
            Route("/_sim/invoice-run", _told(self._invoice_run), methods=["POST"]),
            Route("/_sim/invoices", _told(self._invoices)),
            Route("/_sim/audit", _told(self._audit)),
            Route("/_sim/switches", _told(self._switches), methods=["GET", "PUT"]),
            Route("/_sim/clock", _told(self._clock), methods=["GET", "PUT"]),
            Route("/_sim/members", _told(self._members), methods=["PUT"]),
            Route("/_sim/agreements/{agreement:int}/additions", _told(self._add), methods=["POST"]),
            Route(
                "/_sim/additions/{addition:int}",
                _told(self._change),
                methods=["PATCH", "DELETE"],
            ),
            Route(
                "/_sim/records/{kind}/{record:int}", _told(self._change_record), methods=["PATCH"]
            ),
        ]

    async def _seed(self, request: Request) -> Response:
        records = await _object(request)
        with self._state.lock:
            self._state.seed(**records)
        return _nothing()

    async def _invoice_run(self, request: Request) -> Response:
        wanted = await _object(request)
        agreement = wanted.get("agreement_id")
        run = run_invoices(
            self._state,
            date.fromisoformat(str(wanted["through"])),
            None if agreement is None else int(agreement),
        )
        return _json({"invoices": run.invoices, "skipped": run.skipped})

    async def _invoices(self, request: Request) -> Response:
        asked = request.query_params
        found = find_invoices(
            self._state,
            company=_maybe(int, asked.get("company")),
            agreement=_maybe(int, asked.get("agreement")),
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

    async def _clock(self, request: Request) -> Response:
        with self._state.lock:
            if request.method == "PUT":
                given = (await _object(request))["now"]
                fixed = None if given is None else moment(str(given))
                self._state.now = utc_now if fixed is None else lambda: fixed
            return _json({"now": self._state.now().isoformat()})

    async def _members(self, request: Request) -> Response:
        wanted = await _object(request)
        with self._state.lock:
            self._state.members = read_members(wanted["members"])
        return _nothing()

    async def _add(self, request: Request) -> Response:
        fields = await _object(request)
        added = self._hand.add(request.path_params["agreement"], fields)
        return _json(added, HTTPStatus.CREATED)

    async def _change(self, request: Request) -> Response:
        number = request.path_params["addition"]
        if request.method == "DELETE":
            self._hand.delete(number)
            return _nothing()
        return _json(self._hand.edit(number, await _object(request)))

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
            Route("/by-hand/invoice-run", _shown(self._invoice_run), methods=["POST"]),
            Route("/by-hand/add/{agreement:int}", _shown(self._add), methods=["POST"]),
            Route("/by-hand/edit/{addition:int}", _shown(self._edit), methods=["POST"]),
            Route("/by-hand/delete/{addition:int}", _shown(self._delete), methods=["POST"]),
        ]

    async def _overview(self, _: Request) -> Response:
        with self._state.lock:
            return pages.page(
                TEMPLATES,
                "connectwise.html",
                companies=self._companies(),
                products=list(self._state.products.values()),
                invoices=list(reversed(self._state.invoices))[:50],
                audit=list(reversed(self._state.audit))[:50],
                today=self._state.now().date().isoformat(),
            )

    def _companies(self) -> list[Record]:
        today = self._state.now().date()
        agreements = [
            {
                **agreement,
                "agreementStatus": status_of(agreement, today),
                "additions": self._state.additions_of(number),
            }
            for number, agreement in sorted(self._state.agreements.items())
        ]
        return [
            {
                "name": company["name"],
                "id": company["id"],
                "agreements": [one for one in agreements if one["company"]["id"] == company["id"]],
            }
            for company in self._state.companies.values()
        ]

    async def _invoice_run(self, request: Request) -> Response:
        form = await pages.posted(request)
        run_invoices(self._state, date.fromisoformat(form["through"]))
        return pages.back_to("/#invoices")

    async def _add(self, request: Request) -> Response:
        form = await pages.posted(request)
        agreement = request.path_params["agreement"]
        fields: Record = {
            "product": {"id": int(form["product"])},
            "quantity": Decimal(form["quantity"]),
        }
        for name in ("effectiveDate", "serialNumber"):
            if form.get(name):
                fields[name] = form[name]
        self._hand.add(agreement, fields)
        return pages.back_to(f"/#agreement-{agreement}")

    async def _edit(self, request: Request) -> Response:
        form = await pages.posted(request)
        edited = self._hand.edit(
            request.path_params["addition"],
            {
                "quantity": Decimal(form["quantity"]),
                "lessIncluded": Decimal(form.get("lessIncluded") or 0),
                "cancelledDate": form.get("cancelledDate") or None,
            },
        )
        return pages.back_to(f"/#agreement-{edited['agreementId']}")

    async def _delete(self, request: Request) -> Response:
        await pages.posted(request)
        self._hand.delete(request.path_params["addition"])
        return pages.back_to("/")


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
    except ApiError as error:
        reasons = [str(error), *(one.message for one in error.errors)]
        return error.status, "; ".join(reasons)
    except PermissionError as error:
        return HTTPStatus.FORBIDDEN, str(error)
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        return HTTPStatus.BAD_REQUEST, f"{type(error).__name__}: {error}"


async def _object(request: Request) -> Mapping[str, Any]:
    value = exact_json.loads(await request.body())
    if not isinstance(value, dict):
        raise TypeError("an object is needed")
    return value


def _maybe(read: Callable[[str], Any], text: str | None) -> Any:  # noqa: ANN401 - read decides
    return read(text) if text else None


def _json(value: object, status: int = HTTPStatus.OK) -> Response:
    return Response(exact_json.dumps(value), status, media_type="application/json")


def _nothing() -> Response:
    return Response(status_code=HTTPStatus.NO_CONTENT)
