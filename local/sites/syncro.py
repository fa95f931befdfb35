"""Syncro: schedules with line items that have one quantity and no dates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.applications import Starlette

from local.simulators.syncro import builders
from local.simulators.syncro.state import DEMO_TOKEN, PsaState
from local.simulators.syncro.vendor import syncro_app
from local.sites.site import Held, Record, Site, Story

_MANY_CALLS = "10000"  # the simulator has no limit unless it is given one
_REFERENCE = re.compile(r"Ref\. (\S+)\s*\Z")


class SyncroSite(Site):
    """A quantity counts from the next invoice on. A schedule that has ended is paused."""

    name = "syncro"
    title = "Syncro"
    credentials: ClassVar[Mapping[str, str]] = {
        "API_TOKEN": DEMO_TOKEN.value,
        "CALLS_PER_MINUTE": _MANY_CALLS,
    }

    def new_state(self) -> PsaState:
        return PsaState()

    def app(self, state: PsaState) -> Starlette:
        return syncro_app(state)

    def records(self, story: Story) -> dict[str, list[Record]]:
        return {
            "customers": [
                builders.a_customer(one.number, name=one.name) for one in story.companies
            ],
            "products": [
                builders.a_product(one.number, name=one.name, price=one.price, cost=one.cost)
                for one in story.products
            ],
            "schedules": [
                builders.a_schedule(
                    one.number,
                    customer=one.company,
                    name=one.name,
                    frequency="Annually" if one.terms.annual else "Monthly",
                    next_run=one.terms.next_invoice,
                    paused=one.terms.ends is not None,
                )
                for one in story.agreements
            ],
            "lines": [
                builders.a_line(
                    one.number,
                    schedule=one.agreement,
                    product=one.product,
                    quantity=one.quantity,
                )
                for one in story.lines
            ],
        }

    def held(self, state: Mapping[str, Any]) -> list[Held]:
        return [
            Held(
                agreement=one["schedule_id"],
                product=one["product_id"],
                quantity=int(one["quantity"]),
                starts=None,
                mark=_mark(str(one["description"])),
            )
            for one in state["lines"]
        ]


def _mark(text: str) -> str | None:
    found = _REFERENCE.search(text)
    return None if found is None else found[1]
