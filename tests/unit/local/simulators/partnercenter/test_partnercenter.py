"""Partner Center beside Graph: whom it lets in, how it pages and refuses, and its page."""

from datetime import UTC, date, datetime, timedelta

import pytest
import requests

from local.simulators.common.app import simulator_of
from local.simulators.common.inprocess import InProcessAdapter
from local.simulators.microsoft.builders import (
    CLIENT_ID,
    CLIENT_SECRET,
    PARTNER_TENANT_ID,
    a_state,
    a_subscription,
    a_tenant,
    an_id,
)
from local.simulators.microsoft.vendor import microsoft_app
from local.simulators.partnercenter.builders import (
    a_partner_customer,
    a_partner_subscription,
    partner_center_of,
)

URL = "http://microsoft/partnercenter"
API = f"{URL}/v1"
SCOPE = "https://api.partnercenter.microsoft.com/.default"
E5 = an_id("sku-e5")


class PartnerSite:
    """The simulator with Contoso in it, and the calls a test makes to it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 17, tzinfo=UTC)
        self.contoso = a_tenant("Contoso", [a_subscription(E5, 20)])
        self.state = a_state(self.contoso)
        self.state.partner_center = partner_center_of(self.state)
        app = microsoft_app(self.state, clock=lambda: self.now)
        self.simulator = simulator_of(app).neighbours[0]
        self.session = requests.Session()
        self.session.mount("http://", InProcessAdapter(app, sleep=lambda seconds: None))

    def token(self, tenant: str = PARTNER_TENANT_ID, scope: str = SCOPE) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scope": scope,
        }
        answer = self.session.post(f"http://microsoft/{tenant}/oauth2/v2.0/token", data=form)
        return str(answer.json()["access_token"])

    def get(self, path: str, token: str | None = None, **headers: str) -> requests.Response:
        authorization = {"Authorization": f"Bearer {token or self.token()}"}
        return self.session.get(f"{API}{path}", headers=authorization | headers)

    @property
    def bought(self):
        return self.state.partner_center.customers[0].subscriptions[0]


@pytest.fixture
def site(socket_disabled):
    made = PartnerSite()
    yield made
    made.session.close()
    assert made.simulator.violations == []


def test_an_app_of_the_partner_reads_customers_and_subscriptions(site):
    customers = site.get("/customers").json()
    subscriptions = site.get(f"/customers/{site.contoso.id}/subscriptions").json()

    assert [one["id"] for one in customers["items"]] == [site.contoso.id]
    assert [one["quantity"] for one in subscriptions["items"]] == [20]
    commerce_id = site.contoso.subscriptions[0].commerce_subscription_id
    assert subscriptions["items"][0]["id"] == commerce_id.upper()


def test_one_customer_and_one_subscription_can_be_read_alone(site):
    customer = site.get(f"/customers/{site.contoso.id.upper()}").json()
    alone = site.get(f"/customers/{site.contoso.id}/subscriptions/{site.bought.id.lower()}")

    assert customer["allowDelegatedAccess"] is True
    assert alone.json()["id"] == site.bought.id


@pytest.mark.parametrize(
    ("tenant", "scope", "status"),
    [
        (PARTNER_TENANT_ID, "https://graph.microsoft.com/.default", 401),
        (an_id("tenant-Contoso"), SCOPE, 403),
    ],
)
def test_a_token_must_be_the_partners_and_for_partner_center(site, tenant, scope, status):
    response = site.get("/customers", site.token(tenant, scope))

    assert response.status_code == status
    assert set(response.json()) == {"code", "description", "data", "source"}


def test_a_token_that_expired_or_was_never_issued_is_refused(site):
    token = site.token()
    site.now += timedelta(hours=2)

    assert site.get("/customers", token).status_code == 401
    assert site.get("/customers", "made-up").status_code == 401


def test_an_app_that_partner_center_was_not_told_of_is_refused(site):
    site.state.partner_center.app_ids = []

    assert site.get("/customers").status_code == 403


def test_what_needs_a_user_is_refused_to_an_app(site):
    assert site.get(f"/customers/{site.contoso.id}/subscribedskus").status_code == 403


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"/customers/{an_id('nobody')}", 20002),
        (f"/customers/{an_id('nobody')}/subscriptions", 20002),
        (f"/customers/{an_id('tenant-Contoso')}/subscriptions/{an_id('none')}", 20003),
    ],
)
def test_what_is_not_there_is_refused_in_partner_centers_words(site, path, code):
    response = site.get(path)

    assert (response.status_code, response.json()["code"]) == (404, code)


def test_a_throttle_has_another_shape(site):
    rule = {"kind": "throttle", "path": "/customers", "retry_after": 57}
    assert site.session.put(f"{URL}/_sim/faults", json=[rule]).status_code == 200

    response = site.get("/customers")

    assert (response.status_code, response.headers["Retry-After"]) == (429, "57")
    assert set(response.json()) == {"statusCode", "message"}


def test_customers_page_by_a_token_in_a_header(site):
    site.state.partner_center.customers = [
        a_partner_customer(an_id(f"tenant-{number}"), name=f"C{number}") for number in range(5)
    ]

    first = site.get("/customers?size=2").json()
    header = first["links"]["next"]["headers"][0]
    second = site.get(first["links"]["next"]["uri"], **{header["key"]: header["value"]}).json()
    token = second["continuationToken"]
    third = site.get("/customers?size=2&seekOperation=Next", **{header["key"]: token}).json()

    assert [first["totalCount"], second["totalCount"], third["totalCount"]] == [2, 2, 1]
    assert "next" not in third["links"]
    assert "continuationToken" not in third
    names = [
        one["companyProfile"]["companyName"]
        for page in (first, second, third)
        for one in page["items"]
    ]
    assert names == ["C0", "C1", "C2", "C3", "C4"]


@pytest.mark.parametrize("query", ["size=0", "seekOperation=Next"])
def test_pages_that_cannot_be_are_refused(site, query):
    assert site.get(f"/customers?{query}").status_code == 400


def test_a_page_larger_than_the_contract_allows_is_refused(site):
    assert site.get("/customers?size=501").status_code == 400
    assert len(site.simulator.violations) == 1
    site.simulator.clear_violations()


def test_dates_have_seven_digits_and_an_end_that_never_comes(site):
    site.bought.commitment_end = None

    row = site.get(f"/customers/{site.contoso.id}/subscriptions").json()["items"][0]

    assert len(row["creationDate"].partition(".")[2]) == 8  # and the Z
    assert row["commitmentEndDate"].startswith("9999-")


def test_the_state_goes_with_that_of_graph(site):
    whole = site.session.get("http://microsoft/_sim/state").json()
    own = site.session.get(f"{URL}/_sim/state").json()
    assert whole["partner_center"] == own

    own["customers"][0]["subscriptions"][0]["quantity"] = 3
    assert site.session.put(f"{URL}/_sim/state", json=own).status_code == 204

    assert site.bought.quantity == 3


def test_calls_are_counted_by_kind(site):
    site.get("/customers")
    site.get(f"/customers/{site.contoso.id}/subscriptions")
    site.get("/elsewhere")

    assert site.simulator.calls.counts() == {
        "partnercenter.customers": 1,
        "partnercenter.customers.subscriptions": 1,
        "partnercenter.unknown": 1,
    }
    site.simulator.clear_violations()


# The page ----------------------------------------------------------------------------------------


def change(site: PartnerSite, **form: str) -> requests.Response:
    target = f"{URL}/customers/{site.contoso.id}/subscriptions/{site.bought.id}"
    return site.session.post(target, data=form, allow_redirects=False)


def test_the_page_shows_what_was_bought(site):
    site.bought.next_quantity = 18

    html = site.session.get(f"{URL}/").text

    assert "Contoso" in html
    assert "20 (then 18)" in html


def test_seats_changed_on_the_page_change_in_graph_too(site):
    assert change(site, quantity="25").status_code == 303

    assert site.bought.quantity == 25
    assert site.contoso.subscriptions[0].total_licenses == 25


def test_the_next_term_changes_nothing_now(site):
    change(site, next_quantity="18")
    assert (site.bought.quantity, site.bought.next_quantity) == (20, 18)

    change(site, next_quantity="")
    assert site.bought.next_quantity is None


def test_the_last_day_can_be_moved(site):
    change(site, commitment_end="2027-02-28")
    assert site.bought.commitment_end == date(2027, 2, 28)


@pytest.mark.parametrize(
    "form", [{"quantity": "-1"}, {"quantity": "x"}, {"commitment_end": "soon"}, {"other": "1"}]
)
def test_a_form_that_makes_no_sense_changes_nothing(site, form):
    assert change(site, **form).status_code == 400
    assert site.bought.quantity == 20


def test_a_form_of_another_site_is_refused(site):
    target = f"{URL}/customers/{site.contoso.id}/subscriptions/{site.bought.id}"
    headers = {"Origin": "http://elsewhere.example"}

    response = site.session.post(target, data={"quantity": "1"}, headers=headers)

    assert response.status_code == 403
    assert site.bought.quantity == 20


def test_a_subscription_that_is_not_there_cannot_be_changed(site):
    target = f"{URL}/customers/{site.contoso.id}/subscriptions/none"

    assert site.session.post(target, data={"quantity": "1"}).status_code == 404


def test_a_commitment_is_made_in_one_line():
    made = a_partner_subscription(an_id("one"), 7, term="P1M", next_quantity=5)

    assert (made.quantity, made.term_duration, made.next_quantity) == (7, "P1M", 5)
