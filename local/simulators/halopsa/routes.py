"""The control API of this simulator, and the page to look at it and to change things by hand.

Besides what every simulator has under ``/_sim/``:

==========================================  =======================================================
``POST /_sim/seed``                         adds records as builders make them, by kind
``POST /_sim/invoice-run``                  ``{"through": "2026-03-31"}``, ``recurring_invoice_id``
``GET /_sim/invoices``                      ``?client=&recurring_invoice=&from=&to=``
``GET /_sim/audit``                         every change: who (api, hand, invoicing), before, after
``POST /_sim/recurring-invoices/-94/lines``  a line in the vendor's field names
``PATCH DELETE /_sim/lines/501``            changes fields by hand, or deletes the line
``PATCH /_sim/records/clients/250``         another record's fields, of any kind
``GET PUT /_sim/switches``                  what this instance does
``GET PUT /_sim/clock``                     ``{"now": "2026-03-17T12:00:00Z"}``; null: the real time
``PUT /_sim/applications``                  the API applications, and what they may not
==========================================  =======================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from local.simulators.common import pages
from local.simulators.common.control import (
    Endpoint,
    as_json,
    moment,
    nothing,
    object_of,
    set_switches,
    shown,
    told,
    total_of,
)
from local.simulators.common.simulator import utc_now
from local.simulators.halopsa.invoicing import find_invoices, run_invoices
from local.simulators.halopsa.rules import Writer, waiting, written
from local.simulators.halopsa.state import PsaState, Record, read_applications

TEMPLATES = Path(__file__).parent / "templates"


def all_routes(state: PsaState) -> Sequence[BaseRoute]:
    """Return the control routes and the pages of one instance."""
    return [*_Control(state).routes(), *_Pages(state).routes()]


class _Hand:
    """Edits under the API's own rules, kept in the audit list as made by ``hand``."""

    def __init__(self, state: PsaState) -> None:
        self._state = state

    def save(self, line: Mapping[str, Any]) -> Record:
        return written(self._state, "hand", "hand", "post_lines", [line])[0]

    def delete(self, line_id: int) -> None:
        with self._state.lock:
            Writer(self._state, "hand", "hand").delete_line(line_id)


class _Control:
    def __init__(self, state: PsaState) -> None:
        self._state = state
        self._hand = _Hand(state)

    def routes(self) -> list[BaseRoute]:
        both = ["GET", "PUT"]
        return [
            Route("/_sim/seed", told(self._seed), methods=["POST"]),
            Route("/_sim/invoice-run", told(self._invoice_run), methods=["POST"]),
            Route("/_sim/invoices", told(self._invoices)),
            Route("/_sim/audit", told(self._audit)),
            Route("/_sim/switches", told(self._switches), methods=both),
            Route("/_sim/clock", told(self._clock), methods=both),
            Route("/_sim/applications", told(self._applications), methods=["PUT"]),
            Route("/_sim/recurring-invoices/{header}/lines", told(self._add), methods=["POST"]),
            Route("/_sim/lines/{line:int}", told(self._change), methods=["PATCH", "DELETE"]),
            Route("/_sim/records/{kind}/{record}", told(self._change_record), methods=["PATCH"]),
        ]

    async def _seed(self, request: Request) -> Response:
        records = await object_of(request)
        with self._state.lock:
            self._state.seed(**records)
        return nothing()

    async def _invoice_run(self, request: Request) -> Response:
        wanted = await object_of(request)
        number = wanted.get("recurring_invoice_id")
        through = date.fromisoformat(str(wanted["through"]))
        run = run_invoices(self._state, through, None if number is None else int(number))
        return as_json({"invoices": run.invoices, "skipped": run.skipped})

    async def _invoices(self, request: Request) -> Response:
        asked = request.query_params
        client, header = asked.get("client"), asked.get("recurring_invoice")
        first, last = asked.get("from"), asked.get("to")
        found = find_invoices(
            self._state,
            client=int(client) if client else None,
            recurring_invoice=int(header) if header else None,
            first=date.fromisoformat(first) if first else None,
            last=date.fromisoformat(last) if last else None,
        )
        return as_json({"invoices": found, "total": total_of(found)})

    async def _audit(self, _: Request) -> Response:
        with self._state.lock:
            return as_json({"changes": self._state.audit})

    async def _switches(self, request: Request) -> Response:
        with self._state.lock:
            if request.method == "PUT":
                set_switches(self._state.switches, await object_of(request))
            return as_json(asdict(self._state.switches))

    async def _clock(self, request: Request) -> Response:
        with self._state.lock:
            if request.method == "PUT":
                given = (await object_of(request))["now"]
                fixed = None if given is None else moment(str(given))
                self._state.now = utc_now if fixed is None else lambda: fixed
            return as_json({"now": self._state.now().isoformat()})

    async def _applications(self, request: Request) -> Response:
        wanted = await object_of(request)
        with self._state.lock:
            self._state.applications = read_applications(wanted["applications"])
        return nothing()

    async def _add(self, request: Request) -> Response:
        given = await object_of(request)
        header = int(request.path_params["header"])
        line = self._hand.save({**given, "ihid": header, "id": None})
        return as_json(line, HTTPStatus.CREATED)

    async def _change(self, request: Request) -> Response:
        number = request.path_params["line"]
        if request.method == "DELETE":
            self._hand.delete(number)
            return nothing()
        return as_json(self._hand.save({**await object_of(request), "id": number}))

    async def _change_record(self, request: Request) -> Response:
        kind, number = request.path_params["kind"], int(request.path_params["record"])
        changes = await object_of(request)
        with self._state.lock:
            return as_json(self._state.change_record(kind, number, changes))


class _Pages:
    def __init__(self, state: PsaState) -> None:
        self._state = state
        self._hand = _Hand(state)

    def routes(self) -> list[BaseRoute]:
        def page(endpoint: Endpoint) -> Endpoint:
            return shown(endpoint, TEMPLATES)

        return [
            Route("/", page(self._overview)),
            Route("/by-hand/invoice-run", page(self._run), methods=["POST"]),
            Route("/by-hand/add/{header}", page(self._add), methods=["POST"]),
            Route("/by-hand/change/{line:int}", page(self._change), methods=["POST"]),
            Route("/by-hand/delete/{line:int}", page(self._delete), methods=["POST"]),
        ]

    async def _overview(self, _: Request) -> Response:
        with self._state.lock:
            return pages.page(
                TEMPLATES,
                "halopsa.html",
                clients=[
                    {**one, "headers": self._headers(one["id"])}
                    for one in self._state.clients.values()
                ],
                items=list(self._state.items.values()),
                invoices=list(reversed(self._state.invoices))[:50],
                audit=list(reversed(self._state.audit))[:50],
                today=self._state.now().date().isoformat(),
            )

    def _headers(self, client: int) -> list[Record]:
        return [
            {**one, "lines": [self._line(line) for line in self._state.lines_of(one["id"])]}
            for one in self._state.recurring_invoices.values()
            if one["client_id"] == client
        ]

    def _line(self, line: Record) -> Record:
        item = self._state.items[line["_itemid"]]
        return {**line, "item": item["name"], "waiting": waiting(line)}

    async def _run(self, request: Request) -> Response:
        form = await pages.posted(request)
        run_invoices(self._state, date.fromisoformat(form["through"]))
        return pages.back_to("/#invoices")

    async def _add(self, request: Request) -> Response:
        form = await pages.posted(request)
        header = int(request.path_params["header"])
        quantity = Decimal(form["quantity"])
        self._hand.save({"ihid": header, "_itemid": int(form["item"]), "qty_order": quantity})
        return pages.back_to(f"/#header{header}")

    async def _change(self, request: Request) -> Response:
        form = await pages.posted(request)
        number = request.path_params["line"]
        line = self._hand.save(
            {
                "id": number,
                "qty_order": Decimal(form["quantity"]),
                "item_shortdescription": form["text"],
            }
        )
        return pages.back_to(f"/#header{line['ihid']}")

    async def _delete(self, request: Request) -> Response:
        await pages.posted(request)
        self._hand.delete(request.path_params["line"])
        return pages.back_to("/")
