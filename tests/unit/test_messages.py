"""Queue messages as JSON."""

import json
from dataclasses import replace
from datetime import date

import pytest

from shared.domain.descriptions import LineText, RowText, UserList
from shared.domain.errors import BadMessageError
from shared.domain.foreign_lines import LineEnding
from shared.domain.mappings import DescriptionOptions, Usernames
from shared.messages import decode_license, decode_tenant, encode
from tests.builders import (
    CUSTOMER,
    E5_ROW,
    LINE,
    OTHER_CUSTOMER,
    a_license_sync,
    a_tenant_sync,
    an_agreement,
)

A_TEXT = LineText(
    rows=(
        RowText(
            E5_ROW,
            "Microsoft 365 E5",
            DescriptionOptions(usernames=Usernames.COMMA),
            ends=date(2027, 5, 12),
            users=UserList(("Ann Abel",), 2),
        ),
    ),
    product_name="Microsoft 365 E5",
    limit=6000,
)
AN_ENDING = LineEnding(LINE, "ACME-501", None, date(2026, 3, 31), "E5 (ACME-501)", "moving")
LICENSE = json.loads(encode(a_license_sync(agreement=an_agreement())))
TENANT = json.loads(encode(a_tenant_sync()))


@pytest.mark.parametrize(
    "message",
    [
        a_tenant_sync(),
        a_tenant_sync(customer_ids=(CUSTOMER, OTHER_CUSTOMER), row_id=E5_ROW, attempt=7),
        a_tenant_sync(agreements=(an_agreement(), an_agreement("7009", cycle=None, problem="ä"))),
    ],
)
def test_a_tenants_message_comes_back(message):
    assert decode_tenant(encode(message)) == message
    assert decode_tenant(encode(message).encode()) == message


@pytest.mark.parametrize(
    "message",
    [
        a_license_sync(),
        a_license_sync(agreement=an_agreement(), approval_id="abc", attempt=2),
        a_license_sync(agreement=an_agreement(cycle=None, starts=None, problem="ä")),
        a_license_sync(undo_of="change-1", text=A_TEXT),
        replace(a_license_sync(), ending=AN_ENDING),
    ],
)
def test_a_line_groups_message_comes_back(message):
    assert decode_license(encode(message)) == message


def test_messages_say_their_version():
    assert TENANT["version"] == 1
    assert LICENSE["version"] == 1


def test_what_may_be_left_out_is_left_out():
    optional = {"row_id", "agreements", "attempt", "traceparent"}
    short = {name: TENANT[name] for name in TENANT if name not in optional}

    assert decode_tenant(json.dumps(short)) == a_tenant_sync()


def test_messages_of_before_they_carried_a_trace_are_read():
    for message, decode in ((TENANT, decode_tenant), (LICENSE, decode_license)):
        earlier = {name: value for name, value in message.items() if name != "traceparent"}
        assert len(earlier) == len(message) - 1

        assert decode(json.dumps(earlier)).traceparent is None


def test_a_trace_comes_back_whatever_it_is():
    for carried in ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "", "ä"):
        assert (
            decode_tenant(encode(replace(a_tenant_sync(), traceparent=carried))).traceparent
            == carried
        )


def test_a_header_without_a_time_zone_is_refused():
    naive = [{**LICENSE["agreement"], "read_at": "2026-03-17T09:30:00"}]

    with pytest.raises(BadMessageError, match="read_at: without a time zone"):
        decode_tenant(json.dumps({**TENANT, "agreements": naive}))


@pytest.mark.parametrize("name", ["version", "run_id", "tenant_id", "microsoft", "customer_ids"])
def test_a_missing_field_is_named(name):
    with pytest.raises(BadMessageError, match=f"{name}: missing"):
        decode_tenant(json.dumps({key: TENANT[key] for key in TENANT if key != name}))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"version": 2}, "version"),
        ({"version": "1"}, "version"),
        ({"run_id": 17}, "run_id"),
        ({"attempt": "1"}, "attempt"),
        ({"attempt": 0}, "attempt"),
        ({"attempt": True}, "attempt"),
        ({"agreement": {}}, "agreement.agreement_id"),
        ({"agreement": {**LICENSE["agreement"], "active": "yes"}}, "agreement.active"),
        ({"agreement": {**LICENSE["agreement"], "starts": "soon"}}, "agreement.starts"),
        ({"agreement": {**LICENSE["agreement"], "read_at": "2026-03-17T09:30:00"}}, "agreement"),
        ({"agreement": {**LICENSE["agreement"], "cycle": {"anchor": "2026-01-01"}}}, "months"),
        (
            {"agreement": {**LICENSE["agreement"], "cycle": {"anchor": "2026-01-01", "months": 0}}},
            "agreement",
        ),
    ],
)
def test_a_wrong_field_is_named(changed, named):
    with pytest.raises(BadMessageError, match=named):
        decode_license(json.dumps({**LICENSE, **changed}))


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({**LICENSE, "s3cret": "s3cret"}),
        json.dumps({**LICENSE, "attempt": "s3cret"}),
        json.dumps({**LICENSE, "agreement": "s3cret"}),
        json.dumps({**LICENSE, "agreement": {**LICENSE["agreement"], "s3cret": 1}}),
        "s3cret",
        '{"s3cret"',
    ],
)
def test_the_reason_quotes_nothing_of_the_body(body):
    with pytest.raises(BadMessageError) as caught:
        decode_license(body)

    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"null", b"[]", b"1", b'"x"', b"{"])
def test_what_is_not_a_message_is_refused(body):
    with pytest.raises(BadMessageError):
        decode_tenant(body)


def test_a_message_of_the_other_queue_is_refused():
    with pytest.raises(BadMessageError):
        decode_tenant(encode(a_license_sync()))
    with pytest.raises(BadMessageError):
        decode_license(encode(a_tenant_sync()))
