"""What every ``MappingRepository`` and ``ExclusionRepository`` does."""

from dataclasses import replace
from datetime import date

import pytest

from shared.domain.errors import StaleVersionError
from shared.domain.ids import ProfileId
from shared.domain.mappings import DescriptionOptions, ExistingLine, OnDrift, Usernames
from shared.domain.quantities import Grace
from tests.builders import (
    BUSINESS_PREMIUM_ROW,
    CUSTOMER,
    E5,
    E5_ROW,
    EXCHANGE,
    OTHER_AGREEMENT,
    OTHER_CUSTOMER,
    TODAY,
    a_global_exclusion,
    a_mapping,
    a_row_exclusion,
)
from tests.contract.repositories.stored import at_once

MARCH_END, APRIL_END = date(2026, 3, 31), date(2026, 4, 30)


class MappingsContract:
    """A suite."""

    @pytest.mark.parametrize(
        "mapping",
        [
            a_mapping(),
            a_mapping(
                included=2,
                minimum=5,
                negative_prorate=True,
                override_start=TODAY,
                description=DescriptionOptions("text \n 'x'", Usernames.LIST, unassigned=True),
                grace=Grace.INCLUDE,
                count_trials=True,
                existing_line=ExistingLine.CREATE,
                on_drift=OnDrift.ENFORCE,
                effective_from=TODAY,
            ),
        ],
        ids=["plain", "full"],
    )
    def test_a_mapping_comes_back_as_it_was_stored(self, stored, mapping):
        stored.mappings.put(None, mapping)

        assert stored.mappings.get(CUSTOMER, E5_ROW).value == mapping

    def test_a_row_without_a_mapping_has_none(self, stored):
        assert stored.mappings.get(CUSTOMER, E5_ROW) is None
        assert stored.mappings.of_customer(CUSTOMER) == ()

    def test_a_mapping_is_created_once(self, stored):
        stored.mappings.put(None, a_mapping(minimum=1))

        with pytest.raises(StaleVersionError):
            stored.mappings.put(None, a_mapping(minimum=2))
        assert stored.mappings.get(CUSTOMER, E5_ROW).value.minimum == 1

    def test_a_row_moves_with_what_it_leaves_behind(self, stored):
        read = stored.mappings.put(None, a_mapping())
        old = replace(read.value, effective_to=MARCH_END)
        new = a_mapping(agreement_id=OTHER_AGREEMENT, effective_from=date(2026, 4, 1))

        saved = stored.mappings.put(read, new, [old])

        assert stored.mappings.get(CUSTOMER, E5_ROW) == saved
        assert {m.value for m in stored.mappings.of_customer(CUSTOMER)} == {old, new}

    def test_a_stale_move_leaves_nothing_behind(self, stored):
        read = stored.mappings.put(None, a_mapping())
        stored.mappings.put(read, a_mapping(minimum=3))

        with pytest.raises(StaleVersionError):
            stored.mappings.put(read, a_mapping(), [a_mapping(effective_to=MARCH_END)])
        assert [m.value for m in stored.mappings.of_customer(CUSTOMER)] == [a_mapping(minimum=3)]

    def test_a_mapping_is_taken_away_with_what_it_leaves_behind(self, stored):
        read = stored.mappings.put(None, a_mapping())
        old = a_mapping(effective_to=MARCH_END)

        assert stored.mappings.put(read, None, [old]) is None
        assert stored.mappings.get(CUSTOMER, E5_ROW) is None
        assert [m.value for m in stored.mappings.of_customer(CUSTOMER)] == [old]

    def test_a_stale_mapping_is_not_taken_away(self, stored):
        read = stored.mappings.put(None, a_mapping())
        stored.mappings.put(read, a_mapping(minimum=3))

        with pytest.raises(StaleVersionError):
            stored.mappings.put(read, None)
        assert stored.mappings.get(CUSTOMER, E5_ROW) is not None

    def test_a_mapping_that_is_gone_cannot_be_replaced(self, stored):
        read = stored.mappings.put(None, a_mapping())
        stored.mappings.put(read, None)

        with pytest.raises(StaleVersionError):
            stored.mappings.put(read, a_mapping())
        with pytest.raises(StaleVersionError):
            stored.mappings.put(read, None)

    def test_a_superseded_mapping_of_the_same_way_and_last_day_is_replaced(self, stored):
        stored.mappings.put(None, None, [a_mapping(minimum=1, effective_to=MARCH_END)])
        stored.mappings.put(None, None, [a_mapping(minimum=2, effective_to=MARCH_END)])
        stored.mappings.put(None, None, [a_mapping(minimum=3, effective_to=APRIL_END)])

        assert [m.value.minimum for m in stored.mappings.of_customer(CUSTOMER)] == [2, 3]

    def test_mappings_of_different_ways_end_on_the_same_day(self, stored):
        ways = [
            a_mapping(effective_to=MARCH_END),
            a_mapping(effective_to=MARCH_END, agreement_id=OTHER_AGREEMENT),
            a_mapping(effective_to=MARCH_END, profile_id=ProfileId("other")),
        ]
        stored.mappings.put(None, None, ways)

        stored.mappings.forget(ways[0])

        assert {m.value for m in stored.mappings.of_customer(CUSTOMER)} == set(ways[1:])

    def test_nothing_to_put_is_nothing(self, stored):
        assert stored.mappings.put(None, None) is None
        assert stored.mappings.of_customer(CUSTOMER) == ()

    def test_a_superseded_mapping_is_forgotten_alone(self, stored):
        old = a_mapping(effective_to=MARCH_END)
        stored.mappings.put(None, a_mapping(), [old, a_mapping(effective_to=APRIL_END)])

        stored.mappings.forget(old)
        stored.mappings.forget(old)

        left = [m.value.effective_to for m in stored.mappings.of_customer(CUSTOMER)]
        assert left == [None, APRIL_END]

    def test_customers_have_their_own(self, stored):
        stored.mappings.put(None, a_mapping())
        stored.mappings.put(None, a_mapping(customer_id=OTHER_CUSTOMER, minimum=9))

        (own,) = stored.mappings.of_customer(CUSTOMER)
        assert own.value.minimum == 0

    def test_of_two_workers_that_create_one_wins(self, stored):
        answers = at_once(
            lambda: stored.mappings.put(None, a_mapping(minimum=1)),
            lambda: stored.mappings.put(None, a_mapping(minimum=2)),
        )

        assert sum(isinstance(answer, StaleVersionError) for answer in answers) == 1

    def test_exclusions_and_mappings_do_not_mix(self, stored):
        stored.mappings.put(None, a_mapping())
        stored.mappings.exclude(a_row_exclusion(leave_line=False))
        stored.mappings.exclude(a_row_exclusion(leave_line=True))
        stored.mappings.exclude(a_row_exclusion(BUSINESS_PREMIUM_ROW))

        assert len(stored.mappings.of_customer(CUSTOMER)) == 1
        assert {x.row_id: x.leave_line for x in stored.mappings.exclusions(CUSTOMER)} == {
            E5_ROW: True,
            BUSINESS_PREMIUM_ROW: False,
        }

    def test_an_exclusion_is_taken_away(self, stored):
        stored.mappings.exclude(a_row_exclusion())

        stored.mappings.include(CUSTOMER, E5_ROW)
        stored.mappings.include(CUSTOMER, E5_ROW)

        assert stored.mappings.exclusions(CUSTOMER) == ()


class ExclusionsContract:
    """A suite."""

    def test_the_list_is_empty_at_first(self, stored):
        read = stored.exclusions.get()

        assert (read.value, read.version) == ((), "")

    def test_the_list_is_replaced(self, stored):
        first = stored.exclusions.save(stored.exclusions.get(), (a_global_exclusion(),))
        stored.exclusions.save(first, (a_global_exclusion(E5), a_global_exclusion(EXCHANGE)))

        assert [x.sku_id for x in stored.exclusions.get().value] == [E5, EXCHANGE]

    def test_a_stale_list_is_refused(self, stored):
        empty = stored.exclusions.get()
        saved = stored.exclusions.save(empty, (a_global_exclusion(),))
        stored.exclusions.save(saved, ())

        with pytest.raises(StaleVersionError):
            stored.exclusions.save(empty, ())
        with pytest.raises(StaleVersionError):
            stored.exclusions.save(saved, ())
