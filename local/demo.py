"""The demo: everything on this machine, with a made-up MSP in it.

``python -m local demo`` starts storage, simulated Microsoft and PSA services and the app, sets up
the sample through the app's own API, runs a cycle, shows what was written to the PSA and checks it
against a rule of its own; then it serves until Ctrl-C. With ``--once`` it ends there, with exit
status 0 only if every line is right and a second cycle writes nothing.
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from local.api import Api, ApiError, Json
from local.azurite import AzuriteError
from local.host import DEFAULT_PORT
from local.processes import ProcessError, until_told_to_stop
from local.sample.customers import CUSTOMERS
from local.sample.microsoft import microsoft_state, row_id, tenant_id
from local.sample.onboarding import (
    Onboarded,
    add_customers,
    add_profiles,
    exclude_free,
    map_licenses,
)
from local.sample.psa import story
from local.sample.rule import differences, lines_due, states_due
from local.sites.known import DEFAULT, SITES
from local.sites.site import Site, changes_something
from local.stack import NEVER, PortTakenError, Stack, running_stack
from shared import exact_json

DAILY = "0 0 2 * * *"
RUN_SECONDS = 120.0
STOPPED = 130  # what a shell says of Ctrl-C
LOOK_EVERY_SECONDS = 0.1
NARROWEST, WIDEST = 80, 160
LICENSE_WIDTH = 34


class DemoError(Exception):
    """Something did not happen as it should; the message says what."""


def main(argv: Sequence[str]) -> int:
    """Run the demo and return the exit status."""
    arguments = _parser().parse_args(argv)
    port = arguments.port if arguments.port is not None else 0 if arguments.once else DEFAULT_PORT
    logs = Path(tempfile.mkdtemp(prefix="seatsync-demo-"))
    status = 1
    with until_told_to_stop():
        try:
            status = _run(
                logs,
                SITES[arguments.psa],
                port,
                once=arguments.once,
                pictures=arguments.pictures,
            )
        except (ApiError, AzuriteError, DemoError, PortTakenError, ProcessError) as error:
            print(f"\n{error}", file=sys.stderr)
        except KeyboardInterrupt:
            print("\nStopped.")
            status = STOPPED if arguments.once else 0
    if status == 1 and any(logs.iterdir()):
        print(f"\nWhat the processes wrote is in {logs}", file=sys.stderr)
    else:
        shutil.rmtree(logs, ignore_errors=True)
    return status


def _run(logs: Path, site: Site, port: int, *, once: bool, pictures: Path | None) -> int:
    schedule = NEVER if once else DAILY
    with (
        running_stack(logs, site, port=port, schedule=schedule, progress=_progress) as stack,
        Api(stack.app) as app,
        Api(stack.microsoft) as microsoft,
        Api(stack.psa) as psa,
    ):
        demo = _Demo(site, app, microsoft, psa)
        demo.set_up()
        demo.first_cycle()
        wrong = demo.check()
        wrong += demo.second_cycle()
        if wrong:
            print("\nNot as it should be:")
            print("\n".join(f"  {line}" for line in wrong))
        else:
            print("\nEvery line in the PSA equals its rule, and the second cycle wrote nothing.")
        if pictures is not None:
            demo.take_pictures(stack.app, pictures)
        if once:
            return 1 if wrong else 0
        print(_invitation(stack, site, demo.onboarded[0]), flush=True)
        raise DemoError(f"{stack.wait()} ended by itself")


@dataclass(slots=True)
class _Demo:
    """The steps, each against what runs already."""

    site: Site
    app: Api
    microsoft: Api
    psa: Api
    onboarded: list[Onboarded]
    began: date

    def __init__(self, site: Site, app: Api, microsoft: Api, psa: Api) -> None:
        self.site, self.app, self.microsoft, self.psa = site, app, microsoft, psa
        self.onboarded = []
        self.began = _today()

    def set_up(self) -> None:
        """Fill the simulators, and map the sample through the API."""
        with _progress("a made-up MSP in both simulators"):
            state = microsoft_state(self.began).model_dump(mode="json")
            self.microsoft.call("PUT", "/_sim/state", state)
            told = self.site.dumped(story(self.site.name, self.began))
            self.psa.send("PUT", "/_sim/state", exact_json.dumps(told))
        with _progress(f"{len(CUSTOMERS)} customers"):
            self.onboarded = add_customers(self.app)
        with _progress("billing profiles and exclusions"):
            profiles = add_profiles(self.app)
            exclude_free(self.app)
        with _progress("mappings, licence by licence"):
            for one in self.onboarded:
                map_licenses(self.app, self.site, one, profiles)

    def first_cycle(self) -> None:
        """Make the last things awkward, run a cycle, and show what was written."""
        self._withdraw_consents()
        self._empty_first_pages()
        with _progress("a cycle over all customers"):
            items = self._cycle()["items"]
        changes = [
            (one.customer.name, change)
            for one in self.onboarded
            for change in sorted(
                self.app.items(f"/api/customers/{one.customer_id}/history"),
                key=lambda change: change["license_name"],
            )
        ]
        written = [one for one in changes if one[1]["result"] == "written"]
        print(f"\n{_table(written)}\n")
        print(
            f"{len(changes) - len(written)} more lines were right already and are looked after now."
        )
        counted = ("changed", "unchanged", "held", "blocked", "failed")
        print("Cycle: " + ", ".join(f"{items[name]} {name}" for name in counted))
        for one in self.onboarded:
            for row in self._rows(one).values():
                if row["state"] in {"held", "blocked", "unknown"}:
                    print(f"  {row['state']:8} {one.customer.name}: {row['name']}")
            if one.customer.withdraws_consent:
                print(f"  failed   {one.customer.name}: {one.customer.story}")

    def check(self) -> list[str]:
        """Return what is not as the rule says, in the PSA, in the rows and in the contracts."""
        with _progress("the check of every line against its rule"):
            found = self.site.held(self.psa.call("GET", "/_sim/state"))
            # Midnight may have passed since the beginning; either day is right then.
            days = sorted({self.began, _today()})
            due = (lines_due(self.site.name, day) for day in days)
            wrong = min((differences(one, found) for one in due), key=len)
            for one in self.onboarded:
                wrong += self._wrong_states(one)
            for simulator in (self.microsoft, self.psa):
                violations = simulator.call("GET", "/_sim/violations")["violations"]
                wrong += [f"broke a contract: {violation}" for violation in violations]
        return wrong

    def second_cycle(self) -> list[str]:
        """Run a cycle with nothing to do, and return the writes it made all the same."""
        self.psa.call("DELETE", "/_sim/calls")
        self._empty_first_pages()
        with _progress("a second cycle, with nothing to do"):
            self._cycle()
        calls = self.psa.call("GET", "/_sim/calls")["calls"]
        return [
            f"the second cycle wrote: {call['method']} {call['path']}"
            for call in calls
            if changes_something(call["method"], call["path"])
        ]

    def take_pictures(self, app: str, place: Path) -> None:
        """Take the README's pictures."""
        # Only here: a demo needs no browser.
        from local.pictures import take_pictures  # noqa: PLC0415

        with _progress("pictures"):
            take_pictures(app, self.microsoft, self.onboarded[0], place)

    def _cycle(self) -> Json:
        run_id = self.app.call("POST", "/api/runs", {})["run_id"]
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            run = self.app.call("GET", f"/api/runs/{run_id}")
            if run["state"] == "finished":
                return run
            if run["state"] == "stopped":
                raise DemoError(f"the run was stopped: {run}")
            time.sleep(LOOK_EVERY_SECONDS)
        raise DemoError(f"the run did not finish in {RUN_SECONDS:.0f} s: {run}")

    def _withdraw_consents(self) -> None:
        state = self.microsoft.call("GET", "/_sim/state")
        gone = {tenant_id(one) for one in CUSTOMERS if one.withdraws_consent}
        for tenant in state["tenants"]:
            if tenant["id"] in gone:
                tenant["consents"] = {}
        self.microsoft.call("PUT", "/_sim/state", state)
        # A token that was given out works on for an hour; the demo cannot wait that long.
        self.microsoft.call("DELETE", "/_sim/tokens")

    def _empty_first_pages(self) -> None:
        faults = [
            {
                "kind": "empty_page",
                "path": "/directory/subscriptions",
                "tenant": tenant_id(customer),
                "times": 1,
            }
            for customer in CUSTOMERS
            if customer.empty_first_page
        ]
        self.microsoft.call("PUT", "/_sim/faults", faults)

    def _rows(self, one: Onboarded) -> dict[str, Json]:
        path = f"/api/customers/{one.customer_id}/licenses"
        return {row["row_id"]: row for row in self.app.items(path)}

    def _wrong_states(self, one: Onboarded) -> Iterator[str]:
        """Rows whose state is not the sample's; a tenant that is shut has only its last numbers."""
        if one.customer.withdraws_consent:
            return
        rows = self._rows(one)
        for license_ in one.customer.licenses:
            expected = states_due(license_)
            state = rows[row_id(license_)]["state"]
            if state not in expected:
                words = " or ".join(expected)
                yield f"{one.customer.name}: {license_.part_number} is {state}, not {words}"


def _table(changes: list[tuple[str, Json]]) -> str:
    """Return what history says, as a table as wide as the terminal."""
    width = min(WIDEST, max(NARROWEST, shutil.get_terminal_size((140, 40)).columns))
    customer_width = max(len(name) for name, _ in changes) if changes else 0
    lines = [f"{'Customer':{customer_width}}  {'Licence':{LICENSE_WIDTH}}  Before  After  Why"]
    margin = customer_width + LICENSE_WIDTH + 19
    before = ""
    for name, change in changes:
        licence = textwrap.shorten(change["license_name"], LICENSE_WIDTH, placeholder=" …")
        old = "–" if change["before"] is None else change["before"]
        why = textwrap.wrap("; ".join(change["why"]), max(30, width - margin)) or [""]
        shown = "" if name == before else name
        before = name
        lines.append(
            f"{shown:{customer_width}}  {licence:{LICENSE_WIDTH}}  {old:>6}  "
            f"{change['after']:>5}  {why[0]}"
        )
        lines.extend(" " * margin + line for line in why[1:])
    return "\n".join(lines)


def _invitation(stack: Stack, site: Site, one: Onboarded) -> str:
    tenant = tenant_id(one.customer)
    return f"""
Running until Ctrl-C:
  the pages                 {stack.app}/
  the app's API             {stack.app}/api/health
  Microsoft, simulated      {stack.microsoft}/
  {f"{site.title}, simulated":24}  {stack.psa}/

Try it: add two seats to a licence of {one.customer.name} at
  {stack.microsoft}/tenants/{tenant}
then press Sync Now at
  {stack.app}/customers/{one.customer_id}
and look at its lines at {stack.psa}/
"""


@contextlib.contextmanager
def _progress(what: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    started = time.monotonic()
    print(f"  {what} … ", end="", flush=True)
    try:
        yield
    except BaseException:
        print("no", flush=True)
        raise
    print(f"{time.monotonic() - started:.1f} s", flush=True)


def _today() -> date:
    return datetime.now(UTC).date()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local demo", description=__doc__)
    parser.add_argument("--psa", choices=SITES, default=DEFAULT, help="which PSA is simulated")
    parser.add_argument("--once", action="store_true", help="end after the check")
    parser.add_argument("--pictures", type=Path, help="where to put pictures of the pages")
    parser.add_argument(
        "--port", type=int, help=f"of the app; default {DEFAULT_PORT}, with --once a free one"
    )
    return parser
