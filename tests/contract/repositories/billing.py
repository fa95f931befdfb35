"""What every repository of snapshots, ledgers, intents, history and headers does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.agreements import (
    EndLine,
    LineKind,
    QuantityStep,
    RemoveLine,
    SetDescription,
    SetPrice,
    SetQuantity,
)
from shared.domain.customers import UserFilter
from shared.domain.errors import StaleVersionError
from shared.domain.ids import AgreementId, ConnectionName, RunId
from shared.domain.ledger import Ledger
from shared.domain.sharing import tally
from shared.ports import KeptLines
from tests.builders import (
    AGREEMENT,
    BUSINESS_PREMIUM,
    BUSINESS_PREMIUM_ROW,
    CUSTOMER,
    E5_ROW,
    GROUP,
    LINE,
    MAIN,
    NOW,
    OTHER_AGREEMENT,
    OTHER_CUSTOMER,
    OTHER_GROUP,
    OTHER_LINE,
    OTHER_TENANT,
    RUN,
    TENANT,
    TODAY,
    a_change,
    a_create,
    a_customer,
    a_ledger,
    a_line,
    a_people_count,
    a_sku,
    a_snapshot,
    a_subscription,
    a_tenant_record,
    a_user,
    an_agreement,
    an_intent,
    dollars,
)
from tests.contract.repositories.stored import at_once


class SnapshotsContract:
    """A suite."""

    def test_a_record_comes_back_as_it_was_stored(self, stored):
        snapshot = a_snapshot(
            [a_sku(), a_sku(BUSINESS_PREMIUM, enabled=None, absent_since=NOW, proven_absent=True)],
            [a_subscription(), a_subscription(status=None, total_licenses=None, is_trial=True)],
        )
        record = a_tenant_record(snapshot, failures=2, failing_since=NOW, problem="no consent")
        stored.snapshots.save(None, record)

        assert stored.snapshots.get(TENANT).value == record
        assert stored.snapshots.get(OTHER_TENANT) is None

    def test_counts_of_users_and_people_come_back_with_the_record(self, stored):
        sales = a_customer(user_filter=UserFilter(department=("Sales",)))
        users = tally([a_user("Ann Abel", department="Sales"), a_user("Bob")], [sales], NOW)
        people = (a_people_count(7), a_people_count(None, customer_id=OTHER_CUSTOMER, problem="x"))
        record = replace(
            a_tenant_record(a_snapshot()), users=users, users_problem="403", people=people
        )
        stored.snapshots.save(None, record)

        assert stored.snapshots.get(TENANT).value == record

    def test_a_tenant_may_never_have_been_read(self, stored):
        stored.snapshots.save(None, a_tenant_record(None, failures=1))

        assert stored.snapshots.get(TENANT).value.snapshot is None

    def test_a_large_tenant_fits(self, stored):
        record = a_tenant_record(a_snapshot([a_sku()] * 700, [a_subscription()] * 700))
        stored.snapshots.save(None, record)

        assert stored.snapshots.get(TENANT).value == record

    def test_a_smaller_record_replaces_a_large_one_whole(self, stored):
        stored.snapshots.save(None, a_tenant_record(a_snapshot([a_sku()] * 700)))
        read = stored.snapshots.get(TENANT)

        stored.snapshots.save(read, a_tenant_record(a_snapshot([a_sku()])))

        assert stored.snapshots.get(TENANT).value == a_tenant_record(a_snapshot([a_sku()]))

    def test_an_older_worker_does_not_overwrite_a_newer_record(self, stored):
        stored.snapshots.save(None, a_tenant_record())
        read = stored.snapshots.get(TENANT)
        stored.snapshots.save(read, a_tenant_record(problem="newer"))

        with pytest.raises(StaleVersionError):
            stored.snapshots.save(read, a_tenant_record(problem="older"))
        with pytest.raises(StaleVersionError):
            stored.snapshots.save(None, a_tenant_record(problem="first"))
        assert stored.snapshots.get(TENANT).value.problem == "newer"


class LedgersContract:
    """A suite."""

    @pytest.mark.parametrize(
        "ledger",
        [Ledger(CUSTOMER, GROUP), a_ledger(line_ends=TODAY, description="Löwe", adopted=True)],
        ids=["plain", "full"],
    )
    def test_a_ledger_comes_back_as_it_was_stored(self, stored, ledger):
        stored.ledgers.save(None, ledger)

        assert stored.ledgers.get(CUSTOMER, GROUP).value == ledger

    def test_a_group_without_a_ledger_has_none(self, stored):
        assert stored.ledgers.get(CUSTOMER, GROUP) is None

    def test_a_customers_ledgers_can_be_saved(self, stored):
        stored.ledgers.save(None, a_ledger())
        stored.ledgers.save(None, a_ledger(OTHER_GROUP))
        stored.ledgers.save(None, a_ledger(customer_id=OTHER_CUSTOMER))

        found = stored.ledgers.of_customer(CUSTOMER)
        for read in found:
            stored.ledgers.save(read, replace(read.value, last_written=99))

        assert {read.value.group_id for read in found} == {GROUP, OTHER_GROUP}
        assert stored.ledgers.get(CUSTOMER, GROUP).value.last_written == 99
        assert stored.ledgers.get(OTHER_CUSTOMER, GROUP).value.last_written == 10

    def test_a_stale_ledger_is_refused(self, stored):
        read = stored.ledgers.save(None, a_ledger())
        stored.ledgers.save(read, a_ledger(last_written=11))

        with pytest.raises(StaleVersionError):
            stored.ledgers.save(read, a_ledger(last_written=12))
        with pytest.raises(StaleVersionError):
            stored.ledgers.save(None, a_ledger(last_written=13))
        assert stored.ledgers.get(CUSTOMER, GROUP).value.last_written == 11


class IntentsContract:
    """A suite."""

    def test_every_operation_comes_back_as_it_was_stored(self, stored):
        intent = an_intent(
            operations=(
                a_create(kind=LineKind.DATED, quantity=-2, ends=TODAY, unit_price=dollars("0.10")),
                SetQuantity(AGREEMENT, LINE, 10, 12),
                SetPrice(AGREEMENT, LINE, dollars("10"), dollars("12")),
                SetPrice(AGREEMENT, LINE, None, dollars("12.00")),
                EndLine(AGREEMENT, LINE, TODAY),
                EndLine(AGREEMENT, LINE, None),
                RemoveLine(AGREEMENT, LINE),
                SetDescription(AGREEMENT, LINE, ""),
            )
        )
        stored.intents.open(intent)

        found = stored.intents.get(CUSTOMER, GROUP).value

        assert found == intent
        assert [type(op) for op in found.operations] == [type(op) for op in intent.operations]

    def test_a_group_has_one_intent(self, stored):
        stored.intents.open(an_intent(a_change("first")))

        with pytest.raises(StaleVersionError):
            stored.intents.open(an_intent(a_change("second")))
        assert stored.intents.get(CUSTOMER, GROUP).value.change.change_id == "first"

    def test_a_closed_intent_is_gone(self, stored):
        read = stored.intents.open(an_intent())

        stored.intents.close(read)
        stored.intents.close(read)

        assert stored.intents.get(CUSTOMER, GROUP) is None
        stored.intents.open(an_intent())

    def test_closing_an_old_intent_leaves_a_newer_one(self, stored):
        old = stored.intents.open(an_intent(a_change("old")))
        stored.intents.close(old)
        stored.intents.open(an_intent(a_change("new")))

        stored.intents.close(old)

        assert stored.intents.get(CUSTOMER, GROUP).value.change.change_id == "new"

    def test_a_customers_intents_are_found(self, stored):
        stored.intents.open(an_intent(a_change("a")))
        stored.intents.open(an_intent(a_change("b", group_id=OTHER_GROUP)))
        stored.intents.open(an_intent(a_change("c", customer_id=OTHER_CUSTOMER)))

        found = stored.intents.of_customer(CUSTOMER)

        assert {intent.change.change_id for intent in found} == {"a", "b"}

    def test_of_two_workers_one_opens_an_intent(self, stored):
        answers = at_once(
            lambda: stored.intents.open(an_intent(a_change("a"))),
            lambda: stored.intents.open(an_intent(a_change("b"))),
        )

        assert sum(isinstance(answer, StaleVersionError) for answer in answers) == 1


class ChangesContract:
    """A suite."""

    def test_history_is_newest_first(self, stored):
        hours = [3, 0, 2, 1]
        for hour in hours:
            stored.changes.add(a_change(f"c{hour}", at=NOW + timedelta(hours=hour)))

        found = stored.changes.of_customer(CUSTOMER).items

        assert [change.change_id for change in found] == ["c3", "c2", "c1", "c0"]

    def test_an_entry_comes_back_as_it_was_stored(self, stored):
        change = a_change(rows=(E5_ROW, BUSINESS_PREMIUM_ROW), before=None, actor="ä@b.example")
        stored.changes.add(change)

        assert stored.changes.of_customer(CUSTOMER).items == (change,)

    def test_an_entry_added_again_changes_nothing(self, stored):
        stored.changes.add(a_change(result="written"))
        stored.changes.add(a_change(result="adopted"))

        (found,) = stored.changes.of_customer(CUSTOMER).items
        assert found.result == "written"

    def test_two_entries_of_one_moment_are_both_kept(self, stored):
        stored.changes.add(a_change("a"))
        stored.changes.add(a_change("b"))

        assert len(stored.changes.of_customer(CUSTOMER).items) == 2

    def test_history_is_the_customers_own(self, stored):
        stored.changes.add(a_change())

        assert stored.changes.of_customer(OTHER_CUSTOMER).items == ()

    def test_one_rows_history_pages(self, stored):
        for number in range(6):
            rows = (E5_ROW,) if number % 2 else (BUSINESS_PREMIUM_ROW, E5_ROW)
            stored.changes.add(a_change(f"c{number}", rows=rows, at=NOW + timedelta(number)))

        first = stored.changes.of_customer(CUSTOMER, limit=2, row_id=BUSINESS_PREMIUM_ROW)
        second = stored.changes.of_customer(
            CUSTOMER, first.continuation, limit=2, row_id=BUSINESS_PREMIUM_ROW
        )

        assert [change.change_id for change in first.items] == ["c4", "c2"]
        assert [change.change_id for change in second.items] == ["c0"]
        assert second.continuation is None

    def test_a_row_without_history_has_none(self, stored):
        stored.changes.add(a_change())

        found = stored.changes.of_customer(CUSTOMER, row_id=BUSINESS_PREMIUM_ROW)

        assert found.items == ()


class HeadersContract:
    """A suite."""

    def test_kept_headers_come_back(self, stored):
        kept = an_agreement()
        odd = an_agreement(OTHER_AGREEMENT, cycle=None, starts=None, problem="no cycle")
        stored.headers.put(RUN, MAIN, [kept, odd])

        assert stored.headers.get_many(RUN, MAIN, [AGREEMENT, OTHER_AGREEMENT]) == {
            AGREEMENT: kept,
            OTHER_AGREEMENT: odd,
        }

    def test_headers_that_were_not_kept_are_left_out(self, stored):
        stored.headers.put(RUN, MAIN, [an_agreement()])

        assert stored.headers.get_many(RUN, MAIN, [OTHER_AGREEMENT]) == {}
        assert stored.headers.get_many(RUN, ConnectionName("second"), [AGREEMENT]) == {}
        assert stored.headers.get_many(RunId("run-2"), MAIN, [AGREEMENT]) == {}
        assert stored.headers.get_many(RUN, MAIN, []) == {}

    def test_more_headers_than_one_transaction_holds(self, stored):
        ids = [AgreementId(str(number)) for number in range(1000, 1250)]
        stored.headers.put(RUN, MAIN, (an_agreement(one) for one in ids))

        assert stored.headers.get_many(RUN, MAIN, ids[::2]).keys() == set(ids[::2])

    def test_a_header_kept_twice_is_the_later_one(self, stored):
        stored.headers.put(RUN, MAIN, [an_agreement(name="one"), an_agreement(name="two")])

        assert stored.headers.get_many(RUN, MAIN, [AGREEMENT])[AGREEMENT].name == "two"

    def test_kept_lines_come_back_with_their_steps(self, stored):
        steps = (QuantityStep(NOW.date(), 10),)
        lines = (replace(a_line(), steps=steps), replace(a_line(OTHER_LINE), steps=()))
        kept = KeptLines(AGREEMENT, lines, NOW)
        stored.headers.put_lines(RUN, MAIN, [kept, KeptLines(OTHER_AGREEMENT, (), NOW)])

        found = stored.headers.get_lines(RUN, MAIN, [AGREEMENT, AgreementId("9")])

        assert found == {AGREEMENT: kept}
        stored.headers.forget(RUN)
        assert stored.headers.get_lines(RUN, MAIN, [AGREEMENT]) == {}

    def test_lines_of_many_agreements_come_back_at_once(self, stored):
        ids = [AgreementId(str(number)) for number in range(1000, 1020)]
        stored.headers.put_lines(RUN, MAIN, (KeptLines(one, (), NOW) for one in ids))

        assert stored.headers.get_lines(RUN, MAIN, ids[::2]).keys() == set(ids[::2])

    def test_a_runs_headers_are_forgotten_and_no_others(self, stored):
        longer = RunId(f"{RUN}1")
        second = ConnectionName("second")
        for run, psa in [(RUN, MAIN), (RUN, second), (longer, MAIN)]:
            stored.headers.put(run, psa, [an_agreement()])

        stored.headers.forget(RUN)
        stored.headers.forget(RUN)

        assert stored.headers.get_many(RUN, MAIN, [AGREEMENT]) == {}
        assert stored.headers.get_many(RUN, second, [AGREEMENT]) == {}
        assert stored.headers.get_many(longer, MAIN, [AGREEMENT]) != {}

    def test_many_headers_are_forgotten_by_two_workers_at_once(self, stored):
        ids = [AgreementId(str(number)) for number in range(150)]
        stored.headers.put(RUN, MAIN, (an_agreement(one) for one in ids))

        answers = at_once(lambda: stored.headers.forget(RUN), lambda: stored.headers.forget(RUN))

        assert answers == [None, None]
        assert stored.headers.get_many(RUN, MAIN, ids) == {}
