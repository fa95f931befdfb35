"""Each address reaches its own function, whatever the host's order of names makes of it."""

import pytest

from local.hosting.functions import HttpTrigger
from tests.api_client import functions, router

CUSTOMER = "/api/customers/c1"
ROW = "sku-06ebc4ee-1bb5-47dd-8120-11324bc54e06"
ROUTES = {
    ("GET", "/api/health"): "check_app_health",
    ("GET", "/api/customers"): "list_all_customers",
    ("POST", "/api/customers"): "add_new_customer",
    ("GET", "/api/customers/candidates"): "find_candidates",
    ("POST", "/api/customers/bulk"): "add_many_customers",
    ("GET", CUSTOMER): "get_customer",
    ("PATCH", CUSTOMER): "edit_customer",
    ("DELETE", CUSTOMER): "remove_customer",
    ("POST", f"{CUSTOMER}/preflight"): "preflight_a_customer",
    ("GET", f"{CUSTOMER}/licenses"): "list_licenses",
    ("POST", f"{CUSTOMER}/licenses/{ROW}/split"): "split_license",
    ("POST", f"{CUSTOMER}/licenses/{ROW}/merge"): "merge_license",
    ("POST", f"{CUSTOMER}/licenses/{ROW}/exclude"): "exclude_license",
    ("POST", f"{CUSTOMER}/licenses/{ROW}/include"): "include_license",
    ("PUT", f"{CUSTOMER}/licenses/{ROW}/term"): "state_subscription_term",
    ("DELETE", f"{CUSTOMER}/licenses/{ROW}/term"): "remove_subscription_term",
    ("POST", f"{CUSTOMER}/licenses/{ROW}/sync"): "sync_license_now",
    ("GET", f"{CUSTOMER}/mappings/{ROW}"): "get_row_mapping",
    ("PUT", f"{CUSTOMER}/mappings/{ROW}"): "save_row_mapping",
    ("DELETE", f"{CUSTOMER}/mappings/{ROW}"): "remove_row_mapping",
    ("POST", f"{CUSTOMER}/mappings/{ROW}/preview"): "preview_row_mapping",
    ("GET", f"{CUSTOMER}/preview"): "preview_whole_customer",
    ("POST", f"{CUSTOMER}/sync"): "sync_customer_now",
    ("GET", f"{CUSTOMER}/history"): "list_history",
    ("GET", f"{CUSTOMER}/coverage"): "get_coverage",
    ("GET", f"{CUSTOMER}/custom-licenses"): "list_customs",
    ("POST", f"{CUSTOMER}/custom-licenses"): "add_custom",
    ("GET", f"{CUSTOMER}/custom-licenses/x1"): "get_custom",
    ("PUT", f"{CUSTOMER}/custom-licenses/x1"): "change_custom",
    ("DELETE", f"{CUSTOMER}/custom-licenses/x1"): "remove_custom",
    ("GET", "/api/billing-profiles"): "list_profiles",
    ("POST", "/api/billing-profiles"): "add_billing_profiles",
    ("GET", "/api/billing-profiles/p1"): "get_profile",
    ("PUT", "/api/billing-profiles/p1"): "replace_profile",
    ("DELETE", "/api/billing-profiles/p1"): "remove_profile",
    ("GET", "/api/exclusions"): "get_exclusions",
    ("PUT", "/api/exclusions"): "replace_exclusions",
    ("GET", "/api/runs"): "list_all_runs",
    ("POST", "/api/runs"): "start_requested_cycle",
    ("GET", "/api/runs/r1"): "show_run",
    ("GET", "/api/runs/r1/items"): "show_run_items",
    ("POST", "/api/runs/r1/retry-failed"): "retry_failed_items",
    ("POST", "/api/runs/r1/undo"): "undo_a_run",
    ("GET", "/api/approvals"): "list_approvals",
    ("POST", "/api/approvals/decide"): "decide_several_plans",
    ("POST", "/api/approvals/a1/approve"): "approve_plan",
    ("POST", "/api/approvals/a1/reject"): "reject_plan",
    ("POST", "/api/approvals/a1/keep-psa"): "keep_what_the_psa_has",
    ("GET", "/api/settings"): "get_settings",
    ("PUT", "/api/settings"): "save_settings",
    ("GET", "/api/alerts"): "list_alerts",
    ("POST", "/api/alerts/a1/dismiss"): "dismiss_alert",
    ("POST", "/api/alerts/a1/restore"): "restore_alert",
    ("GET", "/api/configuration"): "export_everything",
    ("POST", "/api/configuration"): "import_everything",
    ("GET", "/api/overview"): "show_overview",
    ("GET", "/api/trend"): "show_total_trend",
    ("GET", f"{CUSTOMER}/trend"): "show_customer_trend",
    ("GET", "/api/reconciliation"): "reconcile_lines",
    ("GET", "/api/reconciliation/customers"): "reconcile_customers",
    ("GET", "/api/connections"): "list_all_connections",
    ("POST", "/api/connections/main/test"): "test_connection",
    ("GET", "/api/connections/main/tenants"): "list_tenants_of_a_connection",
    ("POST", "/api/connections/main/preflight"): "preflight_a_connection",
    ("POST", "/api/connections/main/foreign-lines/preview"): "preview_ending_foreign_lines",
    ("POST", "/api/connections/main/foreign-lines/end"): "end_lines_of_another_tool",
    ("GET", "/api/openapi.json"): "describe_api",
    ("GET", "/api/psa/main/companies"): "list_companies",
    ("GET", "/api/psa/main/agreements"): "list_agreements",
    ("GET", "/api/psa/main/products"): "list_products",
}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_an_address_reaches_its_own_function(method, path):
    found = router().find(method, path)

    assert found is not None
    assert found[0] == ROUTES[method, path]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api"),
        ("GET", "/api/"),
        ("GET", "/api/nothing"),
        ("PUT", "/api/customers"),
        ("DELETE", "/api/health"),
        ("GET", "/api/customers/a/b/c/d"),
        ("GET", "/api/customers/a%2Fb/history/more"),
    ],
)
def test_every_other_address_below_api_reaches_the_one_that_says_so(method, path):
    found = router().find(method, path)

    assert found is not None
    assert found[0] == "unknown_address"


def test_the_table_above_names_every_function_of_the_api():
    registered = {
        one.name
        for one in functions()
        if isinstance(one.trigger, HttpTrigger) and one.trigger.route.startswith("api")
    }

    # The page that shows the API to people is in the table of the pages.
    assert registered - {"unknown_address", "page_api_docs"} == set(ROUTES.values())


def test_no_function_asks_for_a_key():
    levels = {one.trigger.auth_level for one in functions() if isinstance(one.trigger, HttpTrigger)}

    assert levels == {"anonymous"}
