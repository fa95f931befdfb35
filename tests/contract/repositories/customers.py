"""What every ``CustomerRepository`` and ``ProfileRepository`` does."""

from dataclasses import replace

import pytest

from shared.domain.customers import CustomerState, StatedTerm, UserFilter
from shared.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    StaleVersionError,
)
from shared.domain.ids import CustomerId, ProfileId
from shared.domain.mappings import PriceKind, PricePolicy
from shared.domain.terms import TermLength
from tests.builders import (
    BUSINESS_PREMIUM,
    CUSTOMER,
    E5,
    NOW,
    OTHER_CUSTOMER,
    PROFILE,
    SUBSCRIPTION,
    a_customer,
    a_profile,
    dollars,
)
from tests.contract.repositories.stored import at_once


class CustomersContract:
    """A suite."""

    @pytest.mark.parametrize(
        "customer",
        [
            a_customer(),
            replace(
                a_customer(
                    name="Ärzte & Söhne 'GmbH' / 東京 🏥",
                    user_filter=UserFilter(department=("Sales", "R&D"), city=("Köln",)),
                    state=CustomerState.PAUSED,
                    split=[E5, BUSINESS_PREMIUM],
                ),
                terms=(StatedTerm(SUBSCRIPTION, TermLength.TRIENNIAL, "editor", NOW),),
            ),
        ],
        ids=["plain", "full"],
    )
    def test_a_customer_comes_back_as_it_was_stored(self, stored, customer):
        stored.customers.add(customer)

        assert stored.customers.get(CUSTOMER).value == customer

    def test_a_missing_customer_is_an_error(self, stored):
        with pytest.raises(NotFoundError):
            stored.customers.get(CUSTOMER)

    def test_an_id_is_given_once(self, stored):
        stored.customers.add(a_customer(name="First"))

        with pytest.raises(ConflictError):
            stored.customers.add(a_customer(name="Second"))
        assert stored.customers.get(CUSTOMER).value.name == "First"

    def test_a_save_needs_the_version_it_read(self, stored):
        read = stored.customers.add(a_customer())
        saved = stored.customers.save(read, replace(read.value, name="Newer"))

        with pytest.raises(StaleVersionError):
            stored.customers.save(read, replace(read.value, name="Older"))
        stored.customers.save(saved, replace(saved.value, name="Newest"))
        assert stored.customers.get(CUSTOMER).value.name == "Newest"

    def test_customers_are_listed_by_name_also_after_another_name(self, stored):
        for number, name in enumerate(["zeta", "Ärzte", "Beta Two", "beta", "Azur"]):
            stored.customers.add(a_customer(CustomerId(f"c{number}"), name=name))
        read = stored.customers.get(CustomerId("c0"))
        stored.customers.save(read, replace(read.value, name="Alpha"))

        names = [one.name for one in stored.customers.list().items]

        assert names == ["Alpha", "Ärzte", "Azur", "beta", "Beta Two"]
        assert len(stored.customers.all()) == 5

    def test_a_rename_that_comes_too_late_leaves_the_list_as_it_is(self, stored):
        read = stored.customers.add(a_customer(name="First"))
        stored.customers.save(read, replace(read.value, name="Second"))

        with pytest.raises(StaleVersionError):
            stored.customers.save(read, replace(read.value, name="Third"))

        assert [one.name for one in stored.customers.list().items] == ["Second"]

    def test_of_two_saves_at_once_one_wins(self, stored):
        read = stored.customers.add(a_customer())

        answers = at_once(
            lambda: stored.customers.save(read, replace(read.value, name="One")),
            lambda: stored.customers.save(read, replace(read.value, name="Two")),
        )

        assert sum(isinstance(answer, StaleVersionError) for answer in answers) == 1
        assert stored.customers.get(CUSTOMER).value.name in {"One", "Two"}

    def test_sixteen_threads_lose_no_update(self, stored):
        stored.customers.add(a_customer(name="0"))

        def count_up():
            for _ in range(3):
                while True:
                    read = stored.customers.get(CUSTOMER)
                    more = replace(read.value, name=str(int(read.value.name) + 1))
                    try:
                        stored.customers.save(read, more)
                    except StaleVersionError:
                        continue
                    break

        answers = at_once(*[count_up] * 16)

        assert answers == [None] * 16
        assert stored.customers.get(CUSTOMER).value.name == "48"

    def test_all_has_deleted_ones_too(self, stored):
        stored.customers.add(a_customer(OTHER_CUSTOMER, state=CustomerState.DELETED))
        stored.customers.add(a_customer())

        assert [c.customer_id for c in stored.customers.all()] == [CUSTOMER, OTHER_CUSTOMER]

    def test_nothing_is_listed_of_nothing(self, stored):
        assert stored.customers.all() == ()
        assert stored.customers.list().items == ()
        assert stored.customers.list().continuation is None

    def test_pages_have_every_customer_once(self, stored):
        ids = [CustomerId(f"c{number:02d}") for number in range(7)]
        for one in ids:
            stored.customers.add(a_customer(one))

        seen, sizes, continuation = [], [], None
        while True:
            page = stored.customers.list(continuation, limit=3)
            seen += [customer.customer_id for customer in page.items]
            sizes.append(len(page.items))
            continuation = page.continuation
            if continuation is None:
                break

        assert seen == ids
        assert sizes == [3, 3, 1]

    def test_a_list_that_fits_a_page_has_no_next_one(self, stored):
        for number in range(3):
            stored.customers.add(a_customer(CustomerId(f"c{number}")))

        assert stored.customers.list(limit=3).continuation is None

    def test_a_page_goes_on_although_its_last_entry_changed(self, stored):
        for number in range(3):
            stored.customers.add(a_customer(CustomerId(f"c{number}")))
        page = stored.customers.list(limit=2)
        last = stored.customers.get(CustomerId("c1"))
        stored.customers.save(last, replace(last.value, name="Changed"))

        rest = stored.customers.list(page.continuation, limit=2)

        assert [customer.customer_id for customer in rest.items] == ["c2"]

    @pytest.mark.parametrize("token", ["", "x", "%00", "ab c", "'; drop", "MQ", "é", "_" * 400])
    def test_a_made_up_token_is_bad_input(self, stored, token):
        stored.customers.add(a_customer())

        with pytest.raises(InvalidInputError) as caught:
            stored.customers.list(token)
        assert set(caught.value.errors) == {"continuation"}

    @pytest.mark.parametrize("limit", [0, -1, 501])
    def test_a_page_has_1_to_500_entries(self, stored, limit):
        with pytest.raises(InvalidInputError):
            stored.customers.list(limit=limit)

    @pytest.mark.parametrize(
        "odd",
        [
            "a/b",
            "a\\b",
            "a#b",
            "a?b",
            "a'b",
            "a b",
            "a%2Fb",
            "ä",
            "a~b",
            "a=2Fb",
            "\x07",
            "x" * 600,
        ],
    )
    def test_any_text_is_a_safe_id(self, stored, odd):
        stored.customers.add(a_customer(CustomerId(odd), name="Odd"))

        assert stored.customers.get(CustomerId(odd)).value.name == "Odd"
        with pytest.raises(NotFoundError):
            stored.customers.get(CustomerId(odd + "x"))

    def test_a_quote_in_an_id_does_not_reach_other_customers(self, stored):
        stored.customers.add(a_customer())

        with pytest.raises(NotFoundError):
            stored.customers.get(CustomerId("x' or PartitionKey ne '"))
        assert stored.mappings.of_customer(CustomerId("x' or PartitionKey ne '")) == ()


class ProfilesContract:
    """A suite."""

    @pytest.mark.parametrize(
        "price",
        [
            PricePolicy(PriceKind.PSA),
            PricePolicy(PriceKind.FIXED, dollars("31.10")),
            PricePolicy(PriceKind.PERCENT, dollars("-7.500")),
        ],
        ids=lambda price: price.kind.value,
    )
    def test_a_profile_comes_back_as_it_was_stored(self, stored, price):
        profile = a_profile(price=price, agreement_types=("Managed services", "Cloud"))
        stored.profiles.add(profile)

        found = stored.profiles.get(PROFILE).value

        assert found == profile
        assert str(found.price.amount) == str(price.amount)

    def test_an_id_is_given_once(self, stored):
        stored.profiles.add(a_profile())

        with pytest.raises(ConflictError):
            stored.profiles.add(a_profile())

    def test_a_missing_profile_is_an_error(self, stored):
        with pytest.raises(NotFoundError):
            stored.profiles.get(PROFILE)

    def test_profiles_are_listed_by_name(self, stored):
        for one, name in [("p1", "zeta"), ("p2", "Alpha"), ("p3", "beta"), ("p0", "beta")]:
            stored.profiles.add(a_profile(ProfileId(one), name=name))

        assert [p.value.profile_id for p in stored.profiles.all()] == ["p2", "p0", "p3", "p1"]

    def test_a_listed_profile_can_be_saved(self, stored):
        stored.profiles.add(a_profile())
        (read,) = stored.profiles.all()

        stored.profiles.save(read, replace(read.value, name="Newer"))

        assert stored.profiles.get(PROFILE).value.name == "Newer"

    def test_a_save_or_a_delete_needs_the_version_it_read(self, stored):
        read = stored.profiles.add(a_profile())
        saved = stored.profiles.save(read, replace(read.value, name="Newer"))

        with pytest.raises(StaleVersionError):
            stored.profiles.save(read, read.value)
        with pytest.raises(StaleVersionError):
            stored.profiles.delete(read)
        stored.profiles.delete(saved)
        assert stored.profiles.all() == ()

    def test_saving_what_was_deleted_is_stale(self, stored):
        read = stored.profiles.add(a_profile())
        stored.profiles.delete(read)

        with pytest.raises(StaleVersionError):
            stored.profiles.save(read, read.value)

    def test_deleting_twice_is_no_error(self, stored):
        read = stored.profiles.add(a_profile())
        stored.profiles.delete(read)

        stored.profiles.delete(read)
