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
from local.simulators.common.control import Control, as_json, nothing, object_of
from local.simulators.common.records import Record
from local.simulators.halopsa.invoicing import run_invoices
from local.simulators.halopsa.rules import Writer, waiting, written
from local.simulators.halopsa.state import PsaState, read_applications


class _Hand:
    """Edits under the API's own rules, kept in the audit list as made by ``hand``."""

    def __init__(self, state: PsaState) -> None:
        self._state = state

    def save(self, line: Mapping[str, Any]) -> Record:
        return written(self._state, "hand", "hand", "post_lines", [line])[0]

    def delete(self, line_id: int) -> None:
        with self._state.lock:
            Writer(self._state, "hand", "hand").delete_line(line_id)


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
            self.call("lines/{line:int}", self._change, "PATCH", "DELETE"),
            self.form("add/{header}", self._add_by_hand),
            self.form("change/{line:int}", self._change_by_hand),
            self.form("delete/{line:int}", self._delete_by_hand),
        ]

    def overview(self) -> Record:
        clients = self._state.clients.values()
        return {
            "clients": [{**one, "headers": self._headers(one["id"])} for one in clients],
            "items": list(self._state.items.values()),
        }

    def _headers(self, client: int) -> list[Record]:
        return [
            {**one, "lines": [self._line(line) for line in self._state.lines_of(one["id"])]}
            for one in self._state.recurring_invoices.values()
            if one["client_id"] == client
        ]

    def _line(self, line: Record) -> Record:
        item = self._state.items[line["_itemid"]]
        return {**line, "item": item["name"], "waiting": waiting(line)}

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

    async def _add_by_hand(self, request: Request) -> Response:
        form = await pages.posted(request)
        header = int(request.path_params["header"])
        quantity = Decimal(form["quantity"])
        self._hand.save({"ihid": header, "_itemid": int(form["item"]), "qty_order": quantity})
        return pages.back_to(f"/#header{header}")

    async def _change_by_hand(self, request: Request) -> Response:
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

    async def _delete_by_hand(self, request: Request) -> Response:
        await pages.posted(request)
        self._hand.delete(request.path_params["line"])
        return pages.back_to("/")
