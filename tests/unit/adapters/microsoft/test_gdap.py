"""Entering tenants as the partner's service account, whose refresh token rolls."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from local.simulators.common.faults import Kind
from local.simulators.microsoft.builders import (
    CLIENT_ID,
    PARTNER_TENANT_ID,
    a_subscription,
    a_tenant,
)
from local.simulators.microsoft.state import GRAPH_PERMISSIONS, RefreshToken, Tenant
from shared.adapters.microsoft.graph import GraphLicenseSource, graph_source
from shared.domain.errors import (
    AccessDeniedError,
    SeatsyncError,
    SettingsError,
    StaleVersionError,
    UnexpectedPayloadError,
    UpstreamUnavailableError,
)
from shared.domain.ids import TenantId
from shared.ports import Versioned
from tests.builders import E5, MAIN, NOW, OTHER_TENANT, TENANT
from tests.fakes.tables import FakeRefreshTokens
from tests.microsoft_site import TOKEN, MicrosoftSite, microsoft_site

FIRST = "made-up-first-token"
LIVES = timedelta(days=90)


@dataclass
class Partner:
    """A site that is entered by delegated admin only, and what its worker has kept."""

    site: MicrosoftSite
    kept: FakeRefreshTokens

    def worker(self, refresh_token: str = FIRST) -> GraphLicenseSource:
        """Return the source as another worker has it."""
        return self.site.new_source(refresh_token=refresh_token, refresh_tokens=self.kept)

    def sign_in(self, value: str) -> None:
        """Let a person sign in as the service account."""
        expires_at = self.site.clock.now() + LIVES
        self.site.state.refresh_tokens.append(
            RefreshToken(value=value, client_id=CLIENT_ID, expires_at=expires_at)
        )

    def newest(self) -> str:
        found = self.kept.get(MAIN)
        assert found is not None
        return found.value.value

    def tenant_of(self, tenant_id: TenantId) -> Tenant:
        return self.site.tenant(tenant_id)


def a_customer(name: str, tenant_id: TenantId) -> Tenant:
    seats = a_subscription(E5, 20, part_number="SPE_E5")
    tenant = a_tenant(name, [seats], tenant_id=tenant_id, consents={})
    tenant.delegated_consents = {CLIENT_ID: list(GRAPH_PERMISSIONS)}
    return tenant


@pytest.fixture
def partner() -> Iterator[Partner]:
    customers = [a_customer("Contoso", TENANT), a_customer("Fabrikam", OTHER_TENANT)]
    with microsoft_site(*customers) as site:
        own = site.tenant(PARTNER_TENANT_ID)
        own.consents = {}
        own.delegated_consents = {CLIENT_ID: list(GRAPH_PERMISSIONS)}
        made = Partner(site, FakeRefreshTokens())
        made.sign_in(FIRST)
        yield made


def test_a_tenant_is_read_with_the_service_accounts_token(partner):
    source = partner.worker()

    assert source.read_tenant(TENANT).skus[0].enabled == 20
    assert source.read_tenant(OTHER_TENANT).skus[0].enabled == 20
    assert source.assigned_users(TENANT) == ()


def test_the_partners_own_tenant_is_entered_the_same_way(partner):
    assert [one.tenant_id for one in partner.worker().list_tenants()] == [TENANT, OTHER_TENANT]


def test_the_app_alone_would_not_get_in(partner):
    with pytest.raises(AccessDeniedError):
        partner.site.source.read_tenant(TENANT)


def test_an_access_token_is_kept_while_it_is_good(partner):
    source = partner.worker()
    source.read_tenant(TENANT)
    source.read_tenant(TENANT)
    assert partner.site.counts()["login.token"] == 1

    partner.site.clock.forward(minutes=56)  # of 60
    source.read_tenant(TENANT)

    assert partner.site.counts()["login.token"] == 2
    assert partner.site.counts()["graph.batch"] == 3


def test_an_access_token_that_graph_refuses_is_renewed_once(partner):
    source = partner.worker()
    source.read_tenant(TENANT)
    partner.site.vendor.tokens.revoke_all()

    assert source.read_tenant(TENANT).skus[0].enabled == 20
    assert partner.site.counts()["login.token"] == 2


# The rolling token -------------------------------------------------------------------------------


def test_each_use_keeps_the_token_that_follows(partner):
    source = partner.worker()
    source.read_tenant(TENANT)
    second = partner.newest()
    source.read_tenant(OTHER_TENANT)

    third = partner.newest()

    issued = [one.value for one in partner.site.state.refresh_tokens]
    assert issued == [FIRST, second, third]


def test_a_token_that_rolls_outlives_the_setting(partner):
    for _ in range(4):
        partner.worker().read_tenant(TENANT)  # every time a new process
        partner.site.clock.forward(days=80)

    assert partner.worker().read_tenant(TENANT).skus[0].enabled == 20


def test_another_worker_goes_on_with_the_newest_token(partner):
    partner.worker().read_tenant(TENANT)
    partner.site.state.refresh_tokens = [
        one for one in partner.site.state.refresh_tokens if one.value != FIRST
    ]

    assert partner.worker().read_tenant(OTHER_TENANT).skus[0].enabled == 20


def test_a_new_sign_in_takes_the_place_of_a_token_that_died(partner):
    partner.worker().read_tenant(TENANT)
    partner.site.clock.forward(days=91)
    with pytest.raises(AccessDeniedError):
        partner.worker().read_tenant(TENANT)
    partner.sign_in("second-sign-in")

    assert partner.worker("second-sign-in").read_tenant(TENANT).skus[0].enabled == 20
    assert partner.worker("second-sign-in").read_tenant(OTHER_TENANT).skus[0].enabled == 20
    assert partner.newest() == partner.site.state.refresh_tokens[-1].value


class Meddled(FakeRefreshTokens):
    """Lets something happen just before a token is kept."""

    def __init__(self, meddle) -> None:
        super().__init__()
        self._meddle = meddle

    def save(self, name, read, token):
        meddle, self._meddle = self._meddle, None
        if meddle:
            meddle(self, token)
        return super().save(name, read, token)


def test_a_newer_token_of_another_worker_stays(partner):
    def other_worker(kept, token):
        later = type(token)("newer", token.origin, token.obtained_at + timedelta(seconds=1))
        FakeRefreshTokens.save(kept, MAIN, None, later)

    partner.kept = Meddled(other_worker)
    partner.worker().read_tenant(TENANT)

    assert partner.newest() == "newer"


def test_an_older_token_of_another_worker_gives_way(partner):
    def other_worker(kept, token):
        earlier = type(token)("older", token.origin, token.obtained_at - timedelta(seconds=1))
        FakeRefreshTokens.save(kept, MAIN, None, earlier)

    partner.kept = Meddled(other_worker)
    partner.worker().read_tenant(TENANT)

    assert partner.newest() == partner.site.state.refresh_tokens[-1].value


def test_a_worker_that_always_comes_late_gives_up_and_goes_on(partner):
    class Contended(FakeRefreshTokens):
        def save(self, name, read, token):
            self.saves += 1
            raise StaleVersionError("always late")

    partner.kept = Contended()

    assert partner.worker().read_tenant(TENANT).skus[0].enabled == 20
    assert partner.kept.saves == 5


def test_a_token_that_another_worker_used_up_is_read_again(partner):
    source = partner.worker()
    source.read_tenant(TENANT)
    spent, read = partner.newest(), partner.kept.get(MAIN)
    partner.worker().read_tenant(TENANT)
    newest = partner.newest()
    partner.site.state.refresh_tokens = [
        one for one in partner.site.state.refresh_tokens if one.value != spent
    ]
    reads: list[Versioned] = [read]  # what this worker had read before the other one used it
    real_get = partner.kept.get
    partner.kept.get = lambda name: reads.pop() if reads else real_get(name)

    assert source.read_tenant(OTHER_TENANT).skus[0].enabled == 20
    partner.kept.get = real_get
    assert partner.newest() not in {spent, newest}


def test_many_workers_at_once_keep_one_of_the_newest(partner):
    wrong: list[Exception] = []

    def work() -> None:
        try:
            source = partner.worker()
            for tenant in (TENANT, OTHER_TENANT) * 3:
                source._tokens.renewed(tenant)
        except SeatsyncError as error:
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert partner.newest() != FIRST
    assert partner.newest() in {one.value for one in partner.site.state.refresh_tokens}
    assert partner.worker().read_tenant(TENANT).skus[0].enabled == 20


# Refusals ----------------------------------------------------------------------------------------


def denied(partner: Partner, tenant_id: TenantId = TENANT) -> AccessDeniedError:
    with pytest.raises(AccessDeniedError) as caught:
        partner.worker().read_tenant(tenant_id)
    return caught.value


def test_a_token_that_expired_needs_a_new_sign_in(partner):
    partner.site.clock.forward(days=91)

    error = denied(partner)

    assert "AADSTS700082" in str(error)
    assert "MICROSOFT__main__REFRESH_TOKEN" in error.remedy
    assert "all tenants" in error.remedy


def test_a_token_of_another_app_needs_a_new_sign_in(partner):
    partner.site.state.refresh_tokens[0].client_id = TENANT

    assert "MICROSOFT__main__REFRESH_TOKEN" in denied(partner).remedy


def test_a_relationship_that_ended_concerns_one_tenant(partner):
    partner.tenant_of(TENANT).gdap_active = False

    assert "GDAP" in denied(partner).remedy
    assert partner.worker().read_tenant(OTHER_TENANT).skus[0].enabled == 20


def test_a_tenant_without_consent_concerns_one_tenant(partner):
    partner.tenant_of(TENANT).delegated_consents = {}

    assert f"/{TENANT}/adminconsent" in denied(partner).remedy
    assert partner.worker().read_tenant(OTHER_TENANT).skus[0].enabled == 20


def test_a_bad_secret_is_our_own_fault(partner):
    partner.site.state.apps[0].secrets = []

    assert "secret" in denied(partner).remedy


def test_a_tenant_that_is_not_there_is_named(partner):
    nowhere = TenantId("33333333-3333-4333-8333-333333333333")

    assert nowhere in str(denied(partner, nowhere))


def test_a_missing_permission_is_a_delegated_one_and_a_role(partner):
    partner.tenant_of(TENANT).delegated_consents = {CLIENT_ID: ["User.Read.All"]}

    remedy = denied(partner).remedy

    assert "delegated permission Organization.Read.All" in remedy
    assert "Global Reader" in remedy


def test_a_read_works_again_once_the_tenant_consented(partner):
    source = partner.worker()
    partner.tenant_of(TENANT).gdap_active = False
    with pytest.raises(AccessDeniedError):
        source.read_tenant(TENANT)
    partner.tenant_of(TENANT).gdap_active = True

    assert source.read_tenant(TENANT).skus[0].enabled == 20


@pytest.mark.parametrize(
    ("kind", "rule", "error"),
    [
        (Kind.STATUS, {"status": 503}, UpstreamUnavailableError),
        (Kind.HTML, {}, UnexpectedPayloadError),
        (Kind.DROP, {}, UpstreamUnavailableError),
    ],
)
def test_trouble_at_sign_in_keeps_the_token(partner, kind, rule, error):
    partner.worker().read_tenant(TENANT)
    before = partner.newest()
    partner.site.fault(kind, TOKEN, **rule)

    with pytest.raises(error):
        partner.worker().read_tenant(OTHER_TENANT)

    assert partner.newest() == before


def test_an_answer_that_is_lost_costs_nothing(partner):
    partner.site.fault(Kind.LOST_ANSWER, TOKEN, times=1)

    assert partner.worker().read_tenant(TENANT).skus[0].enabled == 20


def test_tokens_are_never_told(partner, caplog):
    caplog.set_level(logging.DEBUG)
    source = partner.worker()
    source.read_tenant(TENANT)
    partner.site.clock.forward(days=91)
    with pytest.raises(AccessDeniedError) as caught:
        source.read_tenant(TENANT)

    told = [caplog.text, repr(caught.value), caught.value.remedy, repr(partner.kept.get(MAIN))]
    secrets = [one.value for one in partner.site.state.refresh_tokens]
    config = partner.site.config
    shown = repr(type(config)(config.tenant_id, CLIENT_ID, config.credential, refresh_token=FIRST))
    assert not [one for one in secrets for text in [*told, shown] if one in text]


def test_nothing_but_our_own_store_keeps_refresh_tokens(partner):
    source = partner.worker()
    source.read_tenant(TENANT)

    import msal  # noqa: PLC0415 - slow to load

    kinds = msal.TokenCache.CredentialType
    cache = source._tokens._apps.cache
    assert list(cache.search(kinds.REFRESH_TOKEN)) == []
    assert list(cache.search(kinds.ACCESS_TOKEN)) == []


def test_without_a_place_for_refresh_tokens_there_is_no_gdap(partner):
    with pytest.raises(SettingsError, match="MICROSOFT__main__MODE"):
        partner.site.new_source(refresh_token=FIRST)


def test_tokens_age_by_the_real_time(partner):
    # Billing's "now" may stand still for months; sign-in must not notice.
    class Travelling:
        def now(self):
            return NOW - timedelta(days=400)

        def real_now(self):
            return partner.site.clock.now()

    site = partner.site
    config = type(site.config)(
        **{
            name: getattr(site.config, name)
            for name in ("tenant_id", "client_id", "credential", "login_url", "graph_url")
        },
        refresh_token=FIRST,
        development=True,
    )
    source = graph_source(MAIN, config, Travelling(), site.http, refresh_tokens=partner.kept)
    source.read_tenant(TENANT)

    assert partner.kept.get(MAIN).value.obtained_at == site.clock.now()
