"""Rows that a PSA prorates, as operations."""

from dataclasses import replace

import pytest

from shared.domain.agreements import AddProrata, in_words
from shared.domain.intents import has_landed
from tests.builders import AGREEMENT, LINE, TODAY, a_line

ROW = AddProrata(AGREEMENT, LINE, 10, -3, TODAY)


def test_a_row_tells_the_seats_after_it_and_is_told_with_its_sign():
    assert ROW.after == 7
    assert in_words(ROW) == "line 501: -3 from 2026-03-17"
    assert in_words(replace(ROW, quantity=2)) == "line 501: +2 from 2026-03-17"


@pytest.mark.parametrize(("seats", "landed"), [(7, True), (10, False), (None, False)])
def test_a_row_has_landed_when_the_line_has_the_seats_after_it(seats, landed):
    assert has_landed(ROW, (a_line(quantity=seats),)) is landed
