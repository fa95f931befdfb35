"""The control API of this simulator, and the page to look at it and to change things by hand.

Besides what every PSA's simulator has under ``/_sim/``:

==========================================  =======================================================
``POST /_sim/recurring-invoices/-94/lines``  a line in the vendor's field names
``PATCH DELETE /_sim/lines/501``            changes fields by hand, or deletes the line
``PUT /_sim/applications``                  the API applications, and what they may not
==========================================  =======================================================
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
from local.simulators.halopsa.invoicing import run_invoices
from local.simulators.halopsa.rules import Writer, waiting, written
from local.simulators.halopsa.state import PsaState, read_applications


class _Hand:
    """Edits under the API's own rules, kept in the audit list as made by ``hand``."""

    def __init__(self, state: PsaState) -> None:
        self._state = state

    def add(self, header: int, fields: Mapping[str, Any]) -> Record:
        return self._save({**fields, "ihid": header, "id": None})

    def change(self, line_id: int, fields: Mapping[str, Any]) -> Record:
        return self._save({**fields, "id": line_id})

    def delete(self, line_id: int) -> None:
        with self._state.lock:
            Writer(self._state, "hand", "hand").delete_line(line_id)

    def _save(self, line: Mapping[str, Any]) -> Record:
        return written(self._state, "hand", "hand", "post_lines", [line])[0]


class HaloPsaControl(Control[PsaState]):
    """The control routes and the page of one instance."""

    templates = Path(__file__).parent / "templates"
    name, title = "halopsa", "HaloPSA"
    customer, agreement, people = "client", "recurring_invoice", "applications"
    run, read_people = run_invoices, read_applications

    def __init__(self, state: PsaState) -> None:
        super().__init__(state)
        self._hand = _Hand(state)

    def own_routes(self) -> list[BaseRoute]:
        return [
            self.call("recurring-invoices/{header}/lines", self._add, "POST"),
            self.form("add/{header}", self._add_by_hand),
            self.form("change/{line:int}", self._change_by_hand),
            *self.line_routes("lines", self._hand.change, self._hand.delete),
        ]

    def overview(self) -> Record:
        clients = self._state.clients.values()
        return {
            "customers": [{**one, "agreements": self._headers(one["id"])} for one in clients],
            "products": list(self._state.items.values()),
        }

    def _headers(self, client: int) -> list[Record]:
        return [
            {
                **one,
                "name": one.get("reference") or "Recurring invoice",
                "lines": [self._line(line) for line in self._state.lines_of(one["id"])],
            }
            for one in self._state.recurring_invoices.values()
            if one["client_id"] == client
        ]

    def _line(self, line: Record) -> Record:
        item = self._state.items[line["_itemid"]]
        return {**line, "item": item["name"], "waiting": waiting(line)}

    async def _add(self, request: Request) -> Response:
        line = self._hand.add(int(request.path_params["header"]), await object_of(request))
        return as_json(line, HTTPStatus.CREATED)

    async def _add_by_hand(self, request: Request) -> Response:
        form = await pages.posted(request)
        header = int(request.path_params["header"])
        fields = {"_itemid": int(form["item"]), "qty_order": Decimal(form["quantity"])}
        self._hand.add(header, fields)
        return pages.back_to(f"/#header{header}")

    async def _change_by_hand(self, request: Request) -> Response:
        form = await pages.posted(request)
        fields = {
            "qty_order": Decimal(form["quantity"]),
            "item_shortdescription": form["text"],
        }
        line = self._hand.change(request.path_params["line"], fields)
        return pages.back_to(f"/#header{line['ihid']}")
