"""Values as properties of an entity."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from shared.adapters.tables.codec import LARGEST, PIECE, Codec
from shared.adapters.tables.intents import StoredIntent, _intent, _stored
from shared.domain.agreements import (
    AddProrata,
    AdjustQuantity,
    Agreement,
    EndLine,
    RemoveLine,
    SetPrice,
    SetQuantity,
)
from shared.domain.customers import Customer
from shared.domain.errors import OperatorActionError
from shared.domain.ledger import InForce
from shared.domain.mappings import BillingProfile, PriceKind, PricePolicy
from tests.builders import (
    AGREEMENT,
    BUSINESS_PREMIUM,
    E5,
    LINE,
    NOW,
    TODAY,
    a_customer,
    a_profile,
    an_agreement,
    an_intent,
    dollars,
)


@dataclass(frozen=True, slots=True)
class Note:
    text: str


@dataclass(frozen=True, slots=True)
class NoteWithMore:
    text: str
    author: str = "nobody"


NOTES = Codec[Note](Note, "a note")


def test_properties_are_json_and_its_form():
    assert NOTES.encode(Note("ä")) == {"schema": 1, "data": '{"text":"ä"}'}


def test_decimals_keep_their_digits():
    codec = Codec[BillingProfile](BillingProfile, "a profile")
    profile = a_profile(price=PricePolicy(PriceKind.FIXED, dollars("31.100")))

    amount = codec.decode(codec.encode(profile)).price.amount

    assert isinstance(amount, Decimal)
    assert str(amount) == "31.100"


def test_moments_keep_their_time_in_utc():
    codec = Codec[Agreement](Agreement, "a header")
    read_at = datetime(2026, 3, 17, 10, 30, 0, 123456, tzinfo=timezone(timedelta(hours=1)))

    found = codec.decode(codec.encode(an_agreement(read_at=read_at))).read_at

    assert found == read_at
    assert found.astimezone(UTC).isoformat() == "2026-03-17T09:30:00.123456+00:00"


def test_sets_and_tuples_keep_their_kinds():
    codec = Codec[Customer](Customer, "a customer")

    found = codec.decode(codec.encode(a_customer(split=[E5, BUSINESS_PREMIUM])))

    assert found.split == frozenset({E5, BUSINESS_PREMIUM})
    assert isinstance(found.split, frozenset)


def test_operations_that_look_alike_stay_what_they_are():
    codec = Codec[StoredIntent](StoredIntent, "an intent")
    operations = (
        SetQuantity(AGREEMENT, LINE, 1, 2),
        AdjustQuantity(AGREEMENT, LINE, 1, 2, TODAY),
        AddProrata(AGREEMENT, LINE, 1, 2, TODAY),
        SetPrice(AGREEMENT, LINE, dollars("1"), dollars("2")),
        RemoveLine(AGREEMENT, LINE),
        EndLine(AGREEMENT, LINE, None),
    )

    found = _intent(codec.decode(codec.encode(_stored(an_intent(operations=operations)))))

    assert found.operations == operations


def test_long_text_is_cut_into_properties_that_fit():
    properties = NOTES.encode(Note("🏥" * 40_000))

    pieces = [value for name, value in properties.items() if name != "schema"]
    assert len(pieces) == 3
    assert all(len(piece) <= PIECE for piece in pieces)
    assert all(len(piece.encode("utf-16-le")) <= 64 * 1024 for piece in pieces)
    assert NOTES.decode(properties) == Note("🏥" * 40_000)


def test_a_value_larger_than_an_entity_is_refused():
    around = len('{"text":""}')
    fits = LARGEST // 2 - around

    NOTES.encode(Note("x" * fits))
    with pytest.raises(OperatorActionError, match="a note is too large to store"):
        NOTES.encode(Note("x" * (fits + 1)))


def test_a_field_that_a_later_release_added_takes_its_default():
    later = Codec[NoteWithMore](NoteWithMore, "a note")

    assert later.decode(NOTES.encode(Note("old"))) == NoteWithMore("old", "nobody")


def test_a_field_that_a_later_release_added_does_not_stop_an_earlier_one():
    later = Codec[NoteWithMore](NoteWithMore, "a note")

    assert NOTES.decode(later.encode(NoteWithMore("new", "me"))) == Note("new")


@pytest.mark.parametrize("form", [2, "1", None])
def test_a_form_of_another_release_is_refused(form):
    with pytest.raises(OperatorActionError, match="run the newer version"):
        NOTES.decode({"schema": form, "data": json.dumps({"text": "x"})})


@pytest.mark.parametrize(
    "data", ['{"text": 5}', "{}", "", "[", '{"text": null}'], ids=lambda data: data or "nothing"
)
def test_damage_is_an_error_that_quotes_nothing(data):
    with pytest.raises(OperatorActionError, match="a note is stored damaged"):
        NOTES.decode({"schema": 1, "data": data})


@pytest.mark.parametrize("seats", ['"5"', "5.0", "true"])
def test_what_looks_like_a_number_is_not_taken_for_one(seats):
    codec = Codec[InForce](InForce, "seats in force")

    with pytest.raises(OperatorActionError, match="seats"):
        codec.decode({"schema": 1, "data": f'{{"day": "2026-03-17", "seats": {seats}}}'})


def test_a_number_is_not_taken_for_an_agreement_id():
    codec = Codec[Agreement](Agreement, "a header")
    stored = codec.encode(an_agreement())
    data = json.loads(stored["data"]) | {"agreement_id": 7001, "read_at": NOW.isoformat()}

    with pytest.raises(OperatorActionError, match="agreement_id"):
        codec.decode({"schema": 1, "data": json.dumps(data)})
