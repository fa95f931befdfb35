"""Plays a plan on a theatre, and says what came out wrong."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from random import Random
from threading import Thread
from typing import Any

import requests
from azure.core.exceptions import AzureError

from local.simulators.microsoft.builders import a_subscription, a_tenant
from local.simulators.microsoft.state import Subscription, Tenant, set_seats
from local.sites import site
from local.sites.site import Agreement, Company, Product, Story
from shared import exact_json
from tests.chaos.accounts import ACCOUNTS, PRICE, Account
from tests.chaos.hands import HANDS
from tests.chaos.plan import DIFFERENCES, DayPlan, Event, Plan, RowPlan
from tests.chaos.theatre import Theatre
from tests.integration.stack import MARCH, QUEUES, Host

DAY = timedelta(days=1)
SKUS = (
    "cbdc14ab-d96c-4c30-b9f4-6ada7cdc1d46",
    "06ebc4ee-1bb5-47dd-8120-11324bc54e06",
    "05e9a617-0261-4cee-bb44-138d3ef5d965",
)
ALL_QUEUES = (*QUEUES, *(f"{queue}-poison" for queue in QUEUES))
FIRE_SECONDS = 90.0
"""Longest that a day under fire may take to come to rest."""
QUIET_SECONDS = 0.4
"""Without a step for so long, what is planned for a later step happens now."""
MOST_CYCLES = 4
"""How many cycles without faults may be needed until everything is in step."""
IN_STEP = {"in_step", "waiting"}


class WrongError(AssertionError):
    """A seed did not end right."""


@dataclass
class Row:
    """A licence of a customer as it is lived.

    Attributes:
        by_hand: Somebody changed the line in the PSA.
        told: The seats of the last day that the account heard of.
        passed: What the seats were since, before each change.
    """

    plan: RowPlan
    product: int
    bought: Subscription
    account: Account
    included: int
    by_hand: bool = False
    told: int | None = None
    passed: set[int] = field(default_factory=set)

    @property
    def row_id(self) -> str:
        return f"sku-{self.bought.sku_id}"

    @property
    def seats(self) -> int:
        """The seats to bill, by the rule in the product's own words."""
        return max(self.plan.minimum, 0, self.bought.total_licenses - self.included)


@dataclass
class Actor:
    """A customer."""

    tenant: Tenant
    customer_id: str
    agreement: int
    rows: list[Row]


@dataclass
class Play:
    """One seed, played.

    Attributes:
        runs: Ids of the runs that somebody was promised.
    """

    theatre: Theatre
    plan: Plan
    rng: Random
    actors: list[Actor] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    day: date = date.min
    notes: list[str] = field(default_factory=list)
    _people: list[Thread] = field(default_factory=list)

    # The whole --------------------------------------------------------------------------------

    def run(self) -> None:
        """Play everything.

        Raises:
            WrongError: Something is not as it has to be.
        """
        theatre = self.theatre
        theatre.weather.begin()
        theatre.weather.fallen.clear()
        theatre.fill(self.plan.hosts)
        theatre.clear()
        self._go(self.plan.days[0].day)
        self._cast()
        for day in self.plan.days:
            self._go(day.day)
            self._invoices()
            midnight = self._fire(day)
            self._settle(eve=midnight)
        self._end()

    def _end(self) -> None:
        """Live until the next invoice, and look at everything."""
        self._go((self.day.replace(day=1) + 32 * DAY).replace(day=1))
        self._invoices()
        self._settle()
        self._no_message_is_lost()
        self._quantities_are_right()
        self._invoices_are_right()
        self._history_tells_each_change_once()
        self._nothing_is_left_over()
        self._a_quiet_cycle_writes_nothing()

    # The cast ---------------------------------------------------------------------------------

    def _cast(self) -> None:
        """Put the customers into PSA, Microsoft and Seatsync, and map their licences."""
        stack, product = self.stack, 100
        for number, plans in enumerate(self.plan.customers):
            agreement = 8000 + number
            rows = []
            for plan, sku in zip(plans, SKUS, strict=False):
                product += 1
                bought = a_subscription(sku, plan.seats)
                account = ACCOUNTS[self.plan.psa](product, plan.line)
                rows.append(Row(plan, product, bought, account, plan.included))
            stack.tell(
                Story(
                    companies=[Company(300 + number, f"Contoso {number}")],
                    products=[Product(r.product, f"P{r.product}", str(PRICE)) for r in rows],
                    agreements=[Agreement(agreement, 300 + number, MARCH)],
                    lines=[
                        site.Line(500 + r.product, agreement, r.product, r.plan.line, MARCH.starts)
                        for r in rows
                        if r.plan.line is not None
                    ],
                )
            )
            name = f"Contoso {number} of seed {self.plan.seed}"
            tenant = stack.add_tenant(a_tenant(name, [row.bought for row in rows]))
            customer_id = stack.add_customer(tenant, str(300 + number))
            self.theatre.customers.append(customer_id)
            self.actors.append(Actor(tenant, customer_id, agreement, rows))
            stack.get(f"/api/customers/{customer_id}/licenses").raise_for_status()
            for row in rows:
                self._map(self.actors[-1], row)

    def _map(self, actor: Actor, row: Row) -> None:
        profiles = self.theatre.profiles
        if row.product not in profiles:
            profiles[row.product] = self.stack.add_profile(str(row.product))
        body = {
            "profile_id": profiles[row.product],
            "agreement_id": self.stack.site.agreement_id(actor.agreement),
            "included": row.included,
            "minimum": row.plan.minimum,
            "on_drift": row.plan.on_drift,
        }
        path = f"/api/customers/{actor.customer_id}/mappings/{row.row_id}"
        self._persist(lambda host: host.call("PUT", path, json=body), {200, 201})

    # A day ------------------------------------------------------------------------------------

    def _fire(self, day: DayPlan) -> date | None:
        """Live a day with everything that goes wrong on it.

        Returns:
            The day before, if midnight came while it was lived.
        """
        theatre, weather = self.theatre, self.theatre.weather
        before = self.day
        self.stack.psa_simulator.faults.replace(day.psa)
        self.stack.microsoft_simulator.faults.replace(day.microsoft)
        weather.begin(day.blows, twice=day.twice)
        events = [*day.events]
        if day.midnight is not None:
            events.append(Event(day.midnight, "midnight"))
            events.sort(key=lambda one: one.at)
        deadline, empty_since = time.monotonic() + FIRE_SECONDS, None
        while True:
            while events and (events[0].at <= weather.steps or self._rests()):
                self._happen(events.pop(0))
            if len(theatre.hosts()) < self.plan.hosts:
                empty_since = empty_since or time.monotonic()
                if time.monotonic() - empty_since >= day.respawn:
                    theatre.fill(self.plan.hosts, wait=False)
                    empty_since = None
            if not events and self._rests() and len(theatre.hosts()) == self.plan.hosts:
                break
            if time.monotonic() > deadline:
                raise self._wrong("the day does not come to rest: " + self._depths())
            time.sleep(0.1)
        for simulator in (self.stack.psa_simulator, self.stack.microsoft_simulator):
            simulator.faults.clear()
        weather.begin()
        if day.midnight is None:
            self._go(self.day)
            return None
        self._go(before + DAY)
        return before

    def _rests(self) -> bool:
        """Nobody asks, no step comes and no message waits."""
        if self.theatre.weather.quiet_for < QUIET_SECONDS or any(
            p.is_alive() for p in self._people
        ):
            return False
        return not any(self.stack.depth(queue) for queue in ALL_QUEUES)

    def _happen(self, event: Event) -> None:
        actor = self.actors[event.customer]
        row = actor.rows[event.row]
        if event.what in {"buy", "map"}:
            row.passed.add(row.seats)
        if event.what == "buy":
            seats = max(0, row.bought.total_licenses + event.value)
            set_seats(actor.tenant, row.bought, seats)
        elif event.what == "map":
            row.included = event.value
            self._in_background(lambda: self._map(actor, row))
        elif event.what == "hand":
            with self.stack.psa.lock:
                changed = HANDS[self.plan.psa](self.stack.psa, row.product, event.value, self.day)
            row.by_hand |= changed
        elif event.what == "sync":
            self._ask(f"/api/customers/{actor.customer_id}/sync")
        elif event.what == "cycle":
            self._ask("/api/runs")
        elif event.what == "storage":
            self.theatre.storage.restart()
        elif event.what == "clock":
            self.stack.travel(timedelta(hours=event.value))
        elif event.what == "midnight":
            self.stack.travel(datetime.combine(self.day + DAY, clock_time(0, 30), UTC))
        else:
            late = list(self.theatre.weather.messages)
            self.rng.shuffle(late)
            for queue, content in late:
                self.stack.put_raw(queue, content)

    def _ask(self, path: str) -> None:
        """Ask for a run as people do: who gets no answer asks again."""

        def ask() -> None:
            answer = self._persist(lambda host: host.call("POST", path, json={}), {202, 409})
            if answer.status_code == requests.codes.accepted:
                self.runs.append(answer.json()["run_id"])

        self._in_background(ask)

    def _in_background(self, call: Callable[[], None]) -> None:
        person = Thread(target=call, daemon=True)
        person.start()
        self._people.append(person)

    def _persist(
        self, call: Callable[[Host], requests.Response], good: set[int]
    ) -> requests.Response:
        deadline = time.monotonic() + FIRE_SECONDS
        last = "no host"
        while time.monotonic() < deadline:
            hosts = self.theatre.hosts()
            if hosts:
                try:
                    answer = call(self.rng.choice(hosts))
                except requests.RequestException as error:
                    last = type(error).__name__
                else:
                    if answer.status_code in good:
                        return answer
                    last = f"{answer.status_code} {answer.text}"
            time.sleep(0.1)
        raise self._wrong(f"nobody answers: {last}")

    def _invoices(self) -> None:
        """The PSA makes the invoices that are due this morning."""
        control = "approve-and-post" if self.plan.psa == "autotask" else "invoice-run"
        answer = requests.post(
            f"{self.theatre.psa_url}/_sim/{control}", json={"through": str(self.day)}, timeout=60
        )
        answer.raise_for_status()
        for invoice in exact_json.loads(answer.text)["invoices"]:
            for actor in self.actors:
                if self._number_of(invoice) == actor.agreement:
                    for row in actor.rows:
                        row.account.invoiced(self.day, invoice)

    def _number_of(self, invoice: Any) -> int:
        names = ("agreement_id", "contract_id", "recurring_invoice_id", "schedule_id")
        return abs(next(invoice[name] for name in names if name in invoice))

    # Afterwards -------------------------------------------------------------------------------

    def _settle(self, eve: date | None = None) -> None:
        """Let cycles without faults bring everything in step; a person approves what is held."""
        self.theatre.fill(self.plan.hosts)
        states: list[tuple[str, Any]] = []
        for _ in range(MOST_CYCLES):
            self._cycle()
            states = [one for actor in self.actors for one in self._previews(actor)]
            if all(one["status"] in IN_STEP for one in states):
                break
            self._approve()
        else:
            raise self._wrong(
                "not in step after all cycles: "
                + "; ".join(
                    f"{one['status']}: {one['reasons']} {one['explanation']}"
                    for one in states
                    if one["status"] not in IN_STEP
                )
            )
        for actor in self.actors:
            for row in actor.rows:
                # Of a day that ends in mid-flight, its eve may have seen what was needed by then.
                by_then = (row.passed | {row.seats}) - {row.told}
                row.account.seen(self.day, row.seats, eve=eve, by_then=by_then)
                row.told, row.passed = row.seats, set()

    def _cycle(self) -> None:
        run_id = self._persist(lambda host: host.call("POST", "/api/runs", json={}), {202}).json()
        self.runs.append(run_id["run_id"])
        self._idle()
        run = self._run(run_id["run_id"])
        self._require(run["state"] == "finished", f"a cycle without faults is {run}")
        self._require(not run["items"]["failed"], f"a cycle without faults fails: {run['items']}")

    def _approve(self) -> None:
        """A person says yes to everything that waits for one."""
        mine = {actor.customer_id for actor in self.actors}
        for one in self._get("/api/approvals?limit=200")["items"]:
            if one["customer_id"] not in mine or not one["approvable"]:
                continue
            path = f"/api/approvals/{one['approval_id']}/approve"
            answer = self._persist(lambda host, p=path: host.call("POST", p, json={}), {202, 409})
            if answer.status_code == requests.codes.accepted:
                self.runs.append(answer.json()["run_id"])
        self._idle()

    def _previews(self, actor: Actor) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._get(f"/api/customers/{actor.customer_id}/preview")[
            "items"
        ]
        self._require(len(found) == len(actor.rows), f"{len(found)} previews: {found}")
        return found

    def _idle(self) -> None:
        deadline = time.monotonic() + FIRE_SECONDS
        while any(self.stack.depth(queue) for queue in ALL_QUEUES):
            if time.monotonic() > deadline:
                raise self._wrong("messages stay: " + self._depths())
            time.sleep(0.15)

    def _no_message_is_lost(self) -> None:
        """Every run that somebody was promised is over, and what failed in it says why."""
        mine = {actor.customer_id for actor in self.actors}
        for run_id in self.runs:
            run = self._run(run_id)
            self._require(run["state"] == "finished", f"run {run_id} is {run}")
            if not run["items"]["failed"]:
                continue
            for item in self._get(f"/api/runs/{run_id}/items?limit=200&state=failed")["items"]:
                self._require(bool(item["detail"]), f"run {run_id}: no reason: {item}")
                if item["customer_id"] in mine:
                    self.notes.append(f"failed on the way: {item['detail']}")
        alerts = self._get("/api/alerts?limit=200")["items"]
        open_ = [one for one in alerts if one.get("customer_id") in mine]
        self._require(
            not [one for one in open_ if one["kind"] in {"failed", "held", "blocked", "drift"}],
            f"alerts of what is over: {open_}",
        )

    def _quantities_are_right(self) -> None:
        held = {actor.agreement: self.stack.held(actor.agreement) for actor in self.actors}
        for actor in self.actors:
            for row in actor.rows:
                mine = [one for one in held[actor.agreement] if one.product == row.product]
                has = sum(one.quantity for one in mine if one.ends is None)
                self._require(
                    has == row.seats,
                    f"product {row.product} has {has} and needs {row.seats}: {mine}",
                )
            marks = list(self._marks(actor.agreement))
            twice = {mark for mark in marks if marks.count(mark) > 1}
            self._require(not twice, f"lines with one mark: {twice}")

    def _marks(self, agreement: int) -> Iterator[str]:
        """Yield the mark of each line of an agreement that we made."""
        with self.stack.psa.lock:
            dumped = self.stack.psa.dump()
        if self.plan.psa == "autotask":
            found = (
                (one["record"]["contractID"], one["record"].get("internalDescription"))
                for one in dumped["lines"]
            )
        elif self.plan.psa == "halopsa":
            found = ((-one["ihid"], one.get("item_external_reference")) for one in dumped["lines"])
        else:
            found = ((one.agreement, one.mark) for one in self.stack.site.held(dumped))
        for number, mark in found:
            if number == agreement and (mark or "").startswith("SEATSYNC-"):
                yield mark

    def _invoices_are_right(self) -> None:
        for actor in self.actors:
            own = [
                one for one in self.stack.psa.invoices if self._number_of(one) == actor.agreement
            ]
            for row in actor.rows:
                if row.by_hand and self.plan.psa in DIFFERENCES:
                    continue  # the bill depends on how a quantity came about
                wrong = row.account.wrong(own, self.day)
                self._require(wrong is None, str(wrong))

    def _history_tells_each_change_once(self) -> None:
        """From the line that was there to the seats of today, one change leads to the next."""
        for actor in self.actors:
            for row in actor.rows:
                path = f"/api/customers/{actor.customer_id}/history?limit=200&row_id={row.row_id}"
                found = [(one["before"], one["after"]) for one in self._get(path)["items"]]
                befores = Counter([before for before, _ in found])
                afters = Counter([after for _, after in found])
                befores[row.seats] += 1
                afters[row.plan.line] += 1
                never = not found and row.plan.line is None and not row.seats
                if row.by_hand or never or not self._history_is_a_chain(row):
                    continue  # what somebody else changed is no change of ours
                self._require(
                    befores == afters,
                    f"the history of product {row.product} does not lead from {row.plan.line} "
                    f"to {row.seats}: {found}",
                )

    def _nothing_is_left_over(self) -> None:
        for actor in self.actors:
            found = self.theatre.left_over(actor.customer_id)
            self._require(not found, f"left over: {found}")

    def _a_quiet_cycle_writes_nothing(self) -> None:
        self.stack.psa_wire.taken()
        self._cycle()
        sent = self.stack.psa_wire.taken()
        self._require(not sent, f"a quiet cycle writes: {sent}")

    def _history_is_a_chain(self, row: Row) -> bool:
        """Whether each change begins where the one before it ended.

        A new line of ConnectWise rises twice, by a dated line and by itself after its invoice; a
        fall in Autotask waits for the next period, and what comes meanwhile begins above it.
        """
        return {"connectwise": row.plan.line is not None, "autotask": False}.get(
            self.plan.psa, True
        )

    # Small things -----------------------------------------------------------------------------

    @property
    def stack(self) -> Any:
        return self.theatre.stack

    def _go(self, day: date) -> None:
        self.day = day
        self.stack.travel(datetime.combine(day, clock_time(12), UTC))

    def _get(self, path: str) -> Any:
        return self._persist(lambda host: host.call("GET", path), {200}).json()

    def _run(self, run_id: str) -> Any:
        return self._get(f"/api/runs/{run_id}")

    def _depths(self) -> str:
        try:
            return ", ".join(f"{queue} {self.stack.depth(queue)}" for queue in ALL_QUEUES)
        except AzureError as error:
            return type(error).__name__

    def _require(self, right: bool, otherwise: str) -> None:
        if not right:
            raise self._wrong(otherwise)

    def _wrong(self, why: str) -> WrongError:
        fallen = "; ".join(self.theatre.weather.fallen)
        return WrongError(f"{why} (on {self.day}; fell: {fallen})")
