"""Runs the simulators as servers: ``python -m local simulators``."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from types import FrameType

from starlette.applications import Starlette

from local.simulators.common.app import simulator_of
from local.simulators.common.calls import CallLog
from local.simulators.common.server import running


def _microsoft() -> Starlette:
    from local.simulators.microsoft.vendor import microsoft_app  # noqa: PLC0415 - only when served

    return microsoft_app()


def _connectwise() -> Starlette:
    from local.simulators.connectwise.state import PsaState  # noqa: PLC0415 - only when served
    from local.simulators.connectwise.vendor import connectwise_app  # noqa: PLC0415

    return connectwise_app(PsaState())


def _autotask() -> Starlette:
    from local.simulators.autotask.state import PsaState  # noqa: PLC0415 - only when served
    from local.simulators.autotask.vendor import autotask_app  # noqa: PLC0415

    return autotask_app(PsaState())


def _halopsa() -> Starlette:
    from local.simulators.halopsa.state import PsaState  # noqa: PLC0415 - only when served
    from local.simulators.halopsa.vendor import halopsa_app  # noqa: PLC0415

    return halopsa_app(PsaState())


def _syncro() -> Starlette:
    from local.simulators.syncro.state import PsaState  # noqa: PLC0415 - only when served
    from local.simulators.syncro.vendor import syncro_app  # noqa: PLC0415

    return syncro_app(PsaState())


# Name → (default port, what makes the application with an empty state).
SIMULATORS: dict[str, tuple[int, Callable[[], Starlette]]] = {
    "microsoft": (7081, _microsoft),
    "connectwise": (7082, _connectwise),
    "autotask": (7083, _autotask),
    "halopsa": (7084, _halopsa),
    "syncro": (7085, _syncro),
}
_KEPT_CALLS = 10_000


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the chosen simulators until Ctrl-C or SIGTERM, and return the exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    unknown = set(arguments.names) - set(SIMULATORS)
    if unknown:
        parser.error(f"there is no simulator {', '.join(sorted(unknown))}")
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    with ExitStack() as servers:
        for name in arguments.names or sorted(SIMULATORS):
            app = _app(name, check_contracts=not arguments.unchecked)
            state = getattr(arguments, f"{name}_state")
            if state:
                given = json.loads(state.read_text("utf-8"), parse_float=Decimal)
                simulator_of(app).vendor.load_state(given)
            url = servers.enter_context(running(app, getattr(arguments, f"{name}_port")))
            print(f"{name}: {url}", flush=True)
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local simulators", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(SIMULATORS)}; all when none"
    )
    parser.add_argument(
        "--unchecked", action="store_true", help="skip the contract checks (for benchmarks)"
    )
    for name, (port, _) in SIMULATORS.items():
        parser.add_argument(f"--{name}-port", type=int, default=port, help=f"default {port}")
        parser.add_argument(f"--{name}-state", type=Path, help="a JSON file to start with")
    return parser


def _app(name: str, *, check_contracts: bool) -> Starlette:
    app = SIMULATORS[name][1]()
    simulator = simulator_of(app)
    for one in (simulator, *simulator.neighbours):
        one.check_contracts = check_contracts
        one.calls = CallLog(_KEPT_CALLS)
    return app
