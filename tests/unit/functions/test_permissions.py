"""Every address and every kind of caller: closed unless signed in, and open to the right roles."""

import pytest

from shared import bootstrap
from tests.api_client import ADMIN, EDITOR, UNPROTECTED, VIEWER, Api, signed_in
from tests.unit.functions.test_routes import ROUTES

OPEN = {"check_app_health"}
FOR_ADMINS = {
    "import_everything",
    "replace_exclusions",
    "save_settings",
    "test_connection",
    "preview_ending_foreign_lines",
    "end_lines_of_another_tool",
}
FOR_VIEWERS = {name for (method, _), name in ROUTES.items() if method == "GET"} | {
    "preview_row_mapping"
}
CALLERS = {
    "nobody": {},
    "without a role": signed_in(),
    "viewer": VIEWER,
    "editor": EDITOR,
    "admin": ADMIN,
}
REFUSED = {401, 403}


def expected(name: str, caller: str) -> int | None:
    """Return the status of a refusal, or ``None`` where the caller gets past it."""
    if name in OPEN or caller == "admin":
        return None
    if caller == "nobody":
        return 401
    allowed = {
        "without a role": set(),
        "viewer": FOR_VIEWERS,
        "editor": set(ROUTES.values()) - FOR_ADMINS,
    }[caller]
    return None if name in allowed else 403


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_who_may_call_what(in_azure: Api, method, path, caller):
    answer = in_azure.call(method, path, {}, headers=CALLERS[caller])

    refusal = expected(ROUTES[method, path], caller)
    if refusal is None:
        assert answer.status not in REFUSED
        assert answer.status != 500
    else:
        assert answer.status == refusal
        assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_forged_header_opens_nothing_where_nobody_stands_in_front(
    api: Api, monkeypatch, method, path
):
    monkeypatch.setattr(bootstrap, "environment", lambda: UNPROTECTED)

    answer = api.call(method, path, {}, headers=ADMIN)

    assert (answer.status == 401) is (ROUTES[method, path] not in OPEN)


def test_an_address_that_is_not_there_is_closed_too(in_azure: Api):
    assert in_azure.get("/api/nothing").status == 401
    assert in_azure.call("GET", "/api/nothing", headers=VIEWER).status == 404


@pytest.mark.parametrize(
    "raw", [b"{", b"x" * (2 * 1024 * 1024), b'{"unknown": 1}'], ids=["bad", "huge", "unknown"]
)
def test_permission_is_checked_before_the_body(in_azure: Api, raw):
    assert in_azure.call("POST", "/api/customers", raw=raw).status == 401
    assert in_azure.call("POST", "/api/customers", raw=raw, headers=VIEWER).status == 403


def test_a_page_of_another_site_changes_nothing_even_for_somebody_signed_in(in_azure: Api):
    headers = {**EDITOR, "Sec-Fetch-Site": "cross-site"}

    assert in_azure.call("POST", "/api/runs", headers=headers).status == 403
    assert in_azure.call("GET", "/api/runs", headers=headers).status == 200
    assert in_azure.house.services.tenant_queue.messages == []


def test_a_write_records_who_made_it(in_azure: Api):
    customer = in_azure.house.services.customers.all()[0].customer_id

    run = in_azure.call("POST", f"/api/customers/{customer}/sync", headers=EDITOR).json

    stored = in_azure.house.services.runs.get(run["run_id"]).value
    assert stored.requested_by == "editor@msp.example"
