"""HTTP triggers on the local host."""

import socket
import sys
import time
from collections.abc import Callable
from statistics import median

import pytest
import requests

pytestmark = pytest.mark.stack


def test_a_request_arrives_as_azure_sends_it(host):
    answer = host.call(
        "POST",
        "/API/Echo/a/b%20c/d%2Fe/?x=1&X=2&y=&z=%C3%BC",
        data=b"hello",
        headers={"X-Thing": "One"},
    )

    seen = answer.json()
    assert seen["route"] == {"rest": "a/b c/d%2Fe"}
    assert seen["params"] == {"x": "1,2", "z": "ü"}
    assert seen["headers"]["x-thing"] == "One"
    assert seen["body"] == "hello"
    assert seen["url"].endswith("/API/Echo/a/b%20c/d%2Fe/?x=1&X=2&y=&z=%C3%BC")


def test_each_cookie_is_sent_with_a_path_and_percent_encoded(host):
    raw = host.call("GET", "/api/echo").raw.headers.getlist("set-cookie")

    assert raw == ["a=1; HttpOnly; Path=/; SameSite=Lax", "b=2%3D%3D; Path=/echo"]


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/api/items/5", 201, "items_by_number 5"),
        ("GET", "/api/items/950", 200, "special"),
        ("DELETE", "/api/items/950", 200, "special"),
        ("DELETE", "/api/items/5", 404, ""),
        ("GET", "/api/items/five", 404, ""),
        ("PUT", "/api/echo/x", 404, ""),
        ("GET", "/api/no-such-route", 404, ""),
        ("GET", "/items/5", 404, ""),
        ("GET", "/api/broken", 500, ""),
        ("GET", "/api/nothing", 500, ""),
        ("GET", "/admin/functions/tick", 404, ""),
        ("POST", "/admin/functions/no_such_function", 404, ""),
    ],
)
def test_status_and_body(host, method, path, status, body):
    answer = host.call(method, path)

    assert (answer.status_code, answer.text) == (status, body)


def test_an_exception_is_logged_with_its_traceback_and_not_sent(host):
    host.call("GET", "/api/broken?secret=yes")

    assert "planted failure" in host.log()
    assert "in broken" in host.log()
    assert "secret" not in host.log()


def test_a_body_without_a_length_is_dropped_as_in_azure(host):
    answer = host.call("POST", "/api/echo", data=iter([b"chunk"]))

    assert answer.json()["body"] == ""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second loopback address")
def test_the_host_listens_on_one_loopback_address_only(host):
    with socket.socket() as probe:
        probe.settimeout(2)
        assert probe.connect_ex(("127.0.0.2", host.ports[-1])) != 0


def test_the_status_names_the_functions(host):
    status = host.call("GET", "/admin/host/status").json()

    assert status["state"] == "Running"
    assert {"echo", "work", "tick"} <= set(status["functions"])


def test_a_kept_connection_is_answered_at_once(host):
    with requests.Session() as session:
        url = f"http://127.0.0.1:{host.ports[-1]}/api/items/5"
        session.get(url, timeout=5)
        seconds = [timed(lambda: session.get(url, timeout=5)) for _ in range(30)]

    # Delayed acknowledgements would cost 40 ms each; a busy machine delays a few.
    assert median(seconds) < 0.03


def timed(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began
