"""What every page has: who may see it, headers, proof of forms, errors for people."""

import gzip
import re
from pathlib import Path

import pytest

from functions.pages.rendering import TEMPLATES
from tests.api_client import ADMIN, EDITOR, VIEWER, Api, functions, router, signed_in
from tests.page_client import Browser

C = "/customers/c1"
R = f"{C}/licenses/sku-06ebc4ee-1bb5-47dd-8120-11324bc54e06"
ROUTES: dict[tuple[str, str], tuple[str, str]] = {
    # method and address: the function, and the role it needs
    ("GET", "/approvals"): ("page_approvals", "viewer"),
    ("POST", "/approvals"): ("page_approvals_decide", "editor"),
    ("GET", "/approvals/a1/money"): ("page_approvals_money", "viewer"),
    ("GET", "/alerts"): ("page_alerts", "viewer"),
    ("GET", "/alerts/a1/dismiss"): ("page_alert_dismiss", "editor"),
    ("POST", "/alerts/a1/dismiss"): ("page_alert_dismiss_save", "editor"),
    ("POST", "/alerts/a1/restore"): ("page_alert_restore", "editor"),
    ("GET", "/billing-profiles"): ("page_profiles", "viewer"),
    ("GET", "/billing-profiles/add"): ("page_add_profiles", "editor"),
    ("POST", "/billing-profiles/add"): ("page_add_profiles_save", "editor"),
    ("GET", "/billing-profiles/new"): ("page_add_one_profile", "editor"),
    ("POST", "/billing-profiles/new"): ("page_add_one_profile_save", "editor"),
    ("GET", "/billing-profiles/p1/edit"): ("page_profile_edit", "editor"),
    ("POST", "/billing-profiles/p1/edit"): ("page_profile_edit_save", "editor"),
    ("POST", "/billing-profiles/p1/delete"): ("page_profile_delete", "editor"),
    ("GET", "/exclusions"): ("page_exclusions", "viewer"),
    ("POST", "/exclusions"): ("page_exclusions_add", "admin"),
    ("POST", "/exclusions/x1/remove"): ("page_exclusions_remove", "admin"),
    ("GET", "/reconciliation"): ("page_reconciliation", "viewer"),
    ("GET", "/reconciliation/totals"): ("page_reconciliation_totals", "viewer"),
    ("GET", "/connections"): ("page_connections", "viewer"),
    ("POST", "/connections/main/test"): ("page_connection_test", "admin"),
    ("GET", "/connections/main/tenants"): ("page_connection_tenants", "viewer"),
    ("GET", "/connections/main/preflight"): ("page_connection_preflight", "editor"),
    ("GET", "/connections/main/foreign-lines"): ("page_connection_foreign", "admin"),
    ("POST", "/connections/main/foreign-lines"): ("page_connection_foreign_save", "admin"),
    ("GET", "/settings"): ("page_settings", "viewer"),
    ("POST", "/settings"): ("page_settings_save", "admin"),
    ("GET", "/settings/import"): ("page_settings_import", "admin"),
    ("POST", "/settings/import"): ("page_settings_import_save", "admin"),
    ("GET", "/api/docs"): ("page_api_docs", "viewer"),
    ("GET", "/runs"): ("page_runs", "viewer"),
    ("POST", "/runs"): ("page_runs_start", "editor"),
    ("GET", "/runs/r1"): ("page_run", "viewer"),
    ("GET", "/runs/r1/progress"): ("page_run_progress", "viewer"),
    ("POST", "/runs/r1/retry-failed"): ("page_run_retry", "editor"),
    ("GET", "/runs/r1/undo"): ("page_run_undo", "editor"),
    ("POST", "/runs/r1/undo"): ("page_run_undo_save", "editor"),
    ("GET", C): ("page_customer", "viewer"),
    ("POST", f"{C}/refresh"): ("page_customer_refresh", "viewer"),
    ("POST", f"{C}/sync"): ("page_customer_sync", "editor"),
    ("GET", f"{C}/history"): ("page_customer_history", "viewer"),
    ("GET", f"{C}/coverage"): ("page_customer_coverage", "viewer"),
    ("GET", f"{C}/custom-licenses"): ("page_customs", "viewer"),
    ("POST", f"{C}/custom-licenses"): ("page_customs_add", "editor"),
    ("GET", f"{C}/custom-licenses/x1"): ("page_customs_one", "editor"),
    ("POST", f"{C}/custom-licenses/x1"): ("page_customs_one_save", "editor"),
    ("POST", f"{R}/sync"): ("page_customer_sync_row", "editor"),
    ("POST", f"{R}/split"): ("page_customer_split", "editor"),
    ("GET", f"{R}/merge"): ("page_customer_merge", "editor"),
    ("POST", f"{R}/merge"): ("page_customer_merge_save", "editor"),
    ("POST", f"{R}/include"): ("page_customer_include", "editor"),
    ("POST", f"{R}/term"): ("page_customer_term", "editor"),
    ("GET", f"{R}/quick"): ("page_customer_quick", "editor"),
    ("GET", f"{R}/mapping"): ("page_customer_mapping", "viewer"),
    ("POST", f"{R}/mapping"): ("page_customer_mapping_save", "editor"),
    ("POST", f"{R}/mapping/preview"): ("page_customer_mapping_preview", "viewer"),
    ("GET", "/"): ("page_overview", "viewer"),
    ("GET", "/customers"): ("page_customers", "viewer"),
    ("GET", "/customers/add"): ("page_add_customers", "editor"),
    ("POST", "/customers/add"): ("page_add_customers_save", "editor"),
    ("GET", "/customers/new"): ("page_add_one_customer", "editor"),
    ("POST", "/customers/new"): ("page_add_one_customer_save", "editor"),
    ("GET", f"{C}/edit"): ("page_edit_customer", "editor"),
    ("POST", f"{C}/edit"): ("page_edit_customer_save", "editor"),
    ("POST", f"{C}/pause"): ("page_pause_customer", "editor"),
    ("POST", f"{C}/resume"): ("page_resume_customer", "editor"),
    ("GET", f"{C}/delete"): ("page_delete_customer", "editor"),
    ("POST", f"{C}/delete"): ("page_delete_customer_save", "editor"),
}
CALLERS = {
    "nobody": {},
    "without a role": signed_in(),
    "viewer": VIEWER,
    "editor": EDITOR,
    "admin": ADMIN,
}
RANK = {"nobody": -1, "without a role": 0, "viewer": 1, "editor": 2, "admin": 3}
SPECIAL = {"page_static_file", "unknown_page"}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_address_reaches_its_own_page(method, path):
    found = router().find(method, path)

    assert found is not None
    assert found[0] == ROUTES[method, path][0]


def test_the_table_above_names_every_page():
    registered = {one.name for one in functions() if one.name.startswith("page_")}

    assert registered - SPECIAL == {name for name, _ in ROUTES.values()}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_who_may_see_what(in_azure: Api, method, path, caller):
    browser = Browser(in_azure, headers=CALLERS[caller])
    may = RANK[caller] >= RANK[ROUTES[method, path][1]]

    if method == "GET":
        browser.get(path)
    else:
        token = browser.token() if RANK[caller] > 0 else "none"
        browser.send(path, {"form_token": token})

    expected = 401 if caller == "nobody" else 403
    assert (browser.status == expected) is not may
    assert browser.status != 500


@pytest.mark.parametrize("path", [path for method, path in ROUTES if method == "POST"])
@pytest.mark.parametrize("token", ["", "x.y", "x"])
def test_a_form_without_its_proof_changes_nothing(in_azure: Api, path, token):
    browser = Browser(in_azure, headers=ADMIN)
    browser.get("/")

    page = browser.send(path, {"form_token": token})

    assert browser.status == 403
    assert "load it again" in page.text


def test_a_form_needs_the_proof_of_the_same_browser_and_the_same_person(in_azure: Api):
    editor, other = Browser(in_azure, headers=EDITOR), Browser(in_azure, headers=EDITOR)
    stolen = editor.token()
    other.get("/")
    someone = Browser(in_azure, headers=ADMIN, cookie=editor.cookie)

    for browser in (other, someone, Browser(in_azure, headers=EDITOR)):
        browser.send(f"{C}/pause", {"form_token": stolen})
        assert browser.status == 403
    editor.send("/customers/c1/pause", {"form_token": stolen})
    assert editor.status != 403


def test_the_secret_stays_out_of_reach_of_scripts_and_other_sites(in_azure: Api):
    browser = Browser(in_azure, headers=VIEWER)
    browser.get("/")
    assert browser.answer is not None
    cookie = browser.answer.headers["set-cookie"]

    assert cookie.startswith("__Host-")
    for word in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/"):
        assert word in cookie
    assert browser.cookie.partition("=")[2] not in browser.answer.text
    browser.get("/")
    assert "set-cookie" not in browser.answer.headers


def test_a_form_of_another_site_is_refused(in_azure: Api):
    browser = Browser(in_azure, headers=EDITOR)

    browser.send(f"{C}/pause", {"form_token": browser.token()}, **{"sec-fetch-site": "cross-site"})

    assert browser.status == 403


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data"])
def test_only_forms_are_taken_from_pages(in_azure: Api, kind):
    browser = Browser(in_azure, headers=EDITOR)

    browser.send(f"{C}/pause", {"form_token": browser.token()}, **{"content-type": kind})

    assert browser.status == 415


@pytest.mark.parametrize("path", ["/", "/customers", "/nothing/here"])
def test_every_page_carries_the_headers_that_protect_it(browser: Browser, path):
    browser.get(path)
    assert browser.answer is not None
    headers = browser.answer.headers

    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


def test_no_template_has_a_style_or_a_script_in_it():
    for template in sorted(TEMPLATES.glob("*.html")):
        text = template.read_text("utf-8")
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", text), template.name
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), template.name
        assert "| safe" not in text, template.name
        for address in re.findall(r'(?:src|href)="(https?://[^"]+)"', text):
            raise AssertionError(f"{template.name} names {address}")


def test_what_a_page_names_is_served_for_ever_and_compressed(browser: Browser, api: Api):
    browser.get("/")
    assert browser.answer is not None
    named = sorted(set(re.findall(r'"(/static/[^"]+)"', browser.answer.text)))
    assert len(named) >= 5

    for address in named:
        plain = api.get(address)
        packed = api.call("GET", address, headers={"accept-encoding": "br, gzip"})
        assert plain.status == packed.status == 200
        assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        assert "content-encoding" not in plain.headers
    assert api.get("/static/app.000000000000.css").status == 404
    assert api.get("/static/..%2Frendering.py").status == 404


def test_a_page_is_compressed_where_that_is_understood(api: Api):
    packed = api.call("GET", "/", headers={"accept-encoding": "gzip"})
    refused = api.call("GET", "/", headers={"accept-encoding": "gzip;q=0"})

    assert b"<!doctype html>" in gzip.decompress(packed.body)
    assert refused.text.startswith("<!doctype html>")
    assert "accept-encoding" in packed.headers["vary"].lower()


def test_an_address_that_is_not_there_says_so_to_a_person(browser: Browser):
    page = browser.get("/nothing/here")

    assert browser.status == 404
    assert "There is no page at this address" in page.text
    assert "/" in page.links


def test_an_error_in_a_part_of_a_page_becomes_a_message_on_it(browser: Browser):
    page = browser.part("/customers/c9/edit", "drawer-body")

    assert browser.answer is not None
    assert browser.status == 404
    assert browser.answer.headers["hx-retarget"] == "#toasts"
    assert "<html" not in browser.answer.text
    assert "no customer" in page.text


def test_what_a_page_shows_is_escaped(browser: Browser):
    browser.get("/customers?q=<script>alert(1)</script>")

    assert browser.answer is not None
    assert "<script>alert" not in browser.answer.text
    assert "&lt;script&gt;" in browser.answer.text


def test_only_we_can_let_a_page_say_something(browser: Browser):
    assert "You won" not in browser.get("/customers?said=WW91IHdvbg.0000").text


def test_a_form_sent_to_the_api_is_refused(in_azure: Api):
    headers = {**EDITOR, "content-type": "application/x-www-form-urlencoded"}

    assert in_azure.call("POST", "/api/runs", headers=headers, raw=b"").status == 415
    assert in_azure.house.services.tenant_queue.messages == []


def test_the_vendored_files_are_those_of_the_pinned_packages():
    from local.assets import SOURCES, VENDOR  # noqa: PLC0415 - names files of node_modules

    modules = Path("node_modules")
    if not (modules / "htmx.org").exists():
        pytest.skip("node_modules is not installed; `make setup` does it, and CI has it")
    for name, source in SOURCES.items():
        assert (VENDOR / name).read_bytes() == (modules / source).read_bytes(), "run make assets"
