"""Keys of entities."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.tables.keys import LONGEST, key, newest_first
from shared.domain.ids import digest
from tests.builders import E5_ROW, GROUP, NOW

TEXT = st.text(max_size=40)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- bounds are naive, the values are not


def test_our_own_ids_are_their_own_keys():
    assert key(E5_ROW) == E5_ROW
    assert key("contoso", GROUP) == f"contoso~{GROUP}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a/b", "a=2Fb"), ("ä", "=C3=A4"), ("a~b", "a=7Eb"), ("=", "=3D"), ("", "="), ("\n", "=0A")],
)
def test_other_characters_are_escaped(text, expected):
    assert key(text) == expected


@given(st.lists(TEXT, min_size=1, max_size=3))
def test_keys_hold_only_safe_characters(parts):
    assert set(key(*parts)) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-=~"
    )


@given(st.lists(TEXT, min_size=1, max_size=3), st.lists(TEXT, min_size=1, max_size=3))
def test_different_parts_have_different_keys(one, other):
    assert (key(*one) == key(*other)) == (one == other)


def test_long_ids_are_cut_and_still_differ():
    one, other = key("x" * 600 + "1"), key("x" * 600 + "2")

    assert one != other
    assert len(one) <= LONGEST
    assert one.endswith(digest("x" * 600 + "1", length=32))


@given(MOMENTS, MOMENTS)
def test_later_moments_sort_first(one, other):
    assert (newest_first(one) < newest_first(other)) == (one > other)
    assert len(newest_first(one)) == 16


def test_milliseconds_have_13_digits():
    later = newest_first(NOW + timedelta(milliseconds=1), milliseconds=True)

    assert int(newest_first(NOW, milliseconds=True)) - int(later) == 1
    assert len(later) == 13
