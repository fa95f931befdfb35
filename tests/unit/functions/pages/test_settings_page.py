"""Settings and the configuration as a file, as an Admin keeps them."""

import json

import pytest

from shared.domain.alerts import AlertKind
from shared.domain.digests import Frequency
from shared.domain.guards import GuardSettings
from shared.domain.ids import ProfileId
from shared.domain.preferences import DefaultView, Preferences
from tests.api_client import EDITOR, Api
from tests.builders import PROFILE, a_profile
from tests.page_client import Browser, Reader

PAGE = "/settings"
IMPORT = f"{PAGE}/import"


def stored(browser: Browser) -> Preferences:
    return browser.api.house.services.settings.get().value


def exported(browser: Browser) -> dict[str, object]:
    found: dict[str, object] = browser.api.get("/api/configuration").json
    return found


def listed(file: dict[str, object]) -> list[dict[str, object]]:
    """Return the billing profiles of a file."""
    found: list[dict[str, object]] = file["billing_profiles"]  # type: ignore[assignment]  # JSON
    return found


def bring(browser: Browser, file: object, what: str, **more: str) -> Reader:
    text = file if isinstance(file, str) else json.dumps(file)
    return browser.submit(browser.get(IMPORT), IMPORT, file=text, what=what, **more)


def test_saving_the_page_untouched_changes_nothing(browser: Browser):
    before = stored(browser)

    browser.submit(browser.get(PAGE), PAGE)

    assert browser.status == 303
    assert stored(browser) == before


def test_thresholds_view_routing_and_retention_are_saved(browser: Browser):
    changed = {
        "fall_seats": "7",
        "freeze_days": "3",
        "default_view": "subscriptions",
        "kind-renewal": "monthly",
        "hour": "5",
        "runs_days": "30",
    }

    browser.submit(browser.get(PAGE), PAGE, **changed)

    assert "The settings were saved" in browser.follow().text
    found = stored(browser)
    assert found.guards == GuardSettings(fall_seats=7, freeze_days=3)
    assert found.default_view is DefaultView.SUBSCRIPTIONS
    assert found.alert_routing.of(AlertKind.RENEWAL) is Frequency.MONTHLY
    assert found.alert_routing.hour == 5
    assert found.retention.runs_days == 30


def test_the_page_has_a_field_for_everything_that_the_api_takes(browser: Browser):
    [form] = [one for one in browser.get(PAGE).forms if one.action == PAGE]

    shown = exported(browser)["settings"]
    assert isinstance(shown, dict)
    wanted = {"default_view", "hour", *shown["guards"], *shown["retention"]}
    assert wanted | {f"kind-{kind}" for kind in AlertKind} <= form.names()


@pytest.mark.parametrize(
    ("field", "value"), [("fall_seats", "some"), ("hour", "24"), ("runs_days", "1")]
)
def test_what_cannot_be_used_is_said_beside_its_field(browser: Browser, field, value):
    before = stored(browser)

    page = browser.submit(browser.get(PAGE), PAGE, **{field: value})

    assert browser.status == 422
    assert ("input", "value", value) in page.attributes
    assert ("input", "aria-invalid", "true") in page.attributes
    assert stored(browser) == before


def test_a_stale_page_replaces_nothing(browser: Browser):
    page = browser.get(PAGE)
    browser.submit(page, PAGE, fall_seats="9")

    shown = browser.submit(page, PAGE, fall_seats="4")

    assert browser.status == 412
    assert ("input", "value", "4") in shown.attributes
    assert stored(browser).guards.fall_seats == 9


def test_an_editor_reads_the_settings_and_cannot_change_them(in_azure: Api):
    page = Browser(in_azure, headers=EDITOR).get(PAGE)

    assert ("fieldset", "disabled", "") in page.attributes
    assert IMPORT not in page.links
    assert "/api/configuration" in page.links


def test_an_import_shows_first_what_would_change(browser: Browser):
    file = exported(browser)
    file["settings"] = {"guards": {"fall_seats": 11}}

    page = bring(browser, file, "dry_run")

    assert "What would change" in page.text
    assert "1 created" in page.text
    assert stored(browser).guards.fall_seats == 5
    assert json.loads(dict(page.forms[-1].fields)["file"]) == file
    browser.submit(page, IMPORT, what="import")
    assert "brought in: 1 created" in browser.follow().text
    assert stored(browser).guards.fall_seats == 11


def test_what_an_import_does_not_name_goes_only_where_that_is_ticked(browser: Browser):
    services = browser.api.house.services
    services.profiles.add(a_profile(profile_id=ProfileId("free"), name="Free"))
    file = exported(browser)
    file["billing_profiles"] = [one for one in listed(file) if one["profile_id"] != "free"]

    bring(browser, file, "import")
    assert services.profiles.get(ProfileId("free"))
    page = bring(browser, file, "dry_run", remove="true")
    assert "1 removed" in page.text
    browser.submit(page, IMPORT, what="import")
    assert [one.value.profile_id for one in services.profiles.all()] == [PROFILE]


def test_an_import_of_which_something_is_refused_changes_nothing_and_says_why(browser: Browser):
    file = exported(browser)
    file["settings"] = {"guards": {"fall_seats": 11}}
    listed(file)[0]["psa"] = "nowhere"

    tried = bring(browser, file, "dry_run")
    assert "some of it is refused" in tried.text
    assert "Bring it in" not in tried.text
    page = bring(browser, file, "import")

    assert browser.status == 409
    assert "nothing was imported" in page.text
    assert stored(browser).guards.fall_seats == 5


@pytest.mark.parametrize(
    ("file", "status", "why"),
    [("{", 400, "line 1"), ({"schema": 2}, 422, "must be 1"), ('{"a":1,"a":2}', 400, "twice")],
)
def test_what_is_no_configuration_stays_in_the_form(browser: Browser, file, status, why):
    page = bring(browser, file, "dry_run")

    assert browser.status == status
    assert why in page.text
    assert dict(page.forms[-1].fields)["file"]
