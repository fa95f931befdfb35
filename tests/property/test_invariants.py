"""What holds for every plan, whatever the agreement, its invoices and the seats."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from shared.domain.agreements import CreateLine, LineKind, SetQuantity
from shared.domain.guards import GuardSettings, guarded, stops_run, stops_run_by_tenants
from shared.domain.ids import LineId, RowId
from shared.domain.ledger import Ledger
from shared.domain.mappings import OnDrift
from shared.domain.periods import Cycle
from shared.domain.planning import plan
from shared.domain.plans import CreditMode, Member, Plan, PlanStatus, ReasonKind
from shared.domain.quantities import BilledQuantity, billed_quantity
from shared.usecases.books import local_date
from tests.builders import CUSTOMER, GROUP, a_line, a_mapping
from tests.property.effort import tried
from tests.property.handovers import MoveWalk, moves
from tests.property.histories import Step, Walk, histories
from tests.property.simulated import (
    ADVANCE,
    TIMINGS,
    CrashError,
    Driver,
    SimulatedPsa,
    a_psa,
)

DAY = timedelta(days=1)
invariant = tried(150)
SEATS = st.integers(0, 60)
TODAY = date(2026, 3, 17)
OURS = LineId("501")


class Watched(Walk):
    """A walk that calls ``after_sync`` once each sync is finished."""

    def _sync(self, day: date, step: Step) -> None:
        super()._sync(day, step)
        if step.crash is None:
            self.after_sync(day, step.seats)

    def after_sync(self, day: date, seats: int) -> None:
        """Look at what is there now."""


# 1 to 5 ------------------------------------------------------------------------------------------


@invariant
@given(histories(crashes=True))
def test_1_a_second_sync_on_the_same_snapshot_writes_and_keeps_nothing(history):
    class Idempotent(Watched):
        def after_sync(self, day: date, seats: int) -> None:
            again = plan(self.driver.request(day, seats))
            assert again.operations == ()
            assert again.status is not PlanStatus.CHANGE
            assert keeps_nothing(again, self.driver)

    Idempotent(history).run()


def keeps_nothing(found: Plan, driver: Driver) -> bool:
    """Whether the ledger stays; that an ended line is done is noted once, without a write."""
    if found.ledger is None or driver.ledger is None:
        return found.ledger is None
    return found.ledger == driver.ledger.ended()


@invariant
@given(histories())
def test_1_quiet_days_write_and_keep_nothing(history):
    class Quiet(Watched):
        def after_sync(self, day: date, seats: int) -> None:
            ledger, agreement = self.driver.ledger, self.psa.agreement()
            tomorrow = plan(self.driver.request(day + DAY, seats))
            begins = self.psa.cycle.containing(day + DAY).start == day + DAY
            waits = ledger is not None and (ledger.line_starts or day) > day
            if not begins and not waits and agreement.first_uninvoiced != day + DAY:
                assert tomorrow.operations == ()
                assert keeps_nothing(tomorrow, self.driver)

    Quiet(history).run()


@invariant
@given(histories())
def test_2_one_sync_brings_the_psa_to_what_is_desired(history):
    class Convergent(Watched):
        def after_sync(self, day: date, seats: int) -> None:
            settled = plan(self.driver.request(day, seats))
            assert settled.before == settled.after

    Convergent(history).run()


@invariant
@given(histories())
def test_3_what_a_preview_shows_is_what_is_sent(history):
    class Previewed(Walk):
        def _sync(self, day: date, step: Step) -> None:
            preview = plan(self.driver.request(day, step.seats))
            sent = len(self.psa.operations)
            super()._sync(day, step)
            if preview.status is PlanStatus.CHANGE:
                assert tuple(self.psa.operations[sent:]) == preview.operations
            else:
                assert len(self.psa.operations) == sent

    Previewed(history).run()


@invariant
@given(SEATS, st.integers(0, 40), st.integers(0, 40))
def test_4_a_quantity_lies_between_its_minimum_and_what_is_active(active, included, minimum):
    seats = check_quantity_bounds(active, included, minimum)

    assert seats == max(minimum, active - included, 0)


def check_quantity_bounds(active: int, included: int, minimum: int) -> int:
    known = BilledQuantity(active, ())
    seats = billed_quantity(known, included=included, minimum=minimum).seats
    assert isinstance(seats, int)
    assert 0 <= minimum <= seats <= max(minimum, active)
    return seats


@invariant
@given(SEATS, st.integers(0, 40), st.integers(0, 40))
def test_5_more_seats_or_a_higher_minimum_never_bill_less(active, included, minimum):
    def seats(a: int, i: int, m: int) -> int:
        return billed_quantity(BilledQuantity(a, ()), included=i, minimum=m).seats or 0

    here = seats(active, included, minimum)

    assert seats(active + 1, included, minimum) >= here
    assert seats(active, included, minimum + 1) >= here
    assert seats(active, included + 1, minimum) <= here


# 6 and 7 -----------------------------------------------------------------------------------------


@invariant
@given(histories(overrides=True))
def test_6_nothing_is_written_before_the_override_start(history):
    class Started(Watched):
        def after_sync(self, day: date, seats: int) -> None:
            if self.history.override_start is not None and day < self.history.override_start:
                assert self.psa.operations == []
                assert self.driver.plans[-1].status in {PlanStatus.WAITING, PlanStatus.IN_STEP}

    Started(history).run()


@invariant
@given(histories(ends=True), SEATS)
def test_6_nothing_is_written_to_an_agreement_that_has_ended(history, seats):
    walk = Walk(history).run()
    assert history.ends is not None

    found = plan(walk.driver.request(history.ends + 40 * DAY, seats))

    assert (found.status, found.operations) == (PlanStatus.BLOCKED, ())
    assert [reason.kind for reason in found.reasons] == [ReasonKind.AGREEMENT]


@invariant
@given(histories(), st.lists(SEATS, min_size=1, max_size=3))
def test_6_lines_of_others_are_never_touched(history, foreign):
    walk = Walk(history)
    theirs = {
        LineId(str(100 + n)): a_line(
            LineId(str(100 + n)), quantity=seats, marker=f"OTHER-{n}", starts=history.anchor
        )
        for n, seats in enumerate(foreign)
    }
    walk.driver.owned_elsewhere = frozenset(theirs)
    walk.psa.lines.update(theirs)

    walk.run()

    assert {line_id: walk.psa.lines[line_id] for line_id in theirs} == theirs


@invariant
@given(histories())
def test_7_unknown_never_lowers_anything(history):
    class Unknown(Watched):
        def after_sync(self, day: date, seats: int) -> None:
            for later in (day, day + DAY, day + 40 * DAY):
                found = plan(self.driver.request(later, None))
                assert (found.operations, found.ledger) == ((), None)
                assert found.status is PlanStatus.UNKNOWN

    Unknown(history).run()


# 8 to 12 -----------------------------------------------------------------------------------------


@invariant
@given(
    st.dates(date(1990, 1, 1), date(2060, 1, 1)),
    st.sampled_from((1, 3, 12)),
    st.dates(date(2000, 1, 1), date(2050, 1, 1)),
)
def test_8_periods_tile_the_calendar(anchor, months, day):
    cycle = Cycle(anchor, months)

    found = cycle.between(day, day + timedelta(days=800))

    assert day in found[0]
    for one, following in pairwise(found):
        assert one.end == following.start
        assert one.days in {1: range(28, 32), 3: range(89, 93), 12: range(365, 367)}[months]


# 9 is test_money.


@invariant
@given(
    st.sampled_from(TIMINGS),
    st.integers(0, 27),
    st.tuples(SEATS, SEATS),
    st.tuples(st.booleans(), st.booleans()),
)
def test_10_up_and_down_on_one_day_leaves_no_line(timing, wait, both, flags):
    check_same_day_undo(timing, wait, *both, credits_on=flags[0], young=flags[1])


def check_same_day_undo(timing, wait, seats, other, *, credits_on, young) -> None:
    psa = a_psa(date(2026, 1, 1), timing=timing, first_day=date(2026, 3, 1))
    if not young:
        psa.lines[OURS] = a_line(OURS, quantity=seats)
    psa.invoice()
    driver = Driver(psa, credits=credits_on)
    first = date(2026, 3, 1)
    driver.sync(first, seats)
    day = first + timedelta(days=wait)

    driver.sync(day, other)
    driver.sync(day, seats)

    # A line that was taken over without seats, and has none again, is closed; it never bills.
    empty = (0, date(2026, 1, 1), date(2026, 2, 28))
    assert [line for line in psa.dated() if line != empty] == []
    assert {line.quantity for line in psa.standing()} <= {seats}


@invariant
@given(histories(with_credits=False))
def test_11_without_credits_no_line_is_negative(history):
    walk = Walk(history).run()

    assert all(seats >= 0 for seats, _, _ in walk.psa.dated())
    assert all(not found.credits_due for found in walk.driver.plans)


@invariant
@given(histories(with_credits=True))
def test_11_a_credit_is_never_more_than_what_was_charged(history):
    walk = Walk(history).run()

    assert all(share >= 0 for share in walk.psa.billed().values())
    for charge in walk.driver.ledger.charged if walk.driver.ledger else ():
        assert charge.seats >= 0


@invariant
@given(histories(with_credits=True))
def test_11_a_credit_that_is_only_reported_is_written_nowhere(history):
    walk = Walk(history)
    walk.driver.credit_mode = CreditMode.REPORT

    walk.run()

    assert all(seats >= 0 for seats, _, _ in walk.psa.dated())
    assert all(c.seats < 0 for found in walk.driver.plans for c in found.credits_due)


@invariant
@given(histories(prorates=False))
def test_12_an_agreement_that_does_not_prorate_gets_no_dated_line(history):
    walk = Walk(history).run()

    created = [op for op in walk.psa.operations if isinstance(op, CreateLine)]
    assert all(op.kind is LineKind.STANDING for op in created)


# 13 and 14 ---------------------------------------------------------------------------------------


@invariant
@given(histories(), st.integers(0, 9), st.integers(1, 4), st.integers(1, 3))
def test_13_a_lost_answer_leaves_one_line_for_each_mark(history, at, landed, times):
    check_interrupted(history, at, landed, times)


@invariant
@given(histories(), st.integers(0, 9), st.integers(0, 4))
def test_14_a_stop_after_any_step_ends_in_the_same_state(history, at, step):
    check_interrupted(history, at, step, times=1)


def check_interrupted(history, at: int, step: int, times: int) -> None:
    """Interrupt one sync, finish it on the same day, and compare with a run that was not."""
    calm = Walk(history).run()
    shaken = Interrupted(history)
    shaken.at, shaken.step, shaken.times = at, step, times
    shaken.run()

    marks = Counter(line.marker for line in shaken.psa.lines.values() if not line.never_bills)
    assert max(marks.values(), default=1) == 1
    assert state(shaken.psa) == state(calm.psa)
    assert shaken.psa.billed() == calm.psa.billed()


class Interrupted(Walk):
    """A walk in which one sync is stopped some times before it may finish."""

    at: int
    step: int
    times: int
    _count: int = 0

    def _sync(self, day: date, step: Step) -> None:
        self._count += 1
        if self._count == self.at + 1:
            for _ in range(self.times):
                with suppress(CrashError):
                    self.driver.sync(day, step.seats, crash_before=self.step)
        super()._sync(day, step)


def state(psa: SimulatedPsa) -> list[tuple[object, ...]]:
    return sorted(
        (line.marker or "", line.quantity, str(line.starts), str(line.ends))
        for line in psa.lines.values()
        if not line.never_bills
    )


# 16 and 17 ---------------------------------------------------------------------------------------


@invariant
@given(st.lists(SEATS, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_16_the_order_of_rows_does_not_matter_and_their_seats_add_up(seats, random):
    assume(sum(seats))
    check_group_sum(seats, random)


def check_group_sum(seats: list[int], random) -> None:
    driver = Driver(a_psa(date(2026, 1, 1)))
    rows = [RowId(f"custom-{n}") for n in range(len(seats))]
    members = [
        Member(row, row, a_mapping(row), BilledQuantity(n, ()))
        for row, n in zip(rows, seats, strict=True)
    ]
    shuffled = random.sample(members, len(members))
    base = replace(driver.request(TODAY, 1), members=tuple(members))

    one, other = plan(base), plan(replace(base, members=tuple(shuffled)))

    assert one.operations == other.operations
    assert [op.quantity for op in one.operations if isinstance(op, CreateLine)] == [sum(seats)]


@invariant
@given(st.lists(SEATS, min_size=2, max_size=5), st.data())
def test_16_one_unknown_row_holds_the_whole_line(seats, data):
    unknown = data.draw(st.integers(0, len(seats) - 1))
    driver = Driver(a_psa(date(2026, 1, 1)))
    members = tuple(
        Member(RowId(f"custom-{n}"), "", a_mapping(), BilledQuantity(x, ("why",)))
        for n, x in enumerate(seats)
    )
    members = (
        *members[:unknown],
        replace(members[unknown], billed=BilledQuantity(None, ("why",))),
        *members[unknown + 1 :],
    )

    found = plan(replace(driver.request(TODAY, 1), members=members))

    assert (found.status, found.operations) == (PlanStatus.UNKNOWN, ())


@invariant
@given(moves())
def test_17_a_move_keeps_the_total_and_no_day_has_both_lines(move):
    walk = MoveWalk(move).run()

    total = walk.old.shares()
    for start, share in walk.new.shares().items():
        total[start] = total.get(start, 0) + share
    billed = walk.psa.billed()
    assert walk.doubled() == []
    assert all(
        billed.get(start, 0) == share
        for start, share in total.items()
        if start <= walk.compared_through
    )


# 18 and 19 ---------------------------------------------------------------------------------------


class Zone:
    def __init__(self, name: str) -> None:
        self.time_zone = name


MIDNIGHT = datetime(2024, 1, 1, tzinfo=UTC)
ZONES = ("Pacific/Auckland", "Australia/Sydney", "Europe/Berlin", "America/Los_Angeles", "UTC")


@invariant
@given(
    st.integers(0, 5 * 366 * 24 * 60).map(lambda n: MIDNIGHT + timedelta(minutes=n)),
    st.sampled_from(ZONES),
)
def test_18_a_day_of_the_psa_is_never_more_than_one_off_and_never_goes_back(moment, zone):
    here = local_date(moment, Zone(zone))

    assert abs((here - moment.date()).days) <= 1
    assert local_date(moment + timedelta(hours=25), Zone(zone)) > here
    assert local_date(moment + timedelta(minutes=1), Zone(zone)) >= here


def a_settled_driver(seats: int, **mapping) -> Driver:
    """A driver whose line of so many seats is taken over, with March invoiced."""
    psa = a_psa(date(2026, 1, 1), timing=ADVANCE, first_day=date(2026, 3, 1))
    psa.lines[OURS] = a_line(OURS, quantity=seats)
    psa.invoice()
    driver = Driver(psa, mappings=(a_mapping(**mapping),))
    driver.sync(date(2026, 3, 2), seats)
    return driver


@invariant
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_19_a_hand_edit_is_never_overwritten_under_hold(written, by_hand, desired):
    assume(by_hand not in {written, desired})
    driver = a_settled_driver(written)
    driver.psa.lines[OURS] = replace(driver.psa.lines[OURS], quantity=by_hand)

    found = plan(driver.request(TODAY, desired))
    enforced = plan(replace(driver.request(TODAY, desired), override=True))

    assert found.status is PlanStatus.HELD
    assert [reason.kind for reason in found.reasons] == [ReasonKind.DRIFT]
    assert enforced.status is PlanStatus.CHANGE
    assert enforced.operations == found.operations


@invariant
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 200))
def test_19_adopting_a_hand_edit_writes_nothing_now_or_later(written, by_hand, days):
    driver = a_settled_driver(written, on_drift=OnDrift.HOLD)
    driver.psa.lines[OURS] = replace(driver.psa.lines[OURS], quantity=by_hand)

    driver.sync(TODAY, by_hand)
    driver.sync(TODAY + timedelta(days=min(days, 14)), by_hand)

    assert driver.writes == 0
    assert driver.psa.dated() == []


# 21 and 23 ---------------------------------------------------------------------------------------


@invariant
@given(
    st.sampled_from([t for t in TIMINGS if not t.ahead]),
    st.integers(1, 60),
    st.integers(1, 60),
    st.booleans(),
)
def test_21_a_changed_line_needs_at_most_two_writes(timing, seats, other, credits_on):
    psa = a_psa(date(2026, 1, 1), timing=timing, first_day=date(2026, 3, 1))
    psa.lines[OURS] = a_line(OURS, quantity=seats)
    driver = Driver(psa, credits=credits_on)
    driver.sync(date(2026, 3, 2), seats)

    driver.sync(TODAY, other)

    assert driver.writes <= 2
    assert (driver.writes == 0) == (
        seats == other
        or (
            other < seats
            and not credits_on
            and (not any(isinstance(op, SetQuantity) for op in psa.operations))
        )
    )


def allowed(old: int, new: int, settings_: GuardSettings) -> bool:
    """The thresholds once more, in words of their own."""
    if new == 0 and old >= settings_.to_zero_from:
        return False
    if new < old:
        return 100 * (old - new) <= max(100 * settings_.fall_seats, old * settings_.fall_percent)
    return 100 * (new - old) <= max(100 * settings_.rise_seats, old * settings_.rise_percent)


@invariant
@given(st.integers(1, 120), st.integers(0, 300), st.sampled_from(TIMINGS))
def test_23_no_change_beyond_a_threshold_passes_the_guards(seats, other, timing):
    check_thresholds(seats, other, timing)


def check_thresholds(seats: int, other: int, timing) -> None:
    psa = a_psa(date(2026, 1, 1), timing=timing, first_day=date(2026, 3, 1))
    psa.lines[OURS] = a_line(OURS, quantity=seats)
    driver = Driver(psa)
    driver.sync(date(2026, 3, 2), seats)
    defaults = GuardSettings()
    request = driver.request(TODAY, other)

    found = guarded(confirmed_before(plan(request)), defaults, request.agreement, TODAY)

    held = found.status is PlanStatus.HELD
    assert held == (not allowed(seats, other, defaults))
    if not held and found.ledger is not None:
        assert found.needed == other


def confirmed_before(found: Plan) -> Plan:
    """As a plan of a mapping that nobody has just saved."""
    return replace(found, confirmed=False)


@invariant
@given(st.one_of(st.integers(0, 30), st.integers(0, 200)), st.integers(0, 400))
def test_23_a_run_stops_by_share_and_number_together(changed, of):
    defaults = GuardSettings()

    assert stops_run(changed, of, defaults) == (changed >= 20 and 5 * changed > of)
    assert stops_run_by_tenants(changed, of, defaults) == (changed >= 2 and 10 * changed > of)


def test_an_empty_ledger_has_no_line():
    assert Ledger(CUSTOMER, GROUP).line_id is None
