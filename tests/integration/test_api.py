"""The main job through HTTP, on the real host, real storage and both simulators."""

from datetime import timedelta

from local.simulators.microsoft.builders import a_tenant
from tests.integration.stack import BUSINESS_PREMIUM, Stack

ROW = f"sku-{BUSINESS_PREMIUM}"


def test_seats_bought_at_microsoft_reach_the_agreement_with_their_history(stack: Stack):
    tenant = stack.contoso(seats=10)
    customer_id = stack.add_customer(tenant)
    profile_id = stack.add_profile()
    rows = stack.get(f"/api/customers/{customer_id}/licenses").json()["items"]
    assert [(row["row_id"], row["active"], row["state"]) for row in rows] == [(ROW, 10, "unmapped")]

    stack.map_row(customer_id, ROW, profile_id)
    [preview] = stack.get(f"/api/customers/{customer_id}/preview").json()["items"]
    assert preview["status"] == "change"
    assert stack.psa.additions_of(7001) == []

    run = stack.sync(customer_id)

    assert run["state"] == "finished"
    assert run["items"]["changed"] == 1
    sent = [(one["quantity"], one["starts"], one["ends"]) for one in preview["operations"]]
    assert sorted(sent, key=str) == sorted(stack.lines(), key=str)
    [change] = stack.get(f"/api/customers/{customer_id}/history").json()["items"]
    assert (change["before"], change["after"]) == (None, 10)
    assert change["actor"] == "developer"
    assert change["row_id"] == ROW
    assert change["why"]


def test_a_second_sync_writes_nothing(stack: Stack):
    story = stack.mapped_contoso()
    stack.sync(story.customer_id)
    written = len(stack.psa.audit)

    run = stack.sync(story.customer_id)

    assert run["items"]["unchanged"] == 1
    assert len(stack.psa.audit) == written


def test_two_more_seats_become_a_dated_line_within_seconds(stack: Stack):
    story = stack.mapped_contoso(seats=10)
    stack.sync(story.customer_id)
    stack.travel(timedelta(days=1))
    stack.buy(story.tenant, BUSINESS_PREMIUM, 2)

    run = stack.sync(story.customer_id, story.row_id, seconds=10)

    assert run["items"]["changed"] == 1
    assert (2, "2026-03-18", "2026-03-31") in stack.lines()
    [row] = stack.get(f"/api/customers/{story.customer_id}/licenses").json()["items"]
    assert (row["state"], row["planned"]["quantity"]) == ("in_step", 12)


def test_the_timer_runs_all_customers(stack: Stack):
    story = stack.mapped_contoso()

    stack.host.fire("start_sync_cycle")

    def cycle() -> dict | None:
        runs = stack.get("/api/runs").json()["items"]
        return next((run for run in runs if run["reason"] == "scheduled"), None)

    run = stack.finished(stack.eventually(cycle)["run_id"])
    assert run["items"]["changed"] == 1
    assert stack.lines()
    health = stack.get("/api/health").json()
    assert health["status"] == "ok"
    assert health["last_cycle"]["run_id"] == run["run_id"]
    assert story.customer_id not in stack.get("/api/health").text


def test_a_stale_etag_changes_nothing(stack: Stack):
    story = stack.mapped_contoso()
    address = f"/api/customers/{story.customer_id}/mappings/{story.row_id}"
    seen = stack.get(address)
    etag = seen.headers["ETag"]
    body = {name: seen.json()[name] for name in ("profile_id", "agreement_id")}
    assert (
        stack.put(address, {**body, "included": 1}, headers={"If-Match": etag}).status_code == 200
    )

    late = stack.put(address, {**body, "included": 2}, headers={"If-Match": etag})

    assert late.status_code == 412
    assert late.headers["Content-Type"] == "application/problem+json"
    assert stack.get(address).json()["included"] == 1


def test_messages_that_cannot_be_read_or_name_nobody_end_in_a_run(stack: Stack):
    stack.start_host()
    for text in ("not JSON", '{"version": 9}'):
        stack.put_message("tenant-sync", text)

    def unreadable() -> list | None:
        runs = stack.get("/api/runs").json()["items"]
        found = [run for run in runs if run["reason"] == "unreadable"]
        return found if len(found) == 2 else None

    for found in stack.eventually(unreadable):
        run = stack.finished(found["run_id"])
        assert run["items"]["failed"] == 1
        [item] = stack.get(f"/api/runs/{run['run_id']}/items").json()["items"]
        assert "tenant-sync" in item["detail"]
    stack.idle()


def test_candidates_are_tenants_that_nobody_added(stack: Stack):
    story = stack.mapped_contoso()
    other = stack.add_tenant(a_tenant("Fabrikam"))

    found = stack.get("/api/customers/candidates").json()["items"]

    assert [one["tenant_id"] for one in found] == [other.id]
    assert story.tenant.id != other.id


def test_the_largest_message_that_cannot_be_read_is_kept_whole(stack: Stack):
    text = "{" + "é" * 24_000  # 48 KB, as much as the queue takes
    stack.start_host()
    stack.put_message("license-sync", text)

    def kept() -> dict | None:
        runs = stack.get("/api/runs").json()["items"]
        return runs[0] if runs and runs[0]["items"]["failed"] else None

    assert stack.eventually(kept)["reason"] == "unreadable"
    stack.idle()
    assert stack.depth("license-sync-poison") == 0


def test_a_message_in_another_encoding_is_not_lost(stack: Stack):
    stack.start_host()
    stack.put_raw("tenant-sync", "%%% no base64 %%%")

    stack.eventually(lambda: stack.depth("tenant-sync") == 0)

    poison = stack.depth("tenant-sync-poison")
    unreadable = [run["reason"] for run in stack.get("/api/runs").json()["items"]]
    assert poison == 1 or unreadable == ["unreadable"]
