"""Numbers stay as they are written, in and out."""

import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import exact_json


@pytest.mark.parametrize("number", ["0.10", "0.1", "10.00", "-3.330", "0.00", "1234567890.12345"])
def test_a_decimal_keeps_its_digits(number):
    assert exact_json.dumps({"unitPrice": Decimal(number)}) == f'{{"unitPrice":{number}}}'


def test_an_exponent_is_written_out():
    assert exact_json.dumps([Decimal("1E+3"), Decimal("5E-3")]) == "[1000,0.005]"


@pytest.mark.parametrize("value", [0.1, float("nan"), {1, 2}, object(), {1: "one"}, [b"bytes"]])
def test_what_json_cannot_say_exactly_is_refused(value):
    with pytest.raises(TypeError):
        exact_json.dumps({"value": value})


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match="not a JSON number"):
        exact_json.dumps(Decimal(value))


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[Infinity]", "<html>", "[" * 100_000, "1e99999999999999999999"]
)
def test_other_text_is_not_json(text):
    with pytest.raises(ValueError):
        exact_json.loads(text)


@pytest.mark.parametrize("text", ["1e999999999", "1e-309", "1.5e309", "0." + "1" * 400])
def test_a_number_that_would_fill_the_memory_when_written_is_refused(text):
    with pytest.raises(ValueError, match="beyond all measure"):
        exact_json.loads(text)


def test_fractions_are_read_as_decimal_and_whole_numbers_as_int():
    assert exact_json.loads(b'\xef\xbb\xbf{"a": 0.10, "b": 7}') == {"a": Decimal("0.10"), "b": 7}
    assert str(exact_json.loads("0.10")) == "0.10"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False, places=4),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    max_leaves=10,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON)
def test_what_was_written_reads_the_same(value):
    text = exact_json.dumps(value)

    assert exact_json.loads(text) == value
    json.loads(text)  # the standard library takes it too
