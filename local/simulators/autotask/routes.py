"""The control API of this simulator, and the page to look at it and to change things by hand.

Besides what every PSA's simulator has under ``/_sim/``, its invoice run
being ``approve-and-post``:

======================================  ===========================================================
``POST /_sim/contracts/7001/services``  ``{"product": 101, "units": 5, "effective": "2026-04-01"}``
``POST /_sim/lines/501/units``          ``{"units": 12, "effective": "2026-04-01"}``
``PATCH /_sim/lines/501``               a text or adjusted price, in the vendor's field names
``GET PUT /_sim/zone``                  ``{"zone": "zone5"}``: the site moves there
``PUT /_sim/users``                     the API users, their keys, and what they may not
======================================  ===========================================================
"""

from __future__ import annotations

import re
from datetime import date
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from local.simulators.autotask.billing import units_on
from local.simulators.autotask.hand import Hand
from local.simulators.autotask.posting import approve_and_post
from local.simulators.autotask.state import PERIOD_TYPES, Line, PsaState, read_users
from local.simulators.common import pages
from local.simulators.common.control import Control, as_json, object_of
from local.simulators.common.records import Record

_ZONE = re.compile(r"[a-z0-9-]{0,40}")


class AutotaskControl(Control[PsaState]):
    """The control routes and the page of one site."""

    templates = Path(__file__).parent / "templates"
    name, title = "autotask", "Autotask PSA"
    run_path = "approve-and-post"
    customer, agreement, people = "company", "contract", "users"
    run, read_people = approve_and_post, read_users

    def __init__(self, state: PsaState) -> None:
        super().__init__(state)
        self._hand = Hand(state)

    def own_routes(self) -> list[BaseRoute]:
        return [
            self.call("zone", self._zone, "GET", "PUT"),
            self.call("contracts/{contract:int}/services", self._add, "POST"),
            self.call("lines/{line:int}/units", self._units, "POST"),
            self.call("lines/{line:int}", self._edit, "PATCH"),
            self.form("add/{contract:int}", self._add_by_hand),
            self.form("units/{line:int}", self._units_by_hand),
            self.form("text/{line:int}", self._text_by_hand),
        ]

    def overview(self) -> Record:
        products = [*self._state.services.values(), *self._state.bundles.values()]
        return {"customers": self._companies(), "products": products}

    def _companies(self) -> list[Record]:
        contracts = [self._contract(one) for one in self._state.contracts.values()]
        return [
            {
                "name": company["companyName"],
                "id": company["id"],
                "agreements": [one for one in contracts if one["companyID"] == company["id"]],
            }
            for company in self._state.companies.values()
        ]

    def _contract(self, record: Record) -> Record:
        number = record["id"]
        posted = self._state.posted_of(number)
        return {
            **record,
            "name": record["contractName"],
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

    async def _zone(self, request: Request) -> Response:
        with self._state.lock:
            if request.method == "PUT":
                wanted = str((await object_of(request))["zone"])
                if not _ZONE.fullmatch(wanted) or wanted == "atservicesrest":
                    raise ValueError("a zone is of small letters, digits and '-'")
                self._state.zone = wanted
            return as_json({"zone": self._state.zone})

    async def _add(self, request: Request) -> Response:
        given = await object_of(request)
        line = self._hand.add(
            request.path_params["contract"],
            int(given["product"]),
            int(given.get("units", 0)),
            date.fromisoformat(str(given["effective"])),
        )
        return as_json(line.record, HTTPStatus.CREATED)

    async def _units(self, request: Request) -> Response:
        given = await object_of(request)
        effective = date.fromisoformat(str(given["effective"]))
        line = self._hand.set_units(request.path_params["line"], int(given["units"]), effective)
        return as_json(line.record)

    async def _edit(self, request: Request) -> Response:
        line = self._hand.edit(request.path_params["line"], await object_of(request))
        return as_json(line.record)

    async def _add_by_hand(self, request: Request) -> Response:
        form = await pages.posted(request)
        contract = request.path_params["contract"]
        effective = date.fromisoformat(form["effective"])
        self._hand.add(contract, int(form["product"]), int(form["units"]), effective)
        return pages.back_to(f"/#contract-{contract}")

    async def _units_by_hand(self, request: Request) -> Response:
        form = await pages.posted(request)
        effective = date.fromisoformat(form["effective"])
        line = self._hand.set_units(request.path_params["line"], int(form["units"]), effective)
        return pages.back_to(f"/#contract-{line.contract_id}")

    async def _text_by_hand(self, request: Request) -> Response:
        form = await pages.posted(request)
        changes = {"invoiceDescription": form["invoiceDescription"]}
        line = self._hand.edit(request.path_params["line"], changes)
        return pages.back_to(f"/#contract-{line.contract_id}")

    def _today(self) -> date:
        return self._state.now().date()
