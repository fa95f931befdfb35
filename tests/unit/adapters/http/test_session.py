"""The session: one try or two, values or errors, and nothing secret anywhere."""

import logging
import ssl
from decimal import Decimal

import pytest
import requests
from requests.exceptions import ConnectionError as BrokenConnection
from requests.exceptions import ConnectTimeout, ProxyError, ReadTimeout
from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

from shared.adapters.http.decision import Refusal, Sent
from shared.adapters.http.session import Timeout, base_url, pooled_http, segment
from shared.domain.errors import (
    AccessDeniedError,
    NotFoundError,
    RateLimitError,
    RequestRefusedError,
    SeatsyncError,
    SettingsError,
    UnexpectedPayloadError,
    UnknownOutcomeError,
    UpstreamUnavailableError,
)
from tests.unit.adapters.http.conftest import BASE, Bench

REFUSED_CONNECTION = BrokenConnection(
    MaxRetryError(None, "/", NewConnectionError(None, "refused"))  # type: ignore[arg-type]
)
BAD_CERTIFICATE = requests.exceptions.SSLError(
    MaxRetryError(None, "/", SSLError(ssl.SSLCertVerificationError("expired")))  # type: ignore[arg-type]
)
BROKEN_TLS = requests.exceptions.SSLError(SSLError("EOF occurred in violation of protocol"))
HTML = "<!DOCTYPE html><html>Jane Doe</html>"


def test_a_read_returns_exact_numbers(bench):
    bench.api.answers('{"quantity": 10.00, "unitPrice": 0.10}')

    body = bench.session().get_json("/lines/501", {"fields": "quantity,unitPrice"}, kind="lines")

    assert body == {"quantity": Decimal("10.00"), "unitPrice": Decimal("0.10")}
    request = bench.api.requests[0]
    assert (request.method, request.url) == (
        "GET",
        f"{BASE}/lines/501?fields=quantity%2CunitPrice",
    )
    assert bench.counted == [("lines", "GET", 200)]


def test_a_write_sends_exact_numbers(bench):
    bench.api.answers('{"id": 501}')

    body = bench.session().send_json("patch", "/lines/501", {"unitPrice": Decimal("0.10")})

    request = bench.api.requests[0]
    assert body == {"id": 501}
    assert (request.method, request.body) == ("PATCH", b'{"unitPrice":0.10}')
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(("content", "status"), [("", 204), ("", 200), (" \r\n", 200)])
def test_a_write_may_be_answered_with_nothing(bench, content, status):
    bench.api.answers(content, status)

    assert bench.session().send_json("DELETE", "/lines/501") is None


def test_a_reading_post_is_repeated_like_a_read(bench):
    bench.api.fails(BrokenConnection("reset"))
    bench.api.answers('{"responses": []}')

    assert bench.session().query_json("/$batch", {"requests": []}) == {"responses": []}
    assert [r.method for r in bench.api.requests] == ["POST", "POST"]
    assert bench.counted == [("query", "POST", None), ("query", "POST", 200)]


def test_headers_are_those_of_every_call_and_of_this_one(bench):
    bench.api.answers()
    session = bench.session(
        headers=lambda: {"Authorization": "Basic abc", "clientId": "1"},
        request_id_header="client-request-id",
    )

    session.get_json("/a", headers={"ConsistencyLevel": "eventual"})

    sent = bench.api.requests[0].headers
    assert sent["User-Agent"] == "Seatsync"
    assert sent["Authorization"] == "Basic abc"
    assert sent["clientId"] == "1"
    assert sent["ConsistencyLevel"] == "eventual"
    assert len(sent["client-request-id"]) == 36


def test_each_call_has_a_request_id_of_its_own_and_errors_name_it(bench):
    session = bench.session(request_id_header="client-request-id")
    for _ in range(2):
        bench.api.answers(status=404)
        with pytest.raises(RequestRefusedError) as caught:
            session.get_json("/a")
        assert bench.api.requests[-1].headers["client-request-id"] in str(caught.value)

    assert len({r.headers["client-request-id"] for r in bench.api.requests}) == 2


def test_time_outs_are_5_and_60_seconds_unless_told_otherwise(bench):
    bench.api.answers()
    bench.api.answers()

    bench.session().get_json("/a")
    bench.session(timeout=Timeout(1, 2)).get_json("/a")

    assert [options["timeout"] for options in bench.api.options] == [(5.0, 60.0), (1, 2)]


def test_a_netrc_never_replaces_our_authorization(bench, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.example login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    bench.api.answers()

    bench.session(headers=lambda: {"Authorization": "Bearer ours"}).get_json("/a")

    assert bench.api.requests[0].headers["Authorization"] == "Bearer ours"


def test_no_cookies_are_kept(bench):
    bench.api.answers(Set_Cookie="tenant=one; Path=/")
    bench.api.answers()
    session = bench.session()

    session.get_json("/a")
    session.get_json("/a")

    assert "Cookie" not in bench.api.requests[1].headers


# When the connection fails ----------------------------------------------------------------------


@pytest.mark.parametrize("error", [BrokenConnection("reset"), REFUSED_CONNECTION, BROKEN_TLS])
def test_a_read_is_tried_twice(bench, error):
    bench.api.fails(error, times=2)

    with pytest.raises(UpstreamUnavailableError) as caught:
        bench.session().get_json("/a")

    assert caught.value.connection == "main"
    assert caught.value.__cause__ is error
    assert len(bench.api.requests) == 2


def test_a_read_that_works_the_second_time_works(bench):
    bench.api.fails(BrokenConnection("reset"))
    bench.api.answers("[1]")

    assert bench.session().get_json("/a") == [1]


@pytest.mark.parametrize("error", [ReadTimeout("60 s"), ConnectTimeout("5 s")])
def test_a_read_is_not_repeated_after_a_time_out(bench, error):
    bench.api.fails(error)

    with pytest.raises(UpstreamUnavailableError):
        bench.session().get_json("/a")

    assert len(bench.api.requests) == 1


@pytest.mark.parametrize(
    "error",
    [
        BrokenConnection("reset"),
        ReadTimeout("60 s"),
        BROKEN_TLS,
        requests.exceptions.ChunkedEncodingError("half"),
        requests.exceptions.ContentDecodingError("gzip"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_that_may_have_been_sent_is_never_repeated(bench, method, error):
    bench.api.fails(error)

    with pytest.raises(UnknownOutcomeError) as caught:
        bench.session().send_json(method, "/lines/501", {"quantity": 12})

    assert len(bench.api.requests) == 1
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (REFUSED_CONNECTION, 2),
        (BAD_CERTIFICATE, 2),
        (ProxyError("tunnel"), 2),
        (ConnectTimeout("5 s"), 1),
    ],
)
def test_a_write_that_was_never_sent_may_run_again(bench, error, tries):
    bench.api.fails(error, times=tries)

    with pytest.raises(UpstreamUnavailableError):
        bench.session().send_json("PATCH", "/lines/501", {"quantity": 12})

    assert len(bench.api.requests) == tries


# When the answer is no success ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "read", "write"),
    [
        (301, UnexpectedPayloadError, UnknownOutcomeError),
        (400, RequestRefusedError, RequestRefusedError),
        (401, AccessDeniedError, AccessDeniedError),
        (403, AccessDeniedError, AccessDeniedError),
        (429, RateLimitError, RateLimitError),
        (500, UpstreamUnavailableError, UnknownOutcomeError),
        (503, UpstreamUnavailableError, UnknownOutcomeError),
    ],
)
@pytest.mark.parametrize("body", [HTML, '{"message": "no"}', ""])
def test_a_status_is_its_error_whatever_the_body(bench, status, read, write, body):
    bench.api.answers(body, status, Location="https://elsewhere.example/")
    bench.api.answers(body, status, Location="https://elsewhere.example/")
    session = bench.session()

    with pytest.raises(SeatsyncError) as of_read:
        session.get_json("/a")
    with pytest.raises(SeatsyncError) as of_write:
        session.send_json("POST", "/a", {})

    assert (type(of_read.value), type(of_write.value)) == (read, write)
    assert len(bench.api.requests) == 2


def test_a_redirect_is_not_followed(bench):
    bench.api.answers(status=302, Location="https://elsewhere.example/")

    with pytest.raises(UnexpectedPayloadError, match="302"):
        bench.session(headers=lambda: {"Authorization": "Bearer ours"}).get_json("/a")

    assert len(bench.api.requests) == 1


def test_the_wait_is_handed_on_and_never_slept(bench):
    bench.api.answers(status=429, Retry_After="17")

    with pytest.raises(RateLimitError) as caught:
        bench.session().send_json("PATCH", "/a", {})

    assert caught.value.retry_after.total_seconds() == 17


@pytest.mark.parametrize("body", [HTML, '{"value": [', "", " ", "[NaN]"])
def test_a_success_that_is_no_json_is_unexpected_for_a_read(bench, body):
    bench.api.answers(body)

    with pytest.raises(UnexpectedPayloadError) as caught:
        bench.session().get_json("/a")

    assert "Jane" not in str(caught.value)
    assert caught.value.__cause__ is None  # the parser's error would quote the body


@pytest.mark.parametrize("body", [HTML, '{"value": [', "[NaN]"])
def test_a_success_that_is_no_json_leaves_a_writes_outcome_unknown(bench, body):
    bench.api.answers(body)

    with pytest.raises(UnknownOutcomeError):
        bench.session().send_json("POST", "/a", {})


def test_the_vendors_words_are_shown_bounded(bench):
    bench.api.answers(f'{{"message": "quantity\\nis {"x" * 900}"}}', 400)

    with pytest.raises(RequestRefusedError) as caught:
        bench.session(error_text=lambda body: body["message"]).get_json("/a")

    assert "400: quantity is xxx" in str(caught.value)
    assert len(str(caught.value)) < 260


@pytest.mark.parametrize("body", ["[]", "5", '{"message": {"deep": 1}}', "null", '"text"'])
def test_an_odd_error_body_costs_only_the_words(bench, body):
    bench.api.answers(body, 400)

    with pytest.raises(RequestRefusedError, match=r"400$"):
        bench.session(error_text=lambda b: b["message"]).get_json("/a")


def test_an_adapter_may_know_a_status_better(bench):
    seen = []

    def on_status(sent: Sent, refusal: Refusal) -> SeatsyncError | None:
        seen.append((sent.method, sent.path, refusal.status, refusal.body))
        return NotFoundError("no such agreement") if refusal.status == 404 else None

    session = bench.session(on_status=on_status)
    bench.api.answers('{"code": "NotFound"}', 404)
    bench.api.answers("{}", 400)

    with pytest.raises(NotFoundError):
        session.get_json("/a", {"conditions": "name='Jane'"})
    with pytest.raises(RequestRefusedError):
        session.get_json("/a")
    assert seen[0] == ("GET", "/a", 404, {"code": "NotFound"})


def test_no_body_token_or_query_is_logged_or_raised(bench, caplog):
    caplog.set_level(logging.DEBUG)
    session = bench.session(headers=lambda: {"Authorization": "Bearer topsecret"})
    bench.api.answers('{"name": "Jane Doe"}')
    bench.api.answers('{"name": "Jane Doe"}', 400)
    bench.api.answers(HTML)

    session.get_json("/a", {"name": "Jane Doe"})
    errors = []
    for _ in range(2):
        with pytest.raises(SeatsyncError) as caught:
            session.send_json("POST", "/a", {"name": "Jane Doe"})
        errors.append(str(caught.value))

    told = caplog.text + "".join(errors)
    assert "main: GET /a: 200" in told
    assert not [word for word in ("Jane", "topsecret", "Bearer") if word in told]


# Pages ------------------------------------------------------------------------------------------


def _link(reply):
    return reply.json.get("next")


def _page(items: str, link: str | None = None) -> str:
    return (
        f'{{"items": {items}, "next": {"null" if link is None else f"{chr(34)}{link}{chr(34)}"}}}'
    )


def _read(bench: Bench) -> list:
    pages = bench.session().pages(
        "/a", {"$top": 2}, next_link=_link, headers={"ConsistencyLevel": "eventual"}, kind="a"
    )
    return [item for page in pages for item in page.json["items"]]


def test_links_are_followed_as_they_are_with_the_same_headers_past_empty_pages(bench):
    bench.api.answers(_page("[1]", f"{BASE}/a?$skiptoken=x%2By"))
    bench.api.answers(_page("[]", f"{BASE}/a?$skiptoken=z"))
    bench.api.answers(_page("[2]"))

    assert _read(bench) == [1, 2]
    assert [r.url for r in bench.api.requests[1:]] == [
        f"{BASE}/a?$skiptoken=x%2By",
        f"{BASE}/a?$skiptoken=z",
    ]
    assert {r.headers["ConsistencyLevel"] for r in bench.api.requests} == {"eventual"}


def test_a_link_that_comes_twice_is_refused(bench):
    for _ in range(3):
        bench.api.answers(_page("[1]", f"{BASE}/a?$skiptoken=x"))

    with pytest.raises(UnexpectedPayloadError, match="came twice"):
        _read(bench)

    assert len(bench.api.requests) == 2


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/v1/a",
        "http://api.example/v1/a",
        "https://api.example:8443/v1/a",
        "https://api.example.evil.example/v1/a",
        "https://api.example@evil.example/v1/a",
        "https://api.example/v2/a",
        "https://api.example/v1/../admin",
        "//elsewhere.example/v1/a",
        "/v1/a",
        "",
    ],
)
def test_a_link_to_another_place_gets_no_token(bench, link):
    bench.api.answers(_page("[1]", link))

    with pytest.raises(UnexpectedPayloadError, match="another address"):
        _read(bench)

    assert len(bench.api.requests) == 1


@pytest.mark.parametrize("link", ["HTTPS://API.example/v1/a", "https://api.example:443/v1/a"])
def test_the_same_address_in_other_letters_is_the_same(bench, link):
    assert bench.session().below_base(link) == "/a"


# Addresses --------------------------------------------------------------------------------------


def test_an_address_loses_the_slash_at_its_end():
    assert base_url(" https://api.example/v1/ ", "URL", development=False) == BASE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.example",
        "ftp://api.example",
        "https://",
        "https://user:password@api.example",
        "https://@api.example",
        "https://api.example?x=1",
        "https://api.example#x",
        "https://api.example:99999",
        "https://api .example",
        "javascript:alert(1)",
    ],
)
def test_other_text_is_no_address_and_the_error_names_the_setting(text):
    with pytest.raises(SettingsError, match=r"^PSA__main__URL: ") as caught:
        base_url(text, "PSA__main__URL", development=True)

    assert "password" not in str(caught.value)


def test_plain_http_is_for_development_only():
    assert base_url("http://127.0.0.1:7081", "URL", development=True) == "http://127.0.0.1:7081"
    with pytest.raises(SettingsError, match="Development"):
        base_url("http://127.0.0.1:7081", "URL", development=False)


def test_a_segment_holds_anything():
    assert segment("a/b ?#é") == "a%2Fb%20%3F%23%C3%A9"


def test_the_pool_is_as_large_as_asked_and_repeats_nothing():
    with pooled_http(7) as http:
        adapter = http.get_adapter("https://api.example")

        assert adapter._pool_maxsize == 7
        assert adapter.max_retries.total == 0
