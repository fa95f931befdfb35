"""A vendor's JSON is asked for by name and type, and errors name the field and never the value."""

import datetime as dt
from decimal import Decimal

import pytest

from shared.adapters.http.payload import Payload
from shared.domain.errors import UnexpectedPayloadError
from shared.exact_json import loads


def test_an_error_names_the_field_and_not_the_value():
    page = Payload(loads('{"value":[{"prepaidUnits":{"enabled":"Jane Doe"}}]}'))

    with pytest.raises(UnexpectedPayloadError) as caught:
        page["value"].items()[0]["prepaidUnits"]["enabled"].whole()

    assert str(caught.value) == "$.value[0].prepaidUnits.enabled: expected a whole number"


@pytest.mark.parametrize(
    ("json", "number"), [("5", 5), ("0", 0), ("-3", -3), ("10.00", 10), ("1e2", 100)]
)
def test_whole_numbers(json, number):
    value = Payload(loads(json)).whole()

    assert (value, type(value)) == (number, int)


@pytest.mark.parametrize(
    "json", ["2.5", "true", '"5"', "null", "[]", "{}", "1e300", "1" + "0" * 16]
)
def test_not_whole_numbers(json):
    with pytest.raises(UnexpectedPayloadError, match=r"^\$: expected a whole number$"):
        Payload(loads(json)).whole()


def test_a_count_is_not_negative():
    assert Payload(0).count() == 0
    with pytest.raises(UnexpectedPayloadError, match="0 or more"):
        Payload(-1).count()


@pytest.mark.parametrize(("json", "number"), [("0.10", "0.10"), ("7", "7"), ("-0.5", "-0.5")])
def test_decimals_keep_their_digits(json, number):
    assert str(Payload(loads(json)).decimal()) == number


@pytest.mark.parametrize("value", [True, "0.1", 0.1, None, [], 2**53, Decimal("-1e300")])
def test_not_decimals(value):
    with pytest.raises(UnexpectedPayloadError, match="a number"):
        Payload(value).decimal()


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-03-17", dt.date(2026, 3, 17)),
        ("2026-03-17T00:00:00Z", dt.date(2026, 3, 17)),
        ("2026-03-17T23:59:59.999+14:00", dt.date(2026, 3, 17)),
        (" 2026-03-17 ", dt.date(2026, 3, 17)),
    ],
)
def test_a_date_is_the_one_that_is_written(text, day):
    assert Payload(text).date() == day


@pytest.mark.parametrize("value", ["2026-02-30", "17/03/2026", "", "2026-3-17", 20260317, None])
def test_not_dates(value):
    with pytest.raises(UnexpectedPayloadError):
        Payload(value).date()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-17T09:30:00Z", dt.datetime(2026, 3, 17, 9, 30, tzinfo=dt.UTC)),
        ("2026-03-17T09:30:00", dt.datetime(2026, 3, 17, 9, 30, tzinfo=dt.UTC)),
        ("2026-03-17T09:30Z", dt.datetime(2026, 3, 17, 9, 30, tzinfo=dt.UTC)),
        ("2026-03-17T09:30:00.1234567Z", dt.datetime(2026, 3, 17, 9, 30, 0, 123456, dt.UTC)),
        ("2026-03-17T09:30:00.5", dt.datetime(2026, 3, 17, 9, 30, 0, 500000, dt.UTC)),
        ("2026-03-17T01:30:00-08:00", dt.datetime(2026, 3, 17, 9, 30, tzinfo=dt.UTC)),
        ("9999-12-31T23:59:59.9999999Z", dt.datetime(9999, 12, 31, 23, 59, 59, 999999, dt.UTC)),
    ],
)
def test_moments_of_edge_case_24_are_utc(text, moment):
    found = Payload(text).moment()

    assert (found, found.tzinfo) == (moment, dt.UTC)


@pytest.mark.parametrize(
    "value", ["2026-03-17", "2026-03-17T25:00:00Z", "9999-12-31T23:59:59-05:00", "soon", 5, None]
)
def test_not_moments(value):
    with pytest.raises(UnexpectedPayloadError, match="expected "):
        Payload(value).moment()


@pytest.mark.parametrize("kind", ["text", "whole", "count", "decimal", "flag", "day", "moment"])
def test_null_and_missing_are_none_where_they_may_be(kind):
    for payload in (Payload({"field": None})["field"], Payload({})["field"]):
        assert getattr(payload, f"{kind}_or_none")() is None
        with pytest.raises(UnexpectedPayloadError, match=r"^\$\.field: expected "):
            getattr(payload, kind)()


@pytest.mark.parametrize("kind", ["text", "whole", "count", "decimal", "flag", "day", "moment"])
def test_a_wrong_value_is_not_none(kind):
    with pytest.raises(UnexpectedPayloadError):
        getattr(Payload([1]), f"{kind}_or_none")()


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "1899-12-31", "9000-01-01", "9999-12-31"])
def test_periods_are_not_counted_from_a_date_that_is_none(text):
    with pytest.raises(UnexpectedPayloadError, match="a date of our time"):
        Payload(text).day()


def test_half_a_character_is_no_text():
    with pytest.raises(UnexpectedPayloadError, match="expected text"):
        Payload(loads('"\\ud800"')).text()


def test_a_record_is_in_a_list_once():
    assert len(Payload([{"id": 1}, {"id": 2}]).records()) == 2
    with pytest.raises(UnexpectedPayloadError, match="no record twice"):
        Payload([{"id": 1}, {"id": 1}]).records()


def test_a_record_is_the_one_that_was_asked_for():
    assert Payload({"id": 7}).record(7)["id"].whole() == 7
    with pytest.raises(
        UnexpectedPayloadError, match=r"^\$\.id: expected the record that was asked"
    ):
        Payload({"id": 8}).record(7)


def test_text_and_flags():
    assert Payload(" kept ").text() == " kept "
    assert Payload(False).flag() is False
    with pytest.raises(UnexpectedPayloadError, match="true or false"):
        Payload(0).flag()


def test_only_objects_have_fields_and_only_lists_items():
    with pytest.raises(UnexpectedPayloadError, match=r"^\$: expected an object$"):
        Payload([])["field"]
    with pytest.raises(UnexpectedPayloadError, match=r"^\$\.value: expected a list$"):
        Payload({"value": {}})["value"].items()


def test_texts_are_an_objects_plain_fields():
    assert Payload({"Retry-After": 5, "a": "b", "c": [1]}).texts() == {"Retry-After": "5", "a": "b"}
    assert Payload(None).texts() == {}


def test_a_value_says_what_it_is():
    assert Payload(None).is_null
    assert Payload({}).is_object
    assert not Payload([]).is_object
    assert Payload(Decimal("1.0")).value == Decimal("1.0")
