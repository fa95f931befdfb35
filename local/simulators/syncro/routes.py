"""The control API of this simulator, and the page to look at it and to change things by hand.

Besides what every PSA's simulator has under ``/_sim/``:

==================================  ===============================================================
``POST /_sim/schedules/7001/lines`` a line in the vendor's field names
``PATCH DELETE /_sim/lines/501``    changes fields by hand, or deletes the line
``PUT /_sim/tokens``                the API tokens, and what they may not
==================================  ===============================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from local.simulators.common import pages
from local.simulators.common.control import Control, as_json, object_of
from local.simulators.common.records import Record
from local.simulators.syncro.invoicing import run_invoices
from local.simulators.syncro.state import PsaState, read_tokens


class _Hand:
    """Edits under the API's own rules, kept in the audit list as made by ``hand``.

    Every method raises ``RefusedError`` where the API would refuse.
    """

    def __init__(self, state: PsaState) -> None:
        self._state = state

    def add(self, schedule: int, line: Mapping[str, Any]) -> Record:
        with self._state.lock:
            return self._state.save_line(schedule, line, None, who="hand")

    def change(self, number: int, changes: Mapping[str, Any]) -> Record:
        with self._state.lock:
            schedule = self._state.lines[number]["schedule_id"]
            return self._state.save_line(schedule, changes, number, who="hand")

    def delete(self, number: int) -> None:
        with self._state.lock:
            schedule = self._state.lines[number]["schedule_id"]
            self._state.remove_line(schedule, number, who="hand")


class SyncroControl(Control[PsaState]):
    """The control routes and the page of one account."""

    templates = Path(__file__).parent / "templates"
    name, title = "syncro", "Syncro"
    customer, agreement, people = "customer", "schedule", "tokens"
    run, read_people = run_invoices, read_tokens

    def __init__(self, state: PsaState) -> None:
        super().__init__(state)
        self._hand = _Hand(state)

    def own_routes(self) -> list[BaseRoute]:
        return [
            self.call("schedules/{schedule:int}/lines", self._add, "POST"),
            self.form("add/{schedule:int}", self._add_by_hand),
            self.form("change/{line:int}", self._change_by_hand),
            *self.line_routes("lines", self._hand.change, self._hand.delete),
        ]

    def overview(self) -> Record:
        customers = self._state.customers.values()
        return {
            "customers": [
                {
                    "id": one["id"],
                    "name": one["business_name"],
                    "agreements": self._schedules(one["id"]),
                }
                for one in customers
            ],
            "products": list(self._state.products.values()),
        }

    def _schedules(self, customer: int) -> list[Record]:
        return [
            {**one, "lines": self._state.lines_of(one["id"])}
            for one in self._state.schedules.values()
            if one["customer_id"] == customer
        ]

    async def _add(self, request: Request) -> Response:
        line = self._hand.add(request.path_params["schedule"], await object_of(request))
        return as_json(line, HTTPStatus.CREATED)

    async def _add_by_hand(self, request: Request) -> Response:
        form = await pages.posted(request)
        schedule = request.path_params["schedule"]
        fields = {"product_id": int(form["product"]), "quantity": Decimal(form["quantity"])}
        self._hand.add(schedule, fields)
        return pages.back_to(f"/#schedule-{schedule}")

    async def _change_by_hand(self, request: Request) -> Response:
        form = await pages.posted(request)
        fields = {"quantity": Decimal(form["quantity"]), "description": form["description"]}
        line = self._hand.change(request.path_params["line"], fields)
        return pages.back_to(f"/#schedule-{line['schedule_id']}")
