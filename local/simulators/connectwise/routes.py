"""The control API of this simulator, and the page to look at it and to change things by hand.

Besides what every PSA's simulator has under ``/_sim/``:

======================================  ===========================================================
``POST /_sim/agreements/7001/additions``  a line put there by hand, in the vendor's field names
``PATCH DELETE /_sim/additions/501``    a line changed or deleted by hand
``PUT /_sim/members``                   the API members, their keys, and what their roles lack
======================================  ===========================================================
"""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from local.simulators.common import pages
from local.simulators.common.control import Control, as_json, object_of
from local.simulators.common.records import Record
from local.simulators.connectwise.additions import status_of
from local.simulators.connectwise.hand import Hand
from local.simulators.connectwise.invoicing import run_invoices
from local.simulators.connectwise.state import PsaState, read_members


class ConnectWiseControl(Control[PsaState]):
    """The control routes and the page of one site."""

    templates = Path(__file__).parent / "templates"
    name, title = "connectwise", "ConnectWise PSA"
    customer, agreement, people = "company", "agreement", "members"
    run, read_people = run_invoices, read_members

    def __init__(self, state: PsaState) -> None:
        super().__init__(state)
        self._hand = Hand(state)

    def own_routes(self) -> list[BaseRoute]:
        return [
            self.call("agreements/{agreement:int}/additions", self._add, "POST"),
            self.form("add/{agreement:int}", self._add_by_hand),
            self.form("edit/{addition:int}", self._edit_by_hand),
            *self.line_routes("additions", self._hand.edit, self._hand.delete),
        ]

    def overview(self) -> Record:
        return {"customers": self._companies(), "products": list(self._state.products.values())}

    def _companies(self) -> list[Record]:
        today = self._state.now().date()
        agreements = [
            {
                **agreement,
                "agreementStatus": status_of(agreement, today),
                "lines": self._state.additions_of(number),
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

    async def _add(self, request: Request) -> Response:
        fields = await object_of(request)
        added = self._hand.add(request.path_params["agreement"], fields)
        return as_json(added, HTTPStatus.CREATED)

    async def _add_by_hand(self, request: Request) -> Response:
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

    async def _edit_by_hand(self, request: Request) -> Response:
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
