"""What a ledger tells of its line."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.ids import LineId
from shared.domain.ledger import not_shown
from tests.builders import LINE, NOW, OTHER_GROUP, a_ledger, a_line

SENT = NOW - timedelta(seconds=30)
SINCE = NOW - timedelta(seconds=60)


def written(**changes):
    """A line raised from 10 to 12 half a minute ago."""
    known = {"line_id": LINE, "last_written": 12, "overwrote": 10, "sent_from": SENT}
    return replace(a_ledger(), **(known | changes))


def test_a_line_that_still_shows_what_was_before_a_write_was_read_too_early():
    shown = [a_line(LINE, quantity=10)]

    assert not_shown([written()], shown, SINCE) == written()


@pytest.mark.parametrize(
    ("quantity", "changes"),
    [
        (12, {}),
        (15, {}),  # somebody else's number
        (None, {}),
        (10, {"sent_from": SINCE}),
        (10, {"sent_from": None}),
        (10, {"overwrote": None}),  # a new line
        (12, {"overwrote": 12}),  # only its text changed
        (10, {"line_id": LineId("999")}),
        (10, {"line_id": None}),
    ],
)
def test_anything_else_is_no_sign_of_it(quantity, changes):
    shown = [a_line(LINE, quantity=quantity)]

    assert not_shown([written(**changes)], shown, SINCE) is None


def test_any_line_of_the_agreement_counts():
    other = written(line_id=LineId("302"), group_id=OTHER_GROUP)
    shown = [a_line(LINE, quantity=12), a_line(LineId("302"), quantity=10)]

    assert not_shown([written(), other], shown, SINCE) == other
