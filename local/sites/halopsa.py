"""HaloPSA: recurring invoices with lines, whose rows wait for the next invoice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from starlette.applications import Starlette

from local.simulators.halopsa import builders
from local.simulators.halopsa.state import DEMO_APPLICATION, PsaState
from local.simulators.halopsa.vendor import halopsa_app
from local.sites.site import Agreement, Held, Record, Site, Story, day

_MANY_CALLS = "10000"  # the simulator has no limit unless it is given one


class HaloPsaSite(Site):
    """A line has a quantity, and rows for what changed within a period. Ids count downwards."""

    name = "halopsa"
    title = "HaloPSA"
    credentials: ClassVar[Mapping[str, str]] = {
        "TENANT": "demo",
        "CLIENT_ID": DEMO_APPLICATION.client_id,
        "CLIENT_SECRET": DEMO_APPLICATION.secret,
        "CALLS_PER_FIVE_MINUTES": _MANY_CALLS,
    }

    def new_state(self) -> PsaState:
        return PsaState()

    def app(self, state: PsaState) -> Starlette:
        return halopsa_app(state)

    def agreement_id(self, number: int) -> str:
        return str(-number)

    def records(self, story: Story) -> dict[str, list[Record]]:
        return {
            "clients": [builders.a_client(one.number, name=one.name) for one in story.companies],
            "items": [
                builders.an_item(one.number, name=one.name, price=one.price, cost=one.cost)
                for one in story.products
            ],
            "recurring_invoices": [_header(one) for one in story.agreements],
            "lines": [
                builders.a_line(
                    one.number,
                    recurring_invoice=-one.agreement,
                    item=one.product,
                    quantity=one.quantity,
                    starts=one.starts,
                    reference=one.mark,
                )
                for one in story.lines
            ],
        }

    def held(self, state: Mapping[str, Any]) -> list[Held]:
        headers = {one["id"]: one for one in state["recurring_invoices"]}
        return [held for line in state["lines"] for held in _held(headers, line)]


def _header(one: Agreement) -> Record:
    terms = one.terms
    return builders.a_recurring_invoice(
        -one.number,
        client=one.company,
        reference=one.name,
        starts=terms.starts,
        ends=terms.ends,
        period="Yearly" if terms.annual else "Monthly",
        first_uninvoiced=terms.not_invoiced_from,
        next_creation=terms.next_invoice,
    )


def _held(headers: Mapping[int, Mapping[str, Any]], line: Mapping[str, Any]) -> Iterator[Held]:
    """Yield the quantity and the waiting rows.

    A row from the first day that is not invoiced is charged as quantity is, and counted with it.
    """
    first_day = day(headers[line["ihid"]]["period_start_date"])
    waiting = [row for row in line["prorata_data"] if not row.get("isinvoiced")]
    whole = [row for row in waiting if day(row["date"]) == first_day]
    dated = [row for row in waiting if row not in whole]
    quantity = int(line.get("qty_order") or 0) + sum(int(row["quantity"]) for row in whole)
    agreement, mark = -line["ihid"], line.get("item_external_reference")
    if quantity or not dated:
        starts, ends = day(line.get("startdate")), day(line.get("enddate"))
        yield Held(agreement, line["_itemid"], quantity, starts, ends, mark)
    for row in dated:
        yield Held(agreement, line["_itemid"], int(row["quantity"]), day(row["date"]), None, mark)
