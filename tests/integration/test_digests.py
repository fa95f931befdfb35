"""Alerts reach people on the real stack: raised by a sync, told once by the timer."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.integration.stack import Stack, stack_in

pytestmark = pytest.mark.stack


class Workflow(ThreadingHTTPServer):
    """A Teams workflow's webhook."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.cards: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/w1?sig=signature"

    def texts(self) -> list[str]:
        return [" ".join(block["text"] for block in card["body"]) for card in self.cards]


class _Hook(BaseHTTPRequestHandler):
    server: Workflow

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.cards.append(body["attachments"][0]["content"])
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the handler's own
        del format, args


@pytest.fixture
def workflow() -> Iterator[Workflow]:
    workflow = Workflow()
    thread = threading.Thread(target=workflow.serve_forever, daemon=True)
    thread.start()
    yield workflow
    workflow.shutdown()
    workflow.server_close()
    thread.join()


@pytest.fixture
def stack(tmp_path: Path, workflow: Workflow) -> Iterator[Stack]:
    """Contoso, which nobody has mapped, and somebody in Teams."""
    with stack_in(tmp_path) as stack:
        stack.environment |= {
            "NOTIFY__chat__CHANNEL": "teams",
            "NOTIFY__chat__URL": workflow.url,
        }
        stack.start_host()
        yield stack


def test_an_alert_is_told_once_by_two_hosts_and_comes_back_when_its_matter_changes(
    stack: Stack, workflow: Workflow
):
    routing = {"kinds": {"missing_profile": "at_once"}}
    assert stack.put("/api/settings", {"alert_routing": routing}).status_code == 200
    stack.host.fire("send_digests")
    assert workflow.cards == []
    tenant = stack.contoso(seats=10)
    customer_id = stack.add_customer(tenant)
    stack.sync(customer_id)
    first, second = stack.host, stack.start_host()

    for host in (first, second, first):
        host.fire("send_digests")
    stack.eventually(lambda: workflow.cards or None)
    stack.host.fire("send_digests")

    [text] = workflow.texts()
    assert "has 10 seats and no billing profile" in text
    [alert] = stack.get("/api/alerts?kind=missing_profile").json()["items"]
    assert stack.get("/api/health").json()["notifiers"] == {"chat": "ok"}

    path = f"/api/alerts/{alert['alert_id']}/dismiss"
    assert stack.post(path, {"reason": "a test tenant", "days": 14}).status_code == 200
    stack.sync(customer_id)
    assert stack.get("/api/alerts").json()["items"] == []
    [dismissed] = stack.get("/api/alerts?state=dismissed").json()["items"]
    assert dismissed["dismissal"]["reason"] == "a test tenant"

    [subscription] = tenant.subscriptions
    stack.buy(tenant, subscription.sku_id, 2)
    stack.sync(customer_id)
    assert [one["state"] for one in stack.get("/api/alerts").json()["items"]][:1] == ["open"]
    stack.host.fire("send_digests")
    stack.eventually(lambda: len(workflow.cards) > 1 or None)
    assert "has 12 seats" in workflow.texts()[-1]
