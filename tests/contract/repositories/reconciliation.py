"""What every ``ReconciliationRepository`` does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.reconciliation import LineState
from shared.ports import ReconciliationFilter
from tests.builders import CUSTOMER, OTHER_CUSTOMER, a_reconciled_line, dollars

EVERYTHING = ReconciliationFilter()


class ReconciliationContract:
    """A suite."""

    def test_a_line_comes_back_as_it_was_stored(self, stored):
        line = a_reconciled_line(unit_price=dollars("36.005"), reasons=("held", "Ä"))
        stored.reconciliation.put([line])

        assert stored.reconciliation.page(EVERYTHING).items == (line,)

    def test_putting_a_line_again_replaces_it(self, stored):
        line = a_reconciled_line()
        stored.reconciliation.put([line])
        stored.reconciliation.put([replace(line, billed=12)])

        assert [one.billed for one in stored.reconciliation.page(EVERYTHING).items] == [12]

    def test_a_customers_lines_are_replaced_together_and_no_others(self, stored):
        kept = a_reconciled_line(OTHER_CUSTOMER)
        stored.reconciliation.put([a_reconciled_line(), a_reconciled_line(group_id="b" * 16), kept])
        fresh = a_reconciled_line(group_id="b" * 16, billed=1)

        stored.reconciliation.replace(CUSTOMER, [fresh])

        assert stored.reconciliation.page(EVERYTHING).items == (fresh, kept)

    def test_a_line_that_was_looked_at_again_says_so_whether_it_changed_or_not(self, stored):
        same, changed = (a_reconciled_line(group_id=one * 16) for one in "ab")
        other = a_reconciled_line(OTHER_CUSTOMER)
        later = same.checked_at + timedelta(days=1)
        stored.reconciliation.replace(CUSTOMER, [same, changed])
        stored.reconciliation.replace(OTHER_CUSTOMER, [other])
        again = [replace(same, checked_at=later), replace(changed, checked_at=later, billed=1)]

        stored.reconciliation.replace(CUSTOMER, again)

        assert stored.reconciliation.page(EVERYTHING).items == (*again, other)
        where = ReconciliationFilter(customer_id=CUSTOMER)
        assert stored.reconciliation.page(where, limit=1).items == (again[0],)

    def test_a_line_that_was_stored_by_itself_after_a_look_is_younger(self, stored):
        line = a_reconciled_line()
        look, write = line.checked_at + timedelta(days=1), line.checked_at + timedelta(days=2)
        stored.reconciliation.replace(CUSTOMER, [line])
        stored.reconciliation.replace(CUSTOMER, [replace(line, checked_at=look)])
        written = replace(line, checked_at=write, billed=12)

        stored.reconciliation.put([written])

        assert stored.reconciliation.page(EVERYTHING).items == (written,)

    def test_a_row_without_a_mapping_is_stored_by_its_row(self, stored):
        line = a_reconciled_line(group_id=None, state=LineState.UNMAPPED)
        stored.reconciliation.replace(CUSTOMER, [line])
        stored.reconciliation.replace(CUSTOMER, [])

        assert stored.reconciliation.page(EVERYTHING).items == ()

    def test_more_lines_than_one_transaction_takes(self, stored):
        lines = [a_reconciled_line(group_id=f"{number:016}") for number in range(150)]
        stored.reconciliation.replace(CUSTOMER, lines)

        assert stored.reconciliation.page(EVERYTHING, limit=500).items == tuple(lines)

    @pytest.mark.parametrize(
        ("where", "count"),
        [
            (EVERYTHING, 3),
            (ReconciliationFilter(customer_id=CUSTOMER), 2),
            (ReconciliationFilter(state=LineState.HELD), 1),
            (ReconciliationFilter(psa="other"), 1),
            (ReconciliationFilter(CUSTOMER, "main", LineState.HELD), 1),
        ],
    )
    def test_a_filter_leaves_out_the_rest(self, stored, where, count):
        stored.reconciliation.put(
            [
                a_reconciled_line(),
                a_reconciled_line(group_id="b" * 16, state=LineState.HELD),
                a_reconciled_line(OTHER_CUSTOMER, psa="other"),
            ]
        )

        assert len(stored.reconciliation.page(where).items) == count

    def test_pages_go_on_where_they_ended_also_after_a_customer(self, stored):
        first, second = a_reconciled_line(), a_reconciled_line(group_id="f" * 16)
        other = a_reconciled_line(OTHER_CUSTOMER)
        stored.reconciliation.put([first, second, other])

        page = stored.reconciliation.page(EVERYTHING, limit=1)
        rest = stored.reconciliation.page(EVERYTHING, page.continuation, limit=2)
        after = stored.reconciliation.after_customer(CUSTOMER)

        assert page.items == (first,)
        assert (rest.items, rest.continuation) == ((second, other), None)
        assert stored.reconciliation.page(EVERYTHING, after).items == (other,)
