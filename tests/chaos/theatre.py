"""The stack that seeds are played on, one after another: storage on disk, simulators, hosts.

It stays up between seeds. Each seed begins with empty simulators, customers of its own, and as
many hosts as it asks for; the customers of the one before are deleted in Seatsync.
"""

import contextlib
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient

from local.azurite import Azurite, azurite
from local.processes import free_port
from tests.chaos.weather import Seat, Weather
from tests.integration.gate import passages
from tests.integration.nursery import Nursery
from tests.integration.stack import Host, Stack, stack_in

MOST_HOSTS = 4
LEASE_SECONDS = 3
MESSAGE_LEASE_SECONDS = 2
ONE_BY_ONE = {
    "AzureFunctionsJobHost__extensions__queues__batchSize": "1",
    "AzureFunctionsJobHost__extensions__queues__newBatchThreshold": "0",
}
SHORT = {
    "LEASE_SECONDS": str(LEASE_SECONDS),
    "LOCAL_HOST_MESSAGE_LEASE_SECONDS": str(MESSAGE_LEASE_SECONDS),
}


class StorageOnDisk:
    """Azurite that can be restarted, and then has what it had; a context manager."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running = contextlib.ExitStack()
        self._ports = (free_port(), free_port(), free_port())

    def __enter__(self) -> Azurite:
        return self._start()

    def __exit__(self, *_error: object) -> None:
        self._running.close()

    def restart(self) -> None:
        """End it and start it again; it is away for a second or two."""
        self._running.close()
        self._start()

    def _start(self) -> Azurite:
        kept, log = self._directory / "storage", self._directory / "azurite.log"
        return self._running.enter_context(azurite(kept, ports=self._ports, log=log))


@dataclass
class Theatre:
    """What a seed is played on.

    Attributes:
        seats: The hosts; those of odd numbers work on one message at a time.
        psa_url: The PSA, not through a gate.
    """

    stack: Stack
    tables: TableServiceClient
    storage: StorageOnDisk
    weather: Weather
    seats: list[Seat]
    gates: list[dict[str, str]]
    psa_url: str
    profiles: dict[int, str] = field(default_factory=dict)
    customers: list[str] = field(default_factory=list)

    def hosts(self) -> list[Host]:
        """The hosts that live."""
        return [one.host for one in self.seats if one.host and one.host.child.returncode is None]

    def fill(self, hosts: int, *, wait: bool = True) -> None:
        """Let so many seats have a living host; and the others none."""
        new = []
        for seat in self.seats:
            alive = seat.host is not None and seat.host.child.returncode is None
            if seat.number >= hosts and alive:
                seat.host.child.send_signal(signal.SIGCONT)  # it may stand still
                seat.host.stop()
            if seat.number < hosts and not alive:
                new.append(self._seated(seat))
        for host in new if wait else []:
            host.wait_ready()

    def _seated(self, seat: Seat) -> Host:
        options = ONE_BY_ONE if seat.one_by_one else {}
        seat.host = self.stack.begin_host(**SHORT, **options, **self.gates[seat.number])
        return seat.host

    def clear(self) -> None:
        """Forget the seed before: its customers, and everything in the simulators."""
        stack = self.stack
        for customer_id in self.customers:
            stack.host.call("DELETE", f"/api/customers/{customer_id}").raise_for_status()
        self.customers.clear()
        with stack.psa.lock:
            stack.psa.restore(stack.site.new_state().dump())
        if stack.site.name == "autotask":
            stack.psa.switches.units_to_zero = True
        if stack.site.name == "halopsa":
            stack.psa.switches.negative_prorata = True
        del stack.microsoft.tenants[1:]
        stack.microsoft.contracts.clear()
        for simulator in (stack.psa_simulator, stack.microsoft_simulator):
            simulator.calls.clear()
        stack.psa_wire.taken()

    def left_over(self, customer_id: str) -> list[str]:
        """Return the intents and leases of a customer that are still stored."""
        found = []
        for table, begins in (("books", "intent~"), ("leases", "")):
            own = (customer_id, "..main") if table == "leases" else (customer_id,)
            with contextlib.suppress(ResourceNotFoundError):  # nothing was ever put there
                rows = list(self.tables.get_table_client(table).list_entities())
                keys = [row["RowKey"] for row in rows if row["PartitionKey"] in own]
                found += [f"{table}: {row}" for row in keys if row.startswith(begins)]
        return found


@contextlib.contextmanager
def theatre_in(directory: Path, psa: str, without: Sequence[str] = ()) -> Iterator[Theatre]:
    """Run everything for seeds of one PSA while the block runs; hosts are there from the start.

    Args:
        without: Protections that the hosts go without, to see that the suite notices.
    """
    storage = StorageOnDisk(directory)
    weather = Weather()
    with contextlib.ExitStack() as running:
        nursery = Nursery("tests.chaos.cradle", *without)
        running.callback(nursery.close)
        stack = running.enter_context(stack_in(directory, psa, storage, nursery))
        connection = stack.environment["AzureWebJobsStorage"]
        stack.environment |= {
            "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:01",
            "PSA__main__UNITS_TO_ZERO": "true",
            "PSA__main__NEGATIVE_PRORATA": "true",
        }
        for name, own in (("UNITS_TO_ZERO", "autotask"), ("NEGATIVE_PRORATA", "halopsa")):
            if psa != own:
                del stack.environment[f"PSA__main__{name}"]
        for simulator in (stack.psa_simulator, stack.microsoft_simulator):
            simulator.check_contracts = False  # other tests do; here they would take half the time
        tables = running.enter_context(TableServiceClient.from_connection_string(connection))
        seats = [Seat(number, weather, one_by_one=number % 2 == 1) for number in range(MOST_HOSTS)]
        gates = [running.enter_context(passages(seat, stack.environment)) for seat in seats]
        theatre = Theatre(
            stack=stack,
            tables=tables,
            storage=storage,
            weather=weather,
            seats=seats,
            gates=gates,
            psa_url=stack.environment["PSA__main__URL"],
        )
        try:
            theatre.fill(2)
            theatre.clear()
            yield theatre
        finally:
            for seat in seats:
                if seat.host is not None:
                    seat.host.kill()
