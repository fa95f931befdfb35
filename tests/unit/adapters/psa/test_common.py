"""What the gateways of several PSAs do alike."""

import pytest

from shared.adapters.http.payload import Payload
from shared.adapters.psa.common import as_asked, id_number, note_once, see_whole
from shared.domain.errors import RequestRefusedError, UnexpectedPayloadError
from tests.builders import a_line


@pytest.mark.parametrize("wrong", [("quantity",), ("",)])
def test_a_line_that_was_saved_otherwise_is_told(wrong):
    # A field without a name is one that the PSA has no name for: it is wrong all the same.
    with pytest.raises(RequestRefusedError, match=r"main: line \S+ was saved with another"):
        as_asked("main", a_line(), wrong)


def test_a_line_that_was_saved_as_asked_is_returned():
    line = a_line()

    assert as_asked("main", line, ()) is line


@pytest.mark.parametrize(
    ("text", "number"), [("7001", 7001), ("-7", None), ("1/2", None), ("²", None), ("1" * 11, None)]
)
def test_only_digits_are_an_id(text, number):
    assert id_number(text) == number


def test_an_id_below_0_is_one_where_the_psa_has_them():
    assert (id_number("-7", negative=True), id_number("--7", negative=True)) == (-7, None)


def test_a_record_on_two_pages_is_no_whole_list():
    listed = {1, 2}

    with pytest.raises(UnexpectedPayloadError, match="main: /lines lists 2 twice"):
        note_once(listed, Payload([{"id": 3}, {"id": 2}]).items(), "main: /lines")


def test_a_list_has_what_the_psa_counts():
    see_whole({1, 2}, 2, "main: /lines")
    see_whole({1, 2}, None, "main: /lines")
    with pytest.raises(UnexpectedPayloadError, match="lists 2 records and counts 3"):
        see_whole({1, 2}, 3, "main: /lines")
