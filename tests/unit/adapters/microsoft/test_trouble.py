"""Every way a read can go wrong, and what it costs. No partial answer becomes a snapshot."""

import logging
from collections import Counter
from dataclasses import replace

import pytest

from local.simulators.common.faults import Kind
from local.simulators.microsoft.builders import CLIENT_SECRET, a_contract, a_subscription, a_tenant
from local.simulators.microsoft.state import Subscription
from shared.domain.errors import (
    AccessDeniedError,
    RateLimitError,
    RequestRefusedError,
    SeatsyncError,
    UnexpectedPayloadError,
    UpstreamUnavailableError,
)
from tests.builders import E5, OTHER_TENANT, TENANT
from tests.microsoft_site import (
    BATCH,
    DISCOVERY,
    GRAPH_URL,
    ORGANIZATION,
    SKUS,
    SUBSCRIPTIONS,
    TOKEN,
    microsoft_site,
)

# kind, where, rule → the error of the read
FAULTS = [
    (Kind.STATUS, BATCH, {"status": 400}, RequestRefusedError),
    (Kind.STATUS, BATCH, {"status": 403}, AccessDeniedError),
    (Kind.STATUS, BATCH, {"status": 500}, UpstreamUnavailableError),
    (Kind.STATUS, BATCH, {"status": 503}, UpstreamUnavailableError),
    (Kind.STATUS, BATCH, {"status": 504}, UpstreamUnavailableError),
    (Kind.THROTTLE, BATCH, {}, RateLimitError),
    (Kind.HTML, BATCH, {}, UnexpectedPayloadError),
    (Kind.HTML, BATCH, {"status": 502}, UpstreamUnavailableError),
    (Kind.DROP, BATCH, {}, UpstreamUnavailableError),
    (Kind.LOST_ANSWER, BATCH, {}, UpstreamUnavailableError),
    (Kind.TRUNCATED, BATCH, {}, UnexpectedPayloadError),
    (Kind.LATENCY, BATCH, {"seconds": 61}, UpstreamUnavailableError),
    *(
        (kind, part, rule, error)
        for part in (SKUS, SUBSCRIPTIONS, ORGANIZATION)
        for kind, rule, error in [
            (Kind.BATCH_STATUS, {"status": 403}, AccessDeniedError),
            (Kind.BATCH_STATUS, {"status": 404}, RequestRefusedError),
            (Kind.BATCH_STATUS, {"status": 424}, RequestRefusedError),
            (Kind.BATCH_STATUS, {"status": 500}, UpstreamUnavailableError),
            (Kind.BATCH_STATUS, {"status": 503}, UpstreamUnavailableError),
            (Kind.BATCH_STATUS, {"status": 302}, UnexpectedPayloadError),
            (Kind.BATCH_STATUS, {"status": 204}, UnexpectedPayloadError),
            (Kind.THROTTLE, {"retry_after": 10}, RateLimitError),
            (Kind.BATCH_MISSING, {}, UnexpectedPayloadError),
            (Kind.REPEATED_LINK, {}, UnexpectedPayloadError),
            (Kind.FOREIGN_LINK, {}, UnexpectedPayloadError),
        ]
    ),
    *(
        (kind, where, rule, error)
        for where in (TOKEN, DISCOVERY)
        for kind, rule, error in [
            (Kind.STATUS, {"status": 500}, UpstreamUnavailableError),
            (Kind.STATUS, {"status": 503}, UpstreamUnavailableError),
            (Kind.THROTTLE, {"retry_after": 10}, RateLimitError),
            (Kind.HTML, {}, UnexpectedPayloadError),
            (Kind.HTML, {"status": 502}, UpstreamUnavailableError),
            (Kind.DROP, {}, UpstreamUnavailableError),
            (Kind.LOST_ANSWER, {}, UpstreamUnavailableError),
            (Kind.TRUNCATED, {}, UnexpectedPayloadError),
            (Kind.LATENCY, {"seconds": 31}, UpstreamUnavailableError),
        ]
    ),
]


@pytest.mark.parametrize(("kind", "where", "rule", "error"), FAULTS)
def test_a_fault_is_its_error_and_is_over_when_it_is_over(site, kind, where, rule, error):
    site.fault(kind, where, **rule)

    with pytest.raises(SeatsyncError) as caught:
        site.source.read_tenant(TENANT)
    site.simulator.faults.clear()

    assert type(caught.value) is error
    assert site.source.read_tenant(TENANT).skus[0].enabled == 20


def test_every_kind_of_fault_is_played():
    # An empty page is no trouble: it has a test of its own below.
    assert {row[0] for row in FAULTS} == set(Kind) - {Kind.EMPTY_PAGE}


@pytest.mark.parametrize("kind", [Kind.DROP, Kind.LOST_ANSWER])
@pytest.mark.parametrize("where", [BATCH, TOKEN, DISCOVERY])
def test_one_broken_connection_is_made_good_at_once(site, kind, where):
    site.fault(kind, where, times=1)

    assert site.source.read_tenant(TENANT).skus[0].enabled == 20


# Case 12: pages ----------------------------------------------------------------------------------


def test_case_12_lists_of_many_pages_are_read_to_their_end():
    seats = [a_subscription(E5, 1, name=f"one-{number}") for number in range(250)]
    with microsoft_site(a_tenant("Contoso", seats, tenant_id=TENANT)) as site:
        snapshot = site.source.read_tenant(TENANT)

        assert len(snapshot.subscriptions) == 250
        assert snapshot.skus[0].enabled == 250
        kinds = Counter(kind for kind, _, _ in site.calls)
        assert kinds["graph.page"] == 2


@pytest.mark.parametrize("part", [SKUS, SUBSCRIPTIONS, ORGANIZATION])
def test_case_12_an_empty_page_is_not_the_last(site, part):
    site.fault(Kind.EMPTY_PAGE, part, times=1)

    snapshot = site.source.read_tenant(TENANT)

    assert (snapshot.skus[0].enabled, snapshot.subscriptions[0].total_licenses) == (20, 20)


@pytest.mark.parametrize("status", [404, 410])
def test_case_12_a_lost_second_page_is_no_snapshot(status):
    seats = [a_subscription(E5, 1, name=f"one-{number}") for number in range(150)]
    with microsoft_site(a_tenant("Contoso", seats, tenant_id=TENANT)) as site:
        site.fault(Kind.STATUS, SUBSCRIPTIONS, skip=1, status=status)

        with pytest.raises(RequestRefusedError):
            site.source.read_tenant(TENANT)


def test_case_12_a_foreign_host_never_gets_the_token(site):
    hosts = []
    adapter = site.http.get_adapter(GRAPH_URL)
    send = adapter.send
    adapter.send = lambda request, **options: (
        hosts.append(request.url.split("/")[2]) or send(request, **options)
    )
    site.fault(Kind.FOREIGN_LINK, SKUS)

    with pytest.raises(UnexpectedPayloadError, match="another address"):
        site.source.read_tenant(TENANT)

    assert set(hosts) == {"login.test", "graph.test"}


def test_case_28_more_customers_than_a_page_holds_are_listed(site):
    many = [a_tenant(f"Customer {number:04}") for number in range(1100)]
    site.state.contracts = [a_contract(tenant) for tenant in many]

    assert len(site.source.list_tenants()) == 1100


# Cases 13 and 14: inside a batch, and waits ------------------------------------------------------


def test_case_13_the_order_of_the_answers_does_not_matter(site):
    for seed in range(12):
        site.state.seed = seed
        snapshot = site.source.read_tenant(TENANT)

        assert (snapshot.skus[0].enabled, snapshot.subscriptions[0].total_licenses) == (20, 20)


def test_case_13_a_wait_inside_a_batch_is_that_parts_wait(site):
    site.fault(Kind.THROTTLE, SUBSCRIPTIONS, retry_after=11)

    with pytest.raises(RateLimitError) as caught:
        site.source.read_tenant(TENANT)

    assert (caught.value.connection, caught.value.retry_after.total_seconds()) == ("main", 11)


def test_case_13_a_wait_comes_before_another_parts_refusal(site):
    site.fault(Kind.BATCH_STATUS, SKUS, status=403)
    site.fault(Kind.THROTTLE, ORGANIZATION, retry_after=11)

    with pytest.raises(RateLimitError):
        site.source.read_tenant(TENANT)


@pytest.mark.parametrize("where", [BATCH, SKUS, TOKEN, DISCOVERY])
@pytest.mark.parametrize(
    ("rule", "seconds"),
    [({}, 30), ({"code": "UnknownError"}, 30), ({"retry_after": 0}, 1), ({"retry_after": 9}, 9)],
)
def test_case_14_every_429_is_a_wait(site, where, rule, seconds):
    site.fault(Kind.THROTTLE, where, **rule)

    with pytest.raises(RateLimitError) as caught:
        site.source.read_tenant(TENANT)

    assert caught.value.retry_after.total_seconds() == seconds


def test_case_14_a_wait_of_the_sign_in_service_is_not_remembered(site):
    site.fault(Kind.THROTTLE, TOKEN, retry_after=3600, times=1)
    with pytest.raises(RateLimitError):
        site.source.read_tenant(TENANT)

    assert site.source.read_tenant(TENANT).skus[0].enabled == 20


@pytest.fixture
def change_batch(site):
    """Return a function that lets another one change the answers inside every batch."""

    def use(change) -> None:
        handle = site.vendor.handle

        def changed(call, simulator):
            answer = handle(call, simulator)
            if call.path != BATCH:
                return answer
            return replace(
                answer, body={"responses": change(answer.body["responses"])}, deliberate=True
            )

        site.vendor.handle = changed

    return use


def test_case_13_an_answer_that_comes_twice_is_refused(site, change_batch):
    change_batch(lambda responses: [*responses, responses[0]])

    with pytest.raises(UnexpectedPayloadError, match=r"responses\[3\]\.id: came twice"):
        site.source.read_tenant(TENANT)


def test_case_13_ids_may_come_back_in_other_letters(site, change_batch):
    change_batch(lambda responses: [one | {"id": one["id"].upper()} for one in responses])

    assert site.source.read_tenant(TENANT).skus[0].enabled == 20


@pytest.mark.parametrize("headers", [{"retry-after": 12}, {"RETRY-AFTER": "12"}])
def test_case_13_a_parts_headers_are_read_whatever_their_form(site, change_batch, headers):
    change_batch(lambda responses: [one | {"status": 429, "headers": headers} for one in responses])

    with pytest.raises(RateLimitError) as caught:
        site.source.read_tenant(TENANT)

    assert caught.value.retry_after.total_seconds() == 12


@pytest.mark.parametrize("change", [{"body": None}, {"body": "aGk="}, {"status": "200"}, {"id": 1}])
def test_case_13_a_part_of_another_shape_is_refused(site, change_batch, change):
    change_batch(lambda responses: [one | change for one in responses])

    with pytest.raises(UnexpectedPayloadError, match="expected"):
        site.source.read_tenant(TENANT)


# Case 15: permissions ----------------------------------------------------------------------------


def test_case_15_skus_without_subscriptions_are_refused_and_the_permission_is_named(site):
    site.tenant(TENANT).consents = {
        client: ["LicenseAssignment.Read.All", "User.Read.All"]
        for client in site.tenant(TENANT).consents
    }

    with pytest.raises(AccessDeniedError) as caught:
        site.source.read_tenant(TENANT)

    assert "GET /directory/subscriptions: 403" in str(caught.value)
    assert TENANT in str(caught.value)
    assert "Organization.Read.All" in caught.value.remedy
    assert f"/{TENANT}/adminconsent?client_id=" in caught.value.remedy


def test_case_15_a_permission_granted_now_works_at_once(site):
    tenant = site.tenant(TENANT)
    granted = tenant.consents
    tenant.consents = {client: ["LicenseAssignment.Read.All"] for client in granted}
    with pytest.raises(AccessDeniedError):
        site.source.read_tenant(TENANT)
    tenant.consents = granted

    assert site.source.read_tenant(TENANT).skus[0].enabled == 20


def test_listing_customers_needs_another_permission(site):
    partner = site.tenant(site.state.partner_tenant_id)
    partner.consents = {client: ["Organization.Read.All"] for client in partner.consents}

    with pytest.raises(AccessDeniedError) as caught:
        site.source.list_tenants()

    assert "Directory.Read.All" in caught.value.remedy


def test_answers_of_another_tenant_are_refused(site):
    other = a_tenant("Fabrikam", tenant_id=OTHER_TENANT)
    site.state.tenants.append(other)
    site.source.read_tenant(OTHER_TENANT)
    tokens = site.vendor.tokens._tokens
    theirs = next(token for token in tokens.values() if token.tenant_id == OTHER_TENANT)
    site.source.read_tenant(TENANT)
    for text, token in list(tokens.items()):
        if token.tenant_id == TENANT:
            tokens[text] = theirs

    with pytest.raises(UnexpectedPayloadError, match=f"not of tenant {TENANT}"):
        site.source.read_tenant(TENANT)


# What a read costs, and what nobody may see -----------------------------------------------------


def test_a_quiet_tenant_costs_one_token_and_one_batch(site):
    site.source.read_tenant(TENANT)

    assert site.counts() == {
        "graph.batch": 1,
        "login.openid-configuration": 1,
        "login.token": 1,
    }
    assert site.calls == [
        ("login.discovery", "GET", 200),
        ("login.token", "POST", 200),
        ("graph.batch", "POST", 200),
    ]


def test_the_second_read_costs_one_batch(site):
    site.source.read_tenant(TENANT)
    site.simulator.calls.clear()

    site.source.read_tenant(TENANT)

    assert site.counts() == {"graph.batch": 1}


def test_the_service_plans_are_not_asked_for(site):
    seen = []
    handle = site.vendor.handle
    site.vendor.handle = lambda call, simulator: seen.append(call.url()) or handle(call, simulator)

    site.source.read_tenant(TENANT)

    assert [url for url in seen if "subscribedSkus" in url and "$select=" in url]


@pytest.mark.parametrize(
    ("kind", "where", "rule"),
    [
        (None, None, {}),
        (Kind.STATUS, BATCH, {"status": 400}),
        (Kind.STATUS, BATCH, {"status": 401}),
        (Kind.BATCH_STATUS, SKUS, {"status": 403}),
        (Kind.TRUNCATED, BATCH, {}),
        (Kind.TRUNCATED, TOKEN, {}),
        (Kind.HTML, TOKEN, {}),
        (Kind.STATUS, TOKEN, {"status": 401}),
        (Kind.DROP, BATCH, {}),
    ],
)
def test_no_token_secret_or_body_is_logged_or_raised(site, caplog, kind, where, rule):
    caplog.set_level(logging.DEBUG)
    site.tenant(TENANT).name = "Jane Doe Ltd"
    site.tenant(TENANT).subscriptions.append(_named("jane-doe"))
    if kind:
        site.fault(kind, where, **rule)

    told = ""
    try:
        site.source.read_tenant(TENANT)
    except SeatsyncError as error:
        told = f"{error} {getattr(error, 'remedy', '')}"
    told += caplog.text

    assert "main: " in told
    tokens = [token[:16] for token in site.vendor.tokens._tokens]  # half a token is one too many
    secrets = [CLIENT_SECRET, "Jane Doe Ltd", *tokens]
    assert [secret for secret in secrets if secret in told] == []


def _named(name: str) -> Subscription:
    return a_subscription(E5, 1, name=name)
