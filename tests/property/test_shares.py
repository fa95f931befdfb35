"""However a tenant's users are spread over customers, nothing is lost and nothing is invented."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.customers import UserFilter
from shared.domain.ids import CustomerId
from shared.domain.licensing import AssignedUser, UserDetails
from shared.domain.sharing import tally
from tests.builders import BUSINESS_PREMIUM, E5, EXCHANGE, NOW, a_customer
from tests.property.effort import tried

CITIES = ("Köln", "Bonn", "Graz", "Wien", "")
SKUS = (E5, BUSINESS_PREMIUM, EXCHANGE)

details = st.builds(
    UserDetails,
    department=st.sampled_from(("Sales", " sales", "LABS", "labs ", "")),
    city=st.sampled_from(CITIES),
    enabled=st.booleans(),
    guest=st.booleans(),
)
licences = st.frozensets(st.sampled_from(SKUS), min_size=1)


@st.composite
def some_users(draw):
    held = draw(st.lists(st.tuples(licences, details), max_size=40))
    return tuple(
        AssignedUser(f"User {number}", f"{number}@contoso.example", sku_ids, told)
        for number, (sku_ids, told) in enumerate(held)
    )


def seats(held):
    return {one.sku_id: one.seats for one in held}


@tried(100)
@given(some_users(), st.data())
def test_disjoint_filters_that_cover_all_add_up_to_the_tenant(users, data):
    named = [city for city in CITIES if city]
    users = tuple(user for user in users if user.details.city)
    parts = data.draw(st.integers(1, len(named)))
    owner = {city: data.draw(st.integers(0, parts - 1)) for city in named}
    customers = [
        a_customer(CustomerId(f"c{part}"), user_filter=UserFilter(city=tuple(cities)))
        for part in range(parts)
        if (cities := [city.upper() for city in named if owner[city] == part])
    ]

    found = tally(users, customers, NOW)

    tenant = Counter(sku_id for user in users for sku_id in user.sku_ids)
    summed = sum((Counter(seats(share.held)) for share in found.shares), Counter())
    assert summed == tenant == Counter(seats(found.held))
    assert sum(share.users for share in found.shares) == len(users)
    assert (found.users_in_none, found.users_in_several, found.overlaps) == (0, 0, ())


values = st.lists(st.sampled_from(("sales", "labs")), unique=True, max_size=2).map(tuple)
filters = st.builds(
    UserFilter,
    department=values,
    city=st.lists(st.sampled_from(CITIES[:4]), unique=True, max_size=3).map(tuple),
)


@tried(100)
@given(some_users(), st.lists(filters, max_size=4))
def test_any_filters_leave_nobody_uncounted_and_show_every_double(users, chosen):
    customers = [
        a_customer(CustomerId(f"c{number}"), user_filter=one) for number, one in enumerate(chosen)
    ]

    found = tally(users, customers, NOW)

    for sku_id in SKUS:
        in_customers = sum(share.of(sku_id).seats for share in found.shares)
        once = found.total(sku_id).seats - found.in_none(sku_id).seats
        assert in_customers >= once
        assert (in_customers > once) == (found.in_several(sku_id).seats > 0)
    assert bool(found.overlaps) == (found.users_in_several > 0)
    assert all(one.users <= found.users_in_several for one in found.overlaps)
