"""The vendors' simulators with a little in them, and what is asked of each."""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import requests

from local.simulators.autotask.state import DEMO_USER
from local.simulators.common.inprocess import InProcessAdapter
from local.simulators.connectwise.state import DEMO_MEMBER
from local.simulators.halopsa.state import DEMO_APPLICATION
from local.simulators.microsoft.builders import CLIENT_SECRET
from local.simulators.partnercenter.builders import a_partner_customer, a_partner_subscription
from local.simulators.syncro.state import DEMO_TOKEN
from shared.domain.agreements import AgreementLine, Operation
from shared.domain.customers import DirectoryTenant
from shared.domain.ids import SubscriptionId, TenantId
from shared.domain.licensing import AssignedUser, UserDetails
from shared.ports import PsaGateway, ReadsManyLines
from tests.builders import (
    AGREEMENT,
    BUSINESS_PREMIUM,
    COMPANY,
    E5,
    PRODUCT,
    TENANT,
    a_line,
    a_sku,
    a_snapshot,
    a_subscription,
)
from tests.contract import test_autotask, test_connectwise, test_halopsa, test_syncro
from tests.contract.test_graph_source import GraphWorld
from tests.fuzz.answers import Recorder, Recording, mounted
from tests.microsoft_site import microsoft_site

Work = Callable[[Any], object]
"""What is asked, of a new gateway or source."""

PERSON = "Zoe Canary"
ADDRESS = "zoe.canary@contoso.example"
GROUP_ID = "5eed0000-0000-4000-8000-00000000f00d"


@dataclass
class FuzzedSite:
    """One vendor.

    Attributes:
        new: Returns the adapter as a new process has it, with nothing kept.
        usual: What each work returns when nothing is wrong.
        secrets: What no error may tell: keys, tokens, users.
    """

    http: requests.Session
    new: Callable[[], Any]
    works: Mapping[str, Work]
    hosts: frozenset[str]
    recordings: dict[str, Recording]
    usual: dict[str, object]
    secrets: frozenset[str]


PSA_READS: Mapping[str, Work] = {
    "check": lambda psa: psa.check(),
    "companies": lambda psa: psa.list_companies(),
    "products": lambda psa: psa.list_products(),
    "product": lambda psa: psa.get_product(PRODUCT),
    "agreements": lambda psa: psa.list_agreements(None),
    "agreements of a company": lambda psa: psa.list_agreements(COMPANY),
    "agreement": lambda psa: psa.get_agreement(AGREEMENT),
    "lines": lambda psa: psa.list_lines(AGREEMENT),
    "lines of many": lambda psa: list(psa.list_with_lines([COMPANY])),
}
SERVERS = {
    "connectwise": (test_connectwise.ConnectWiseServer, test_connectwise.CONFIG),
    "autotask": (test_autotask.AutotaskServer, test_autotask.CONFIG),
    "halopsa": (test_halopsa.HaloPsaServer, test_halopsa.CONFIG),
    "syncro": (test_syncro.SyncroServer, test_syncro.CONFIG),
}
_KEYS = frozenset(
    {
        *(DEMO_MEMBER.public_key, DEMO_MEMBER.private_key, DEMO_TOKEN.value),
        *(DEMO_USER.secret, DEMO_USER.integration_code, DEMO_APPLICATION.secret, CLIENT_SECRET),
    }
)


def a_psa_server(name: str) -> tuple[Any, Callable[[], PsaGateway]]:
    """Return a PSA with an agreement of two lines, and what makes gateways to it."""
    server_class, config = SERVERS[name]
    server = server_class()
    for number, text in (("250", "Contoso"), ("251", "Fabrikam")):
        server.add_company(number, text)
    for product in (PRODUCT, "102", "103"):
        server.add_product(product, f"Product {product}", price=Decimal("31.00"))
    server.add_agreement(AGREEMENT)
    server.add_line(a_line(quantity=11, marker=None))
    server.add_line(a_line(quantity=23, product_id="102", starts=date(2026, 2, 1)))
    return server, lambda: server.gateway_with(config)


def a_psa_site(name: str) -> FuzzedSite:
    """Return a PSA and what its reads usually say."""
    server, new = a_psa_server(name)
    works = {
        work: ask
        for work, ask in PSA_READS.items()
        if work != "lines of many" or isinstance(server.gateway, ReadsManyLines)
    }
    return _recorded(server.http, new, works)


def a_psa_writing_site(name: str, operations: Iterable[Operation]) -> FuzzedSite:
    """Return a PSA and what it usually says to these operations, each before all others."""
    found: FuzzedSite | None = None
    for operation in operations:
        server, new = a_psa_server(name)
        work = {type(operation).__name__: partial(_execute, operation)}
        one = _recorded(server.http, new, work)
        if found is not None:
            one.works = {**found.works, **one.works}
            one.recordings |= found.recordings
            one.usual |= found.usual
        found = one
    assert found is not None
    return found


def a_run_site(name: str, run: Work) -> FuzzedSite:
    """Return a PSA and what it usually says to a whole run."""
    server, new = a_psa_server(name)
    return _recorded(server.http, new, {"run": run})


def _execute(operation: Operation, psa: PsaGateway) -> AgreementLine | None:
    return psa.execute(operation)


def a_microsoft_site() -> FuzzedSite:
    """Return Graph, its sign-in and Partner Center, and what their reads usually say."""
    site = ExitStack().enter_context(microsoft_site())  # it stays, with its session
    world = GraphWorld(site)
    world.hold(
        a_snapshot(
            [
                a_sku(E5, enabled=11, warning=12, suspended=13, locked_out=14, consumed=15),
                a_sku(BUSINESS_PREMIUM, enabled=21, warning=22, suspended=23, consumed=25),
            ],
            [
                a_subscription(total_licenses=31),
                a_subscription(
                    SubscriptionId("00000000-0000-4000-8000-00000000b0b0"),
                    sku_id=BUSINESS_PREMIUM,
                    total_licenses=32,
                ),
            ],
        )
    )
    world.assign(
        TENANT,
        [
            AssignedUser(
                PERSON, ADDRESS, frozenset({E5}), UserDetails("", "", "", "", True, False)
            ),
            AssignedUser("Ann Abel", "ann@contoso.example", frozenset({E5, BUSINESS_PREMIUM})),
        ],
    )
    world.resell_to(DirectoryTenant(TENANT, "Contoso", "contoso.example"))
    sold = a_partner_subscription(
        "5eed0000-0000-4000-8000-0000000000c1", 41, name="E5", commitment_end=date(2027, 5, 12)
    )
    site.state.partner_center.customers = [a_partner_customer(TENANT, sold)]
    works: dict[str, Work] = {
        "tenant": lambda made: made[0].read_tenant(TENANT),
        "users": lambda made: made[0].assigned_users(TENANT, details=True),
        "tenants": lambda made: made[0].list_tenants(),
        "number of users": lambda made: made[0].count_users(
            TENANT, licensed_only=False, domain=None, enabled_only=True
        ),
        "partner's customers": lambda made: made[1].customers(),
        "partner's subscriptions": lambda made: made[1].subscriptions(TenantId(TENANT)),
    }
    return _recorded(site.http, lambda: (site.new_source(), site.new_partner_center()), works)


def _recorded(
    http: requests.Session, new: Callable[[], Any], works: Mapping[str, Work]
) -> FuzzedSite:
    recordings: dict[str, Recording] = {}
    usual: dict[str, object] = {}
    inner = next(a for a in http.adapters.values() if isinstance(a, InProcessAdapter))
    for name, ask in works.items():
        recording = recordings[name] = Recording()
        with mounted(http, Recorder(inner, recording)):
            usual[name] = ask(new())
    hosts = {key.split(" ")[1].split("/")[2] for r in recordings.values() for key, _ in r.calls}
    bodies = b" ".join(answer.body for one in recordings.values() for answer in one.answers)
    tokens = re.findall(r'_token"\s*:\s*"([^"]+)', bodies.decode())
    secrets = _KEYS | {PERSON, ADDRESS, *tokens}
    return FuzzedSite(http, new, works, frozenset(hosts), recordings, usual, secrets)
