"""What the app sends to Application Insights, by the real exporter, from the real stack."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from local.simulators.connectwise.builders import an_addition
from local.simulators.microsoft.builders import a_user
from local.simulators.microsoft.state import Tenant
from shared.signals import EVENTS, METRICS, SPANS, Signal
from tests.integration.insights import Insights, Sent, insights
from tests.integration.scenes import ROW
from tests.integration.stack import BUSINESS_PREMIUM, Stack, stack_in

pytestmark = pytest.mark.stack

WRITE = "call connectwise.additions.patch"
CYCLE = "function start_sync_cycle"
OF_THE_EXPORTER = {
    "_MS.links",
    "code.file.path",
    "code.function.name",
    "code.line.number",
    "error.type",
    "event",
    "logger_name",
}
PERSON = "Zoraida Quillfeather"
MAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]")


@pytest.fixture
def received() -> Iterator[Insights]:
    with insights() as found:
        yield found


@pytest.fixture
def stack(tmp_path: Path, received: Insights) -> Iterator[Stack]:
    with stack_in(tmp_path) as running:
        running.environment |= received.environment
        yield running


def billed(stack: Stack) -> tuple[Tenant, str]:
    """Return Contoso, whose invoices name a user, with its line adopted, and its customer id."""
    tenant = stack.contoso(seats=10)
    tenant.users = [a_user(PERSON, sku_ids=[BUSINESS_PREMIUM])]
    stack.psa.seed(additions=[an_addition(501, quantity=10)])
    customer_id = stack.add_customer(tenant)
    stack.map_row(customer_id, ROW, stack.add_profile(), description={"usernames": "comma"})
    stack.sync(customer_id)
    return tenant, customer_id


def ancestors(span: Sent, of: dict[str, Sent]) -> list[str]:
    """Return the names of what a span belongs to, the nearest first."""
    found = []
    while span.parent in of:
        span = of[span.parent]
        found.append(span.name)
    return found


def fields_of(kinds: tuple[type[Signal], ...]) -> set[str]:
    return {one.name for kind in kinds for one in fields(kind)}


def test_what_a_cycle_and_a_sync_now_send_is_one_trace_each_and_names_nobody(
    stack: Stack, received: Insights
):
    tenant, customer_id = billed(stack)
    stack.buy(tenant, BUSINESS_PREMIUM, 2)
    stack.host.fire("start_sync_cycle")
    stack.eventually(lambda: stack.lines()[0] == (12, "2026-01-01", None))
    stack.idle()
    stack.buy(tenant, BUSINESS_PREMIUM, 3)
    stack.sync(customer_id)
    stack.host.fire("close_runs")
    stack.eventually(lambda: _all_is_told(received))

    writes = [one for one in received.spans if one.name == WRITE]
    traces = list(dict.fromkeys(one.trace for one in writes))
    _, cycle, _ = traces  # the first writes the text that names the user
    for one in writes:
        waited = one.trace != cycle
        worked = [
            "group.write",
            "function sync_now" if waited else "function sync_license",
            "customer.plan",
            "function sync_now" if waited else "function sync_tenant",
        ]
        begun = ["function sync_customer_now"] if waited else ["run.start", CYCLE]
        assert ancestors(one, received.spans_of(one.trace)) == [*worked, *begun]
        assert one.properties["connection"] == "psa/main"
        assert (one.properties["status"], one.properties["attempt"]) == ("200", "1")
    for spans in map(received.spans_of, traces):
        assert len([one for one in spans.values() if one.parent not in spans]) == 1
    written = [one for one in received.events if one.name == "change_written"]
    assert [one.trace for one in written] == traces
    assert {one.properties["customer_id"] for one in written} == {customer_id}

    assert PERSON in str(stack.psa.dump())
    for secret in _secrets(stack):
        assert secret not in received.text, secret
    for person in (*PERSON.split(), "developer", "Contoso"):
        assert person.lower() not in received.text.lower(), person
    assert MAIL.search(received.text) is None
    assert "://" not in received.text
    _only_what_is_written_down(received)


def _all_is_told(received: Insights) -> bool:
    """Whether all runs are closed, and numbers and spans have come too."""
    closed = [one.properties["reason"] for one in received.events if one.name == "run_closed"]
    numbers = {one.name for one in received.numbers}
    spans = [one.name for one in received.spans]
    return (
        sorted(closed) == ["scheduled", "sync_now", "sync_now"]
        and numbers >= {"seatsync.seats", "seatsync.changes", "seatsync.queue_age"}
        and "function close_runs" in spans
        and "function sync_customer_now" in spans
    )


def _only_what_is_written_down(received: Insights) -> None:
    titles = [re.escape(one.NAME).replace(r"\{", "{").replace(r"\}", "}") for one in SPANS]
    known = re.compile("|".join(re.sub(r"{\w+}", r"[A-Za-z_.]+", one) for one in titles))
    assert {one.name for one in received.spans if not known.fullmatch(one.name)} == set()
    assert {one.name for one in received.numbers} <= {one.NAME for one in METRICS}
    assert {one.name for one in received.events} <= {one.NAME for one in EVENTS}
    for told, kinds in (
        (received.spans, SPANS),
        (received.numbers, METRICS),
        (received.events, EVENTS),
    ):
        names = {name for one in told for name in one.properties}
        assert names - fields_of(kinds) - OF_THE_EXPORTER == set()


def _secrets(stack: Stack) -> list[str]:
    words = ("SECRET", "KEY", "TOKEN")
    found = [value for name, value in stack.environment.items() if name.endswith(words)]
    assert found
    return found
