"""Autotask PSA: contracts with services, whose units change by adjustments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from typing import Any, ClassVar

from starlette.applications import Starlette

from local.simulators.autotask import builders
from local.simulators.autotask.state import DEMO_USER, PsaState
from local.simulators.autotask.vendor import autotask_app
from local.sites.site import DAY, Agreement, Held, Line, Record, Site, Story, day

_GOES_ON = timedelta(days=2 * 365)  # every contract has an end


class AutotaskSite(Site):
    """A service has so many units from a day on. Every contract prorates.

    Where another tool's mark would be, there is a change of it that lies ahead.
    """

    name = "autotask"
    title = "Autotask"
    credentials: ClassVar[Mapping[str, str]] = {
        "USERNAME": DEMO_USER.user_name,
        "SECRET": DEMO_USER.secret,
        "INTEGRATION_CODE": DEMO_USER.integration_code,
        # As the state below has it.
        "POSTED_PERIODS": "true",
    }

    def new_state(self) -> PsaState:
        state = PsaState()
        state.switches.adjust_posted_periods = True
        return state

    def app(self, state: PsaState) -> Starlette:
        return autotask_app(state)

    def records(self, story: Story) -> dict[str, list[Record]]:
        return {
            "companies": [builders.a_company(one.number, name=one.name) for one in story.companies],
            "services": [
                builders.a_service(one.number, name=one.name, price=one.price, cost=one.cost)
                for one in story.products
            ],
            "contracts": [_contract(one) for one in story.agreements],
            "contract_services": [_service(one) for one in story.lines],
        }

    def held(self, state: Mapping[str, Any]) -> list[Held]:
        return [held for line in state["lines"] for held in _steps(line)]


def _contract(one: Agreement) -> Record:
    terms = one.terms
    in_advance = terms.next_invoice == terms.not_invoiced_from
    return builders.a_contract(
        one.number,
        company=one.company,
        name=one.name,
        starts=terms.starts,
        ends=terms.ends or terms.period_end + _GOES_ON,
        period="Yearly" if terms.annual else "Monthly",
        first_unposted=terms.not_invoiced_from,
        billing="advance" if in_advance else "arrears",
    )


def _service(one: Line) -> Record:
    units = {one.starts: one.quantity}
    if one.later is not None:
        units |= dict([one.later])
    return builders.a_contract_service(
        one.number, contract=one.agreement, service=one.product, units=units
    )


def _steps(line: Mapping[str, Any]) -> Iterator[Held]:
    """Yield the units by day, from the adjustments that led to them."""
    record = line["record"]
    made = sorted(line["adjustments"], key=lambda one: str(one["effective"]))
    units, steps = 0, []
    for effective, together in groupby(made, key=lambda one: day(one["effective"])):
        after = units + sum(int(one["units"]) for one in together)
        if effective is not None and after != units:
            steps.append((effective, after))
        units = after
    for number, (starts, quantity) in enumerate(steps):
        following = steps[number + 1][0] if number + 1 < len(steps) else None
        yield Held(
            agreement=record["contractID"],
            product=record["serviceID"],
            quantity=quantity,
            starts=starts,
            ends=None if following is None else following - DAY,
            mark=record.get("internalDescription"),
        )
