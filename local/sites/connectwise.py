"""ConnectWise PSA: agreements with additions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.applications import Starlette

from local.simulators.connectwise import builders
from local.simulators.connectwise.state import DEMO_MEMBER, PsaState
from local.simulators.connectwise.vendor import connectwise_app
from local.sites.site import Agreement, Held, Record, Site, Story, day


class ConnectWiseSite(Site):
    """A difference for some days is an addition of its own."""

    name = "connectwise"
    title = "ConnectWise"
    credentials: ClassVar[Mapping[str, str]] = {
        "COMPANY_ID": "demo",
        "PUBLIC_KEY": DEMO_MEMBER.public_key,
        "PRIVATE_KEY": DEMO_MEMBER.private_key,
        "CLIENT_ID": "00000000-0000-4000-8000-000000000004",
    }

    def new_state(self) -> PsaState:
        return PsaState()

    def app(self, state: PsaState) -> Starlette:
        return connectwise_app(state)

    def records(self, story: Story) -> dict[str, list[Record]]:
        return {
            "types": [builders.a_type(name="Microsoft 365")],
            "companies": [
                builders.a_company(one.number, name=one.name, identifier=one.name.replace(" ", ""))
                for one in story.companies
            ],
            "products": [
                builders.a_product(
                    one.number,
                    identifier=f"MS-{one.number}",
                    description=one.name,
                    price=one.price,
                    cost=one.cost,
                )
                for one in story.products
            ],
            "agreements": [_agreement(one) for one in story.agreements],
            "additions": [
                builders.an_addition(
                    one.number,
                    agreement=one.agreement,
                    product=one.product,
                    quantity=one.quantity,
                    effective=one.starts,
                    serial_number=one.mark,
                )
                for one in story.lines
            ],
        }

    def held(self, state: Mapping[str, Any]) -> list[Held]:
        return [
            Held(
                agreement=one["agreementId"],
                product=one["product"]["id"],
                quantity=int(one["quantity"]),
                starts=day(one["effectiveDate"]),
                ends=day(one.get("cancelledDate")),
                mark=one.get("serialNumber"),
            )
            for one in state["additions"]
        ]


def _agreement(one: Agreement) -> Record:
    return builders.an_agreement(
        one.number,
        company=one.company,
        name=one.name,
        starts=one.terms.starts,
        ends=one.terms.ends,
        cycle="Annual" if one.terms.annual else "Monthly",
        next_invoice=one.terms.next_invoice,
        prorates=one.terms.prorates,
    )
