"""The whole app as real processes: Azurite, both simulators and any number of hosts.

The simulators run in threads of the test's own process, so a test changes and reads what
Microsoft and the PSA hold directly:

    def test_something(stack):
        stack.start_host()
        run = stack.post("/api/customers/…/sync").json()
        stack.finished(run["run_id"])
        assert stack.lines(7001)[0] == (12, "2026-01-01", None)

``stack_in(directory, psa="halopsa")`` has another PSA than ConnectWise; what a test tells it as a
``Story`` and reads by ``lines`` is the same for all.

Every stack has a storage account of its own, and begins on 17 March 2026: ``stack.travel(to)``
moves what billing counts as now, for the hosts and for the PSA; the storage, leases and pauses
stay in real time.
"""

import base64
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import requests
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueServiceClient

from local.azurite import Azurite
from local.processes import Child, Processes, free_port, url_answers
from local.simulators.common.app import simulator_of
from local.simulators.common.server import running
from local.simulators.common.simulator import Simulator
from local.simulators.microsoft.builders import (
    CLIENT_ID,
    CLIENT_SECRET,
    PARTNER_TENANT_ID,
    a_contract,
    a_subscription,
    a_tenant,
    an_app,
)
from local.simulators.microsoft.state import MicrosoftState, Tenant, add_seats
from local.simulators.microsoft.vendor import Microsoft, microsoft_app
from local.sites.known import DEFAULT, SITES
from local.sites.site import Agreement, Company, Held, Product, Site, Story, Terms
from tests.integration.accounts import own_account
from tests.integration.nursery import Nursery, begin_host
from tests.integration.waiting import eventually
from tests.integration.wire import Wire

START = datetime(2026, 3, 17, 12, 0, tzinfo=UTC)
NEVER = "0 0 0 1 1 *"
LEASE_SECONDS = 3
"""How long the messages of a killed host stay hidden; the real host would take ten minutes."""
QUEUES = ("tenant-sync", "license-sync", "sync-now")

E5 = "06ebc4ee-1bb5-47dd-8120-11324bc54e06"
BUSINESS_PREMIUM = "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46"

MARCH = Terms(
    starts=date(2026, 1, 1),
    period_start=date(2026, 3, 1),
    period_end=date(2026, 3, 31),
    invoiced_through=date(2026, 3, 31),
    next_invoice=date(2026, 4, 1),
)
"""Of an agreement that is billed monthly in advance, and invoiced through March 2026."""

T = TypeVar("T")


@dataclass(slots=True)
class Host:
    """One running host."""

    url: str
    child: Child

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request; ``path`` begins with a slash, ``json=`` is the body."""
        return requests.request(method, self.url + path, timeout=60, **options)

    def wait_ready(self) -> None:
        """Wait until the host serves."""
        self.child.wait_ready(url_answers(f"{self.url}/admin/host/status"))

    def fire(self, timer: str) -> None:
        """Let a timer run now; it is not waited for."""
        self.call("POST", f"/admin/functions/{timer}").raise_for_status()

    def kill(self) -> None:
        """End the host at once, as a crash would."""
        self.child.kill()

    def stop(self) -> int:
        """Ask the host to end, as a deployment does, and return its exit status."""
        return self.child.stop()

    @property
    def log(self) -> str:
        """What the host has logged so far."""
        return "" if self.child.log is None else self.child.log.read_text("utf-8", "replace")


@dataclass
class Stack:
    """What a test holds.

    Attributes:
        environment: What every host gets; change it before starting one.
        site: Which PSA it is, and how its simulator is told and read.
        psa, microsoft: The state of the simulators. The Microsoft one may be replaced.
        psa_simulator, microsoft_simulator: Their faults, calls, latency and violations.
        nursery: What hosts are forked from; that of the test process unless given.
        psa_wire: The writes that the PSA was sent, byte for byte.
        hosts: All that were started, the ended ones too.
    """

    environment: dict[str, str]
    site: Site
    psa: Any
    psa_simulator: Simulator
    microsoft_simulator: Simulator
    storage: QueueServiceClient
    directory: Path
    processes: Processes
    nursery: Nursery | None = None
    psa_wire: Wire = field(default_factory=Wire)
    hosts: list[Host] = field(default_factory=list)
    _now: datetime = START

    # Hosts ------------------------------------------------------------------------------------

    def start_host(self, *options: str, **environment: str) -> Host:
        """Start one more host of the app and wait until it serves."""
        host = self.begin_host(*options, **environment)
        host.wait_ready()
        return host

    def begin_host(self, *options: str, **environment: str) -> Host:
        """Start one more host of the app, which may not serve yet."""
        port = free_port()
        child = begin_host(
            self.processes,
            ["--port", str(port), *options],
            {**self.environment, **environment},
            self.directory / f"host-{len(self.hosts)}.log",
            self.nursery,
        )
        self.hosts.append(Host(f"http://127.0.0.1:{port}", child))
        return self.hosts[-1]

    @property
    def host(self) -> Host:
        """The newest host that still runs; one is started if there is none."""
        for host in reversed(self.hosts):
            if host.child.returncode is None:
                return host
        return self.start_host()

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET from the newest host."""
        return self.host.call("GET", path, **options)

    def post(self, path: str, json: object = None, **options: Any) -> requests.Response:
        """POST JSON to the newest host."""
        return self.host.call("POST", path, json={} if json is None else json, **options)

    def put(self, path: str, json: object, **options: Any) -> requests.Response:
        """PUT JSON to the newest host."""
        return self.host.call("PUT", path, json=json, **options)

    def finished(self, run_id: str, seconds: float = 30) -> dict[str, Any]:
        """Wait until no item of a run waits any more, and return the run."""

        def look() -> dict[str, Any] | None:
            run: dict[str, Any] = self.get(f"/api/runs/{run_id}").json()
            return run if run.get("state") != "running" else None

        return self.eventually(look, seconds)

    def eventually(self, look: Callable[[], T | None], seconds: float = 30) -> T:
        """Return what ``look`` finds as soon as it finds something; else show the hosts' logs."""
        try:
            return eventually(look, seconds)  # type: ignore[return-value]  # never None, by its promise
        except AssertionError as error:
            error.add_note("\n".join(host.log[-4000:] for host in self.hosts))
            raise

    # Queues -----------------------------------------------------------------------------------

    def put_message(self, queue: str, text: str) -> None:
        """Put a message into a queue as the app would."""
        self.put_raw(queue, base64.b64encode(text.encode()).decode())

    def put_raw(self, queue: str, content: str) -> None:
        """Put a message into a queue without any encoding."""
        with contextlib.suppress(ResourceExistsError):
            self.storage.create_queue(queue)
        self.storage.get_queue_client(queue).send_message(content)

    def depth(self, queue: str) -> int:
        """Return how many messages a queue holds, invisible ones too."""
        try:
            properties = self.storage.get_queue_client(queue).get_queue_properties()
        except ResourceNotFoundError:
            return 0
        return properties.approximate_message_count or 0

    def idle(self, seconds: float = 30) -> None:
        """Wait until no message is left in the queues."""
        self.eventually(lambda: not any(self.depth(queue) for queue in QUEUES), seconds)

    # Time -------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """What billing counts as now."""
        return self._now

    def travel(self, to: datetime | timedelta) -> None:
        """Move to a moment, or on by some time."""
        self._now = to if isinstance(to, datetime) else self._now + to
        file = self.directory / "clock.txt"
        # Replaced in one step: a host may read it at any moment.
        fresh = file.with_suffix(".new")
        fresh.write_text(self._now.isoformat(), "utf-8")
        fresh.replace(file)

    # Microsoft --------------------------------------------------------------------------------

    @property
    def microsoft(self) -> MicrosoftState:
        """What the Microsoft simulator holds."""
        vendor = self.microsoft_simulator.vendor
        assert isinstance(vendor, Microsoft)
        return vendor.state

    def add_tenant(self, tenant: Tenant) -> Tenant:
        """Let the partner have one more customer tenant."""
        self.microsoft.tenants.append(tenant)
        self.microsoft.contracts.append(a_contract(tenant))
        return tenant

    def buy(self, tenant: Tenant, sku_id: str, seats: int) -> None:
        """Add seats to a SKU, or take some away when negative."""
        add_seats(tenant, sku_id, seats)

    # What a story begins with -----------------------------------------------------------------

    def tell(self, story: Story) -> None:
        """Let the PSA have what the story says, beside what it has."""
        with self.psa.lock:
            self.psa.seed(**self.site.records(story))

    def contoso(self, seats: int = 10) -> Tenant:
        """Return a tenant with Business Premium; the PSA has its company 250, agreement 7001,
        invoiced through March 2026, and product 101.
        """
        self.tell(
            Story(
                companies=[Company(250, "Contoso")],
                products=[Product(101, "M365 Business Premium")],
                agreements=[Agreement(7001, 250, MARCH)],
            )
        )
        return self.add_tenant(a_tenant("Contoso", [a_subscription(BUSINESS_PREMIUM, seats)]))

    def add_customer(self, tenant: Tenant, company_id: str = "250", psa: str = "main") -> str:
        """Add a customer of a PSA connection and return its id."""
        answer = self.post(
            "/api/customers",
            {
                "name": tenant.name,
                "microsoft": "main",
                "tenant_id": tenant.id,
                "psa": psa,
                "company_id": company_id,
            },
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["customer_id"])

    def add_profile(self, product_id: str = "101", **more: object) -> str:
        """Add a billing profile and return its id."""
        body = {
            "name": f"Product {product_id}",
            "psa": "main",
            "product_id": product_id,
            "agreement_types": [],
            "price": {"kind": "psa"},
            "billable": "billable",
            **more,
        }
        answer = self.post("/api/billing-profiles", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["profile_id"])

    def map_row(
        self,
        customer_id: str,
        row_id: str,
        profile_id: str,
        agreement_id: str | None = None,
        **more: Any,
    ) -> None:
        """Map a row to an agreement (that of Contoso unless given); its tenant is read first."""
        if agreement_id is None:
            agreement_id = self.site.agreement_id(7001)
        self.get(f"/api/customers/{customer_id}/licenses").raise_for_status()
        body = {"profile_id": profile_id, "agreement_id": agreement_id, **more}
        answer = self.put(f"/api/customers/{customer_id}/mappings/{row_id}", body)
        assert answer.status_code in {200, 201}, answer.text

    def sync(
        self, customer_id: str, row_id: str | None = None, seconds: float = 30
    ) -> dict[str, Any]:
        """Sync a customer, or one row, wait until it is done, and return the run."""
        row = "" if row_id is None else f"/licenses/{row_id}"
        answer = self.post(f"/api/customers/{customer_id}{row}/sync")
        assert answer.status_code == 202, answer.text
        return self.finished(answer.json()["run_id"], seconds)

    def mapped_contoso(self, seats: int = 10, **mapping: Any) -> "Mapped":
        """Return Contoso added, with its Business Premium mapped, and nothing synced yet."""
        tenant = self.contoso(seats)
        customer_id = self.add_customer(tenant)
        row_id = f"sku-{BUSINESS_PREMIUM}"
        self.map_row(customer_id, row_id, self.add_profile(), **mapping)
        return Mapped(tenant, customer_id, row_id)

    def held(self, agreement: int = 7001) -> list[Held]:
        """Return what the PSA holds on an agreement, in its order."""
        with self.psa.lock:
            found = self.site.held(self.psa.dump())
        return [one for one in found if one.agreement == agreement]

    def lines(self, agreement: int = 7001) -> list[tuple[int, str | None, str | None]]:
        """Return quantity, first and last day of what the PSA holds on an agreement."""
        return [(one.quantity, _text(one.starts), _text(one.ends)) for one in self.held(agreement)]


@dataclass(frozen=True, slots=True)
class Mapped:
    """A customer with one mapped row."""

    tenant: Tenant
    customer_id: str
    row_id: str


@contextlib.contextmanager
def stack_in(
    directory: Path,
    psa: str = DEFAULT,
    storage_account: contextlib.AbstractContextManager[Azurite] | None = None,
    nursery: Nursery | None = None,
) -> Iterator[Stack]:
    """Run a storage account and both simulators while the block runs; hosts are started in it.

    Args:
        psa: The PSA's name, one of ``local.sites.known.SITES``.
        storage_account: A new one of the emulator of this test process unless given.
        nursery: What hosts are forked from; that of the test process unless given.
    """
    site = SITES[psa]
    state = site.new_state()
    psa_app = site.app(state)
    wire = Wire()
    microsoft = microsoft_app(
        MicrosoftState(
            apps=[an_app()],
            tenants=[a_tenant("Partner", tenant_id=PARTNER_TENANT_ID)],
            partner_tenant_id=PARTNER_TENANT_ID,
        )
    )
    with (
        storage_account or contextlib.nullcontext(own_account()) as emulator,
        running(wire.on(psa_app)) as psa_url,
        running(microsoft) as microsoft_url,
        QueueServiceClient.from_connection_string(emulator.connection_string) as storage,
        Processes() as processes,
    ):
        stack = Stack(
            environment={
                **_environment(microsoft_url),
                **site.settings(psa_url),
                "AzureWebJobsStorage": emulator.connection_string,
                "CLOCK_FILE": str(directory / "clock.txt"),
            },
            site=site,
            psa=state,
            psa_simulator=simulator_of(psa_app),
            microsoft_simulator=simulator_of(microsoft),
            storage=storage,
            directory=directory,
            processes=processes,
            nursery=nursery,
            psa_wire=wire,
        )
        stack.travel(START)
        state.now = lambda: stack.now
        yield stack


def _environment(microsoft_url: str) -> dict[str, str]:
    return {
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "SYNC_SCHEDULE": NEVER,
        "LOCAL_HOST_MESSAGE_LEASE_SECONDS": str(LEASE_SECONDS),
        "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.2",
        "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:00.5",
        "MICROSOFT__main__TENANT_ID": PARTNER_TENANT_ID,
        "MICROSOFT__main__CLIENT_ID": CLIENT_ID,
        "MICROSOFT__main__CLIENT_SECRET": CLIENT_SECRET,
        "MICROSOFT__main__LOGIN_URL": microsoft_url,
        "MICROSOFT__main__GRAPH_URL": microsoft_url,
    }


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
