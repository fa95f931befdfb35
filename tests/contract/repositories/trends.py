"""What every ``TrendRepository`` does, and how changes, runs and pauses are forgotten."""

from datetime import date, timedelta

from shared.domain.runs import RunState
from shared.domain.trends import LicenseSeats, TrendPoint
from tests.builders import CUSTOMER, NOW, OTHER_CUSTOMER, TODAY, a_change, a_run, an_item

DAY = timedelta(days=1)


def a_point(day: date, seats: int, owner: str = CUSTOMER) -> TrendPoint:
    return TrendPoint(owner, day, (LicenseSeats("E5", "Microsoft 365 E5", seats, None),))


class TrendsContract:
    """A suite."""

    def test_nothing_is_known_before_the_first_point(self, stored):
        assert stored.trends.last(CUSTOMER) is None
        assert stored.trends.since(CUSTOMER, TODAY) == ()

    def test_the_last_point_is_the_newest(self, stored):
        for seats, day in ((2, TODAY), (1, TODAY - DAY)):
            stored.trends.put(a_point(day, seats))
        stored.trends.put(a_point(TODAY + DAY, 9, OTHER_CUSTOMER))

        assert stored.trends.last(CUSTOMER) == a_point(TODAY, 2)

    def test_a_day_has_one_point(self, stored):
        stored.trends.put(a_point(TODAY, 1))
        stored.trends.put(a_point(TODAY, 2))

        assert stored.trends.since(CUSTOMER, TODAY) == (a_point(TODAY, 2),)

    def test_the_point_before_the_first_day_is_told_too(self, stored):
        points = [a_point(TODAY + number * DAY, number) for number in range(5)]
        for point in points:
            stored.trends.put(point)

        assert stored.trends.since(CUSTOMER, TODAY + 3 * DAY) == tuple(points[2:])

    def test_old_points_go_but_for_the_last_of_them(self, stored):
        points = [a_point(TODAY + number * DAY, number) for number in range(5)]
        for point in points:
            stored.trends.put(point)

        gone = stored.trends.forget_before(CUSTOMER, TODAY + 3 * DAY, 100)

        assert gone == 2
        assert stored.trends.since(CUSTOMER, date.min) == tuple(points[2:])


class ForgettingContract:
    """A suite."""

    def test_changes_from_before_a_moment_are_listed_and_forgotten(self, stored):
        changes = [a_change(f"c{n}", at=NOW - n * DAY) for n in range(4)]
        for change in changes:
            stored.changes.add(change)

        page = stored.changes.before(CUSTOMER, NOW - timedelta(hours=30), limit=1)
        rest = stored.changes.before(CUSTOMER, NOW - timedelta(hours=30), page.continuation)
        stored.changes.forget([*page.items, *rest.items])
        stored.changes.forget(page.items)

        assert (page.items, rest.items) == ((changes[2],), (changes[3],))
        assert stored.changes.of_customer(CUSTOMER).items == tuple(changes[:2])

    def test_runs_from_before_a_moment_are_listed_and_forgotten_with_their_items(self, stored):
        runs = []
        for days in (0, 10, 20):
            at = NOW - days * DAY
            run = a_run(stored.runs.new_id(at), started_at=at, state=RunState.FINISHED)
            stored.runs.add(run)
            stored.runs.put_items([an_item(run_id=run.run_id)])
            runs.append(run)

        found = stored.runs.before(NOW - 5 * DAY).items
        stored.runs.forget(runs[2])

        assert found == tuple(runs[1:])
        assert stored.runs.list().items == tuple(runs[:2])
        assert not list(stored.runs.items(runs[2].run_id))
        assert len(list(stored.runs.items(runs[1].run_id))) == 1

    def test_a_running_run_is_still_found_beside_forgotten_ones(self, stored):
        at = NOW - 10 * DAY
        running = a_run(stored.runs.new_id(NOW), started_at=NOW)
        old = a_run(stored.runs.new_id(at), started_at=at, state=RunState.FINISHED)
        stored.runs.add(running)
        stored.runs.add(old)

        stored.runs.forget(old)

        assert stored.runs.unclosed() == (running,)
        assert stored.runs.before(NOW + DAY).items == (running,)

    def test_pauses_that_are_over_are_forgotten(self, stored):
        stored.connection_states.pause("psa-main", NOW - 3 * DAY)
        stored.connection_states.pause("psa-other", NOW + DAY)
        stored.connection_states.tenants_listed("main", NOW - 3 * DAY)

        assert stored.connection_states.forget_pauses(NOW - DAY) == 1

        assert stored.connection_states.paused_until("psa-other") == NOW + DAY
        assert stored.connection_states.tenants_listed_at("main") == NOW - 3 * DAY
