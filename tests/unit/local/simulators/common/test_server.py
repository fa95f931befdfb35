"""A simulator behind a real socket: what ``requests`` sees when connections break."""

from __future__ import annotations

import threading

import pytest
import requests
from urllib3.exceptions import ProtocolError

from local.simulators.common.server import running

pytestmark = pytest.mark.enable_socket  # loopback only


@pytest.fixture
def served(make_toy):
    toy = make_toy()
    with running(toy.app) as url, toy.session:
        toy.url = url
        yield toy


def test_calls_and_pages_go_through(served):
    assert served.post({"name": "a"}).status_code == 201
    assert served.get().json() == {"items": [{"name": "a"}]}
    assert served.get("/_sim/health").json()["name"] == "toy"


@pytest.mark.parametrize(("kind", "things"), [("drop", []), ("lost_answer", [{"name": "a"}])])
def test_a_broken_connection_ends_without_an_answer(served, kind, things):
    served.get()  # so that the next call goes over a kept connection, the harder case
    served.break_with({"kind": kind, "times": 1})

    with pytest.raises(requests.exceptions.ConnectionError) as caught:
        served.post({"name": "a"})

    assert isinstance(caught.value.args[0], ProtocolError)
    assert served.vendor.things == things
    assert served.get().json() == {"items": things}


def test_one_broken_connection_leaves_the_others_alone(served):
    served.break_with(
        {"kind": "latency", "seconds": 0.2, "only_header": {"X-Slow": "1"}},
        {"kind": "drop", "only_header": {"X-Drop": "1"}},
    )
    slow: list[int] = []

    def call_slowly() -> None:
        response = requests.get(
            served.url + "/api/things", headers={"X-Key": "k", "X-Slow": "1"}, timeout=5
        )
        slow.append(response.status_code)

    thread = threading.Thread(target=call_slowly)
    thread.start()
    with pytest.raises(requests.exceptions.ConnectionError):
        served.get(headers={"X-Drop": "1"})
    thread.join()

    assert slow == [200]


def test_leaving_the_block_frees_the_port(make_toy):
    toy = make_toy()
    with running(toy.app) as url:
        port = int(url.rpartition(":")[2])
    with running(toy.app, port) as again:
        assert again == url
    with pytest.raises(requests.exceptions.ConnectionError):
        toy.session.get(url + "/_sim/health")


def test_a_taken_port_is_told(make_toy):
    toy = make_toy()
    with running(toy.app) as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), running(toy.app, port):
            pass
