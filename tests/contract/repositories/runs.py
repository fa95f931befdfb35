"""What every ``RunRepository`` does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.errors import ConflictError, NotFoundError, StaleVersionError
from shared.domain.ids import CustomerId, GroupId, RunId, key
from shared.domain.runs import ItemState, Run, RunReason, RunState, tally
from tests.builders import (
    CUSTOMER,
    GROUP,
    NOW,
    OTHER_CUSTOMER,
    OTHER_GROUP,
    RUN,
    a_run,
    an_item,
)
from tests.contract.repositories.stored import at_once


def closed(run: Run) -> Run:
    return replace(run, state=RunState.FINISHED, totals=tally(()).totals)


class RunsContract:
    """A suite."""

    def test_a_run_comes_back_as_it_was_stored(self, stored):
        run = replace(
            a_run(reason=RunReason.SYNC_NOW, stop_reason="too many", finished_at=NOW),
            totals=tally([an_item(state=ItemState.CHANGED)]).totals,
        )
        stored.runs.add(run)

        assert stored.runs.get(RUN).value == run

    def test_a_missing_run_is_an_error(self, stored):
        with pytest.raises(NotFoundError):
            stored.runs.get(RUN)

    def test_a_run_is_added_once(self, stored):
        stored.runs.add(a_run())

        with pytest.raises(ConflictError):
            stored.runs.add(a_run())

    def test_ids_differ_and_can_be_part_of_an_address(self, stored):
        ids = {stored.runs.new_id(NOW) for _ in range(50)}

        assert len(ids) == 50
        assert all(key(one, "run_id") == one for one in ids)

    def test_runs_are_listed_newest_first(self, stored):
        moments = [NOW + timedelta(minutes=n) for n in (2, 0, 1)]
        for moment in moments:
            stored.runs.add(a_run(stored.runs.new_id(moment), started_at=moment))

        first = stored.runs.list(limit=2)
        second = stored.runs.list(first.continuation, limit=2)

        listed = [run.started_at for run in (*first.items, *second.items)]
        assert listed == sorted(moments, reverse=True)
        assert second.continuation is None

    def test_a_running_run_is_listed_once(self, stored):
        stored.runs.add(a_run())

        assert stored.runs.list().items == (a_run(),)

    def test_only_runs_that_are_not_closed_are_found_as_such(self, stored):
        stored.runs.add(a_run(RunId("a")))
        stored.runs.add(a_run(RunId("b"), state=RunState.FINISHED))
        stored.runs.add(a_run(RunId("c")))
        closing = stored.runs.get(RunId("c"))
        stored.runs.save(closing, closed(closing.value))

        assert stored.runs.unclosed() == (a_run(RunId("a")),)

    def test_a_run_that_was_stopped_is_not_closed_until_its_totals_are_stamped(self, stored):
        read = stored.runs.add(a_run())
        stopped = stored.runs.save(read, replace(read.value, state=RunState.STOPPED))
        waits = stored.runs.unclosed()

        stored.runs.save(stopped, closed(stopped.value))

        assert waits == (stopped.value,)
        assert stored.runs.unclosed() == ()

    def test_unclosed_shows_a_run_as_it_was_last_saved(self, stored):
        read = stored.runs.add(a_run())
        saved = stored.runs.save(read, replace(read.value, lines=5))
        stored.runs.save(saved, replace(saved.value, lines=6))

        assert [run.lines for run in stored.runs.unclosed()] == [6]

    def test_a_closed_run_can_be_saved_again(self, stored):
        read = stored.runs.add(a_run(state=RunState.FINISHED))
        saved = stored.runs.save(read, replace(read.value, lines=5))
        stored.runs.save(saved, replace(saved.value, state=RunState.RUNNING, totals=None))

        assert len(stored.runs.unclosed()) == 1

    @pytest.mark.parametrize("state", list(RunState))
    def test_a_stale_run_is_refused(self, stored, state):
        read = stored.runs.add(a_run(state=state))
        stored.runs.save(read, replace(read.value, lines=5))

        with pytest.raises(StaleVersionError):
            stored.runs.save(read, closed(read.value))
        assert stored.runs.get(RUN).value.lines == 5
        assert len(stored.runs.unclosed()) == (0 if state is RunState.FINISHED else 1)

    def test_of_two_workers_that_close_a_run_one_wins(self, stored):
        read = stored.runs.add(a_run())
        done = closed(read.value)

        answers = at_once(*[lambda: stored.runs.save(read, done)] * 2)

        assert sum(isinstance(answer, StaleVersionError) for answer in answers) == 1
        assert stored.runs.unclosed() == ()

    def test_a_change_says_what_the_run_was_before_and_after(self, stored):
        stored.runs.add(a_run(lines=5))

        before, after = stored.runs.change(RUN, lambda run: replace(run, lines=run.lines + 1))

        assert (before.lines, after.lines) == (5, 6)
        assert stored.runs.get(RUN).value == after
        assert stored.runs.unclosed() == (after,)

    def test_changes_at_once_are_all_kept_and_each_sees_the_one_before_it(self, stored):
        stored.runs.add(a_run(lines=0))

        def one_more():
            return stored.runs.change(RUN, lambda run: replace(run, lines=run.lines + 1))

        answers = at_once(*[one_more] * 12)

        assert sorted((before.lines, after.lines) for before, after in answers) == [
            (number, number + 1) for number in range(12)
        ]
        assert stored.runs.get(RUN).value.lines == 12

    def test_what_somebody_saved_during_a_change_is_changed_and_not_lost(self, stored):
        read = stored.runs.add(a_run(lines=0))
        meanwhile = [lambda: stored.runs.save(read, replace(read.value, customers=7))]

        def one_more(run):
            while meanwhile:
                meanwhile.pop()()
            return replace(run, lines=run.lines + 1)

        _, after = stored.runs.change(RUN, one_more)

        assert (after.customers, after.lines) == (7, 1)
        assert stored.runs.get(RUN).value == after

    def test_one_customers_items_are_those_of_no_other(self, stored):
        customers = [CustomerId(name) for name in ("a", "a-b", "ab", "a.b", "ä")]
        items = [an_item(customer_id=one) for one in customers]
        stored.runs.put_items(items)
        stored.runs.put_read(an_item(None, customer_id=customers[0], state=ItemState.READ), [])

        for item in items[1:]:
            assert list(stored.runs.items(RUN, item.customer_id)) == [item]
        assert len(list(stored.runs.items(RUN, customers[0]))) == 2

    def test_a_run_of_more_items_than_are_read_at_once_is_whole(self, stored):
        own = [
            an_item(None, customer_id=CustomerId(f"c{number}"), state=ItemState.READ)
            for number in range(230)
        ]
        for item in own:
            group = an_item(customer_id=item.customer_id, state=ItemState.UNCHANGED)
            stored.runs.put_read(item, [group])
        alone = an_item(customer_id=CustomerId("c7"), state=ItemState.CHANGED)
        stored.runs.put_items([alone])

        found = list(stored.runs.items(RUN))

        seventh = [item.state for item in found if item.item_id == alone.item_id]
        assert len(found) == 2 * 230
        assert seventh == [ItemState.CHANGED]

    def test_a_run_that_is_not_there_cannot_be_changed(self, stored):
        with pytest.raises(NotFoundError):
            stored.runs.change(RUN, lambda run: run)

    def test_items_come_back_as_they_were_stored(self, stored):
        items = [
            an_item(state=ItemState.CHANGED, before=10, after=12, detail="ä", message='{"a": 1}'),
            an_item(None),
        ]
        stored.runs.put_items(items)

        assert set(stored.runs.items(RUN)) == set(items)
        assert stored.runs.get_item(RUN, items[0].item_id) == items[0]
        assert stored.runs.get_item(RUN, items[1].item_id) == items[1]

    def test_a_missing_item_is_none(self, stored):
        assert stored.runs.get_item(RUN, "contoso~read") is None
        assert not list(stored.runs.items(RUN))

    def test_an_item_is_replaced_by_its_later_state(self, stored):
        stored.runs.put_items([an_item()])
        stored.runs.put_items([an_item(state=ItemState.HELD), an_item(state=ItemState.CHANGED)])

        assert [item.state for item in stored.runs.items(RUN)] == [ItemState.CHANGED]

    def test_an_item_that_is_over_does_not_wait_again(self, stored):
        over, waiting = an_item(state=ItemState.CHANGED), an_item(None)
        stored.runs.put_items([over, waiting])

        late = [an_item(detail="late"), an_item(None, detail="no answer"), an_item(OTHER_GROUP)]
        stored.runs.put_items(late)

        assert set(stored.runs.items(RUN)) == {over, *late[1:]}

    def test_what_a_customers_read_found_is_not_lost_to_who_is_late(self, stored):
        own = an_item(None, state=ItemState.READ)
        stored.runs.put_items([an_item(None)])
        stored.runs.put_read(own, [an_item(state=ItemState.UNCHANGED)])

        stored.runs.put_items([an_item(None, detail="no answer")])

        assert set(stored.runs.items(RUN)) == {own, an_item(state=ItemState.UNCHANGED)}

    def test_of_two_that_note_something_about_a_waiting_item_one_stays(self, stored):
        stored.runs.put_items([an_item()])

        at_once(
            *[
                lambda detail=detail: stored.runs.put_items([an_item(detail=detail)])
                for detail in ("a", "b")
            ]
        )

        assert next(stored.runs.items(RUN)).detail in {"a", "b"}

    def test_more_items_than_one_transaction_holds(self, stored):
        customers = [CustomerId(f"c{number}") for number in range(230)]
        stored.runs.put_items(an_item(customer_id=one) for one in customers)

        found = list(stored.runs.items(RUN))

        assert {item.customer_id for item in found} == set(customers)
        assert len(found) == 230

    def test_items_belong_to_their_run(self, stored):
        stored.runs.put_items([an_item(), an_item(run_id=RunId("run-2"), detail="other")])

        assert [item.detail for item in stored.runs.items(RUN)] == [""]

    def test_items_of_customers_and_groups_do_not_mix(self, stored):
        pairs = [(c, g) for c in (CUSTOMER, OTHER_CUSTOMER) for g in (GROUP, OTHER_GROUP, None)]
        stored.runs.put_items(an_item(g, customer_id=c) for c, g in pairs)

        assert {(i.customer_id, i.group_id) for i in stored.runs.items(RUN)} == set(pairs)

    def test_what_a_customers_read_found_comes_back_with_its_own_item(self, stored):
        own = an_item(None, state=ItemState.READ)
        groups = [an_item(state=ItemState.HELD), an_item(OTHER_GROUP, state=ItemState.UNCHANGED)]
        stored.runs.put_items([an_item(None), an_item(customer_id=OTHER_CUSTOMER)])
        stored.runs.put_read(own, groups)

        found = list(stored.runs.items(RUN))

        assert len(found) == 4
        assert set(found) == {own, *groups, an_item(customer_id=OTHER_CUSTOMER)}
        for item in (own, *groups):
            assert stored.runs.get_item(RUN, item.item_id) == item

    @pytest.mark.parametrize("first", [True, False])
    def test_an_item_that_is_stored_by_itself_counts(self, stored, first):
        alone = an_item(state=ItemState.CHANGED)
        together = an_item(None, state=ItemState.READ), [an_item(state=ItemState.UNCHANGED)]
        if first:
            stored.runs.put_items([alone])
        stored.runs.put_read(*together)
        if not first:
            stored.runs.put_items([alone])

        assert set(stored.runs.items(RUN)) == {alone, together[0]}
        assert stored.runs.get_item(RUN, alone.item_id) == alone

    @pytest.mark.parametrize("first", [True, False])
    def test_one_that_waits_by_itself_counts_less_than_what_was_read(self, stored, first):
        waits = an_item(state=ItemState.QUEUED)
        own, held = an_item(None, state=ItemState.READ), an_item(state=ItemState.HELD)
        if first:
            stored.runs.put_items([waits])
        stored.runs.put_read(own, [held])
        if not first:
            stored.runs.put_items([waits])

        before = set(stored.runs.items(RUN))
        stored.runs.put_items([an_item(state=ItemState.CHANGED)])

        assert before == {own, held}
        assert stored.runs.get_item(RUN, waits.item_id) == an_item(state=ItemState.CHANGED)
        assert set(stored.runs.items(RUN)) == {own, an_item(state=ItemState.CHANGED)}

    def test_a_customer_with_very_many_rows_is_stored_whole(self, stored):
        own = an_item(None, state=ItemState.READ)
        groups = [an_item(GroupId(f"{n:016x}"), state=ItemState.UNCHANGED) for n in range(450)]
        stored.runs.put_read(own, groups)

        assert set(stored.runs.items(RUN)) == {own, *groups}

    def test_no_items_are_no_call(self, stored):
        stored.runs.put_items([])
