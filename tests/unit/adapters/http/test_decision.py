"""When a call may be sent again, and which error a failure is: tables."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from shared.adapters.http.decision import (
    DEFAULT_WAIT,
    QUERY,
    Garbled,
    NoAnswer,
    Refusal,
    Sent,
    changed_nothing,
    error_for,
    header,
    may_repeat_now,
    safe_text,
    wait_asked,
)
from shared.domain.errors import (
    AccessDeniedError,
    RateLimitError,
    RequestRefusedError,
    UnexpectedPayloadError,
    UnknownOutcomeError,
    UpstreamUnavailableError,
)
from tests.builders import NOW

NEVER_SENT = NoAnswer(sent=False, timed_out=False, reason="no connection")
NO_CONNECTION_IN_TIME = NoAnswer(sent=False, timed_out=True, reason="no connection")
DROPPED = NoAnswer(sent=True, timed_out=False, reason="the connection broke")
TIMED_OUT = NoAnswer(sent=True, timed_out=True, reason="no answer in time")
GARBLED = Garbled(200, "it holds an HTML page")

# failure → did a write certainly change nothing, the error of a read, the error of a write
TABLE = [
    (NEVER_SENT, True, UpstreamUnavailableError, UpstreamUnavailableError),
    (NO_CONNECTION_IN_TIME, True, UpstreamUnavailableError, UpstreamUnavailableError),
    (DROPPED, False, UpstreamUnavailableError, UnknownOutcomeError),
    (TIMED_OUT, False, UpstreamUnavailableError, UnknownOutcomeError),
    (GARBLED, False, UnexpectedPayloadError, UnknownOutcomeError),
    (Refusal(302), False, UnexpectedPayloadError, UnknownOutcomeError),
    (Refusal(400), True, RequestRefusedError, RequestRefusedError),
    (Refusal(401), True, AccessDeniedError, AccessDeniedError),
    (Refusal(403), True, AccessDeniedError, AccessDeniedError),
    (Refusal(404), True, RequestRefusedError, RequestRefusedError),
    (Refusal(408), False, UpstreamUnavailableError, UnknownOutcomeError),
    (Refusal(409), True, RequestRefusedError, RequestRefusedError),
    (Refusal(422), True, RequestRefusedError, RequestRefusedError),
    (Refusal(429), True, RateLimitError, RateLimitError),
    (Refusal(500), False, UpstreamUnavailableError, UnknownOutcomeError),
    (Refusal(502), False, UpstreamUnavailableError, UnknownOutcomeError),
    (Refusal(503), False, UpstreamUnavailableError, UnknownOutcomeError),
    (Refusal(504), False, UpstreamUnavailableError, UnknownOutcomeError),
]
READS = ["GET", "HEAD", QUERY]
WRITES = ["POST", "PUT", "PATCH", "DELETE"]


def sent(method: str, request_id: str = "") -> Sent:
    return Sent("main", method, "/things/7", request_id)


@pytest.mark.parametrize("method", READS)
@pytest.mark.parametrize("failure", [row[0] for row in TABLE], ids=str)
def test_a_read_never_changes_anything(method, failure):
    assert changed_nothing(method, failure)


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize(("failure", "nothing"), [row[:2] for row in TABLE], ids=str)
def test_a_write_changed_nothing_only_where_that_is_certain(method, failure, nothing):
    assert changed_nothing(method, failure) is nothing


@pytest.mark.parametrize("method", READS)
@pytest.mark.parametrize(("failure", "error"), [(r[0], r[2]) for r in TABLE], ids=str)
def test_a_failed_read_is_this_error(method, failure, error):
    assert type(error_for(sent(method), failure, "Check the keys.")) is error


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize(("failure", "error"), [(r[0], r[3]) for r in TABLE], ids=str)
def test_a_failed_write_is_this_error(method, failure, error):
    assert type(error_for(sent(method), failure, "Check the keys.")) is error


@pytest.mark.parametrize(
    ("method", "failure", "tries", "again"),
    [
        ("GET", DROPPED, 1, True),
        (QUERY, DROPPED, 1, True),
        ("GET", NEVER_SENT, 1, True),
        ("GET", DROPPED, 2, False),
        ("GET", TIMED_OUT, 1, False),
        ("GET", NO_CONNECTION_IN_TIME, 1, False),
        ("GET", Refusal(503), 1, False),
        ("GET", Refusal(429), 1, False),
        ("GET", GARBLED, 1, False),
        ("POST", NEVER_SENT, 1, True),
        ("POST", NEVER_SENT, 2, False),
        ("POST", DROPPED, 1, False),
        ("PATCH", DROPPED, 1, False),
        ("DELETE", TIMED_OUT, 1, False),
        ("PATCH", Refusal(429), 1, False),
    ],
)
def test_only_a_broken_connection_is_tried_again_at_once(method, failure, tries, again):
    assert may_repeat_now(method, failure, tries) is again


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("17", 17),
        (" 17 ", 17),
        ("1.5", 1.5),
        ("0", 1),
        ("3600", 3600),
        ("86400", 3600),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 1),
        (format_datetime(NOW + timedelta(days=1), usegmt=True), 3600),
    ],
)
def test_retry_after_is_understood(value, seconds):
    assert wait_asked(value, NOW) == timedelta(seconds=seconds)


BEYOND_TIME = ("Tue, 99 Foo", "Mon, 01 Jan 99999999999 00:00:00 GMT")


@pytest.mark.parametrize("value", [None, "", "soon", "-5", "1e9", "9" * 40, "NaN", *BEYOND_TIME])
def test_another_retry_after_says_nothing(value):
    assert wait_asked(value, NOW) is None


def test_without_a_retry_after_the_wait_is_30_seconds():
    error = error_for(sent("GET"), Refusal(429), "")

    assert isinstance(error, RateLimitError)
    assert (error.connection, error.retry_after) == ("main", DEFAULT_WAIT)
    assert timedelta(seconds=30) == DEFAULT_WAIT


def test_a_given_wait_is_kept():
    error = error_for(sent("PATCH"), Refusal(429, retry_after=timedelta(seconds=4)), "")

    assert isinstance(error, RateLimitError)
    assert error.retry_after == timedelta(seconds=4)


def test_an_error_names_connection_call_status_words_and_request():
    error = error_for(sent("PATCH", "request-9"), Refusal(400, "quantity is wrong"), "")

    assert str(error) == "main: PATCH /things/7: 400: quantity is wrong (request request-9)"


def test_a_reading_post_is_called_a_post():
    assert str(error_for(sent(QUERY), Refusal(400), "")) == "main: POST /things/7: 400"


def test_the_connection_is_named_once():
    assert str(error_for(sent("GET"), DROPPED, "")) == "main: GET /things/7: the connection broke"


def test_denied_access_says_what_to_do():
    error = error_for(sent("GET"), Refusal(403), "Renew the key.")

    assert isinstance(error, AccessDeniedError)
    assert error.remedy == "Renew the key."


def test_headers_are_found_whatever_their_case():
    assert header({"retry-AFTER": "5"}, "Retry-After") == "5"
    assert header({}, "Retry-After") is None


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("one\r\n two\x00\x1b[31m", "one two [31m"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
        (None, ""),
        ({"message": "no"}, ""),
    ],
)
def test_an_apis_words_are_one_short_line(given, shown):
    assert safe_text(given) == shown


def test_a_refusals_body_is_not_in_its_repr():
    assert "secret" not in repr(Refusal(400, body={"name": "secret"}))
