"""Invoice texts: what a customer reads on the line."""

from datetime import date

import pytest

from shared.domain.descriptions import LineText, RowText, UserList, user_list
from shared.domain.ledger import InForce
from shared.domain.mappings import DescriptionOptions, Usernames
from tests.builders import BUSINESS_PREMIUM_ROW, E5_ROW

MARCH = date(2026, 3, 1)
PEOPLE = ("zoe Zorn", "Ann Abel", "Bob Baker")


def a_row(row_id=E5_ROW, name="Microsoft 365 E5", users=PEOPLE, limit=6000, **options):
    facts = {k: options.pop(k) for k in ("term", "ends", "unassigned") if k in options}
    listed = None if users is None else user_list(users, limit)
    return RowText(row_id, name, DescriptionOptions(**options), users=listed, **facts)


def text_of(*rows, limit=6000, in_force=(), since=MARCH):
    return LineText(rows, "Microsoft 365 E5", limit).render(in_force, since)


def test_a_text_that_nobody_asked_for_is_left_alone():
    assert text_of(a_row()) is None


def test_an_overwritten_text_stands_in_place_of_the_products():
    assert text_of(a_row(overwrite="Office for everyone")) == "Office for everyone"


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        (Usernames.COMMA, "Users: Ann Abel, Bob Baker, zoe Zorn"),
        (Usernames.LIST, "Users:\n- Ann Abel\n- Bob Baker\n- zoe Zorn"),
        (Usernames.NUMBERED, "Users:\n1. Ann Abel\n2. Bob Baker\n3. zoe Zorn"),
    ],
)
def test_users_are_listed_in_order_without_case(style, expected):
    assert text_of(a_row(usernames=style)) == f"Microsoft 365 E5\n{expected}"


def test_users_are_cut_at_whole_names_within_the_limit():
    names = [f"User {number:03}" for number in range(400)]

    text = text_of(a_row(users=names, limit=200, usernames=Usernames.COMMA), limit=200)

    assert len(text) <= 200
    shown = text.split("Users: ")[1].split(", ")
    assert shown[-1] == f"+{400 - len(shown) + 1} more"
    assert all(name in names for name in shown[:-1])


def test_unknown_users_leave_the_text_alone():
    assert text_of(a_row(users=None, usernames=Usernames.COMMA, overwrite="Office")) is None


def test_nobody_assigned_is_known_and_names_nobody():
    assert text_of(a_row(users=(), usernames=Usernames.COMMA)) == "Microsoft 365 E5"


def test_term_end_date_and_unassigned_are_added():
    row = a_row(
        term_and_end_date=True,
        term="1 year",
        ends=date(2027, 5, 12),
        unassigned=2,
    )
    both = RowText(
        row.row_id,
        row.name,
        DescriptionOptions(term_and_end_date=True, unassigned=True),
        term="1 year",
        ends=date(2027, 5, 12),
        unassigned=2,
    )

    assert text_of(both) == "Microsoft 365 E5\n1 year, term ends 12 May 2027\nUnassigned: 2"


def test_several_rows_are_told_apart_in_the_order_of_their_ids():
    one = RowText(E5_ROW, "E5", DescriptionOptions(unassigned=True), unassigned=1)
    two = RowText(BUSINESS_PREMIUM_ROW, "BP", DescriptionOptions(unassigned=True), unassigned=0)

    assert text_of(two, one) == text_of(one, two)
    assert text_of(one, two) == "Microsoft 365 E5\nE5: Unassigned: 1\nBP: Unassigned: 0"


def test_changes_are_listed_since_a_day():
    entries = (
        InForce(date(2026, 1, 5), 8),
        InForce(date(2026, 2, 20), 10),
        InForce(date(2026, 3, 17), 12),
        InForce(date(2026, 3, 20), 9),
    )

    text = text_of(a_row(changes=True), in_force=entries)

    assert text == "Microsoft 365 E5\nChanges: +2 on 17 Mar, -3 on 20 Mar"


def test_a_long_overwritten_text_is_cut():
    assert text_of(a_row(overwrite="x" * 50), limit=20) == "x" * 19 + "…"


def test_names_that_no_text_could_hold_are_only_counted():
    assert user_list(["Ann", "Bob", "Cid"], 8) == UserList(("Ann", "Bob"), 1)
