"""Runs the simulators as servers: ``python -m local simulators``."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from types import FrameType

from starlette.applications import Starlette

from local.simulators.common.app import simulator_of
from local.simulators.common.server import running

# Name → (default port, module and function that make the application).
SIMULATORS: dict[str, tuple[int, str]] = {
    "microsoft": (7081, "local.simulators.microsoft.vendor:microsoft_app"),
    "connectwise": (7082, "local.simulators.connectwise.app:connectwise_app"),
}
_KEPT_CALLS = 10_000


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the chosen simulators until Ctrl-C or SIGTERM, and return the exit status."""
    arguments = _parser().parse_args(argv)
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
                simulator_of(app).vendor.load_state(json.loads(state.read_text("utf-8")))
            url = servers.enter_context(running(app, getattr(arguments, f"{name}_port")))
            print(f"{name}: {url}", flush=True)
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local simulators", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which to serve; all when none")
    parser.add_argument(
        "--unchecked", action="store_true", help="skip the contract checks (for benchmarks)"
    )
    for name, (port, _) in SIMULATORS.items():
        parser.add_argument(f"--{name}-port", type=int, default=port, help=f"default {port}")
        parser.add_argument(f"--{name}-state", type=Path, help="a JSON file to start with")
    return parser


def _app(name: str, *, check_contracts: bool) -> Starlette:
    if name not in SIMULATORS:
        message = f"there is no simulator '{name}', only {', '.join(sorted(SIMULATORS))}"
        raise SystemExit(message)
    module, _, function = SIMULATORS[name][1].partition(":")
    make: Callable[..., Starlette] = getattr(import_module(module), function)
    return make(call_limit=_KEPT_CALLS, check_contracts=check_contracts)
