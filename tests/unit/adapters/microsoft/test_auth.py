"""Signing in: tokens by tenant, whose fault a refusal is, and every kind of credential."""

import base64
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from local.simulators.microsoft.builders import CLIENT_ID, a_tenant
from local.simulators.microsoft.state import (
    GRAPH_PERMISSIONS,
    FederatedCredential,
    RefreshToken,
    Secret,
)
from shared.adapters.microsoft import credentials
from shared.adapters.microsoft.auth import AppOnlyTokens
from shared.adapters.microsoft.clouds import CLOUDS, CloudName
from shared.adapters.microsoft.config import Certificate, ClientSecret, ManagedIdentity
from shared.adapters.microsoft.login import LoginHttp
from shared.domain.errors import (
    AccessDeniedError,
    SettingsError,
    UnexpectedPayloadError,
    UpstreamUnavailableError,
)
from shared.domain.ids import TenantId
from tests.builders import MAIN, OTHER_TENANT, TENANT
from tests.fakes.tables import FakeRefreshTokens
from tests.microsoft_site import LOGIN_URL, MicrosoftSite, microsoft_site

UNKNOWN = TenantId("33333333-3333-4333-8333-333333333333")


def tokens_of(site: MicrosoftSite, **changed) -> AppOnlyTokens:
    return AppOnlyTokens(
        "main",
        client_id=CLIENT_ID,
        credential=changed.pop("credential", lambda: "made-up-secret"),
        cloud=CLOUDS[CloudName.GLOBAL],
        http=LoginHttp("main", site.http, login_url=LOGIN_URL),
        **changed,
    )


# Tokens ------------------------------------------------------------------------------------------


def test_a_token_is_kept(site):
    tokens = tokens_of(site)

    assert tokens.token(TENANT) == tokens.token(TENANT)
    assert site.counts()["login.token"] == 1


def test_tenants_tokens_are_kept_apart(site):
    site.state.tenants.append(a_tenant("Fabrikam", tenant_id=OTHER_TENANT))
    tokens = tokens_of(site)

    one, other = tokens.token(TENANT), tokens.token(OTHER_TENANT)

    assert one != other
    assert (tokens.token(TENANT), tokens.token(OTHER_TENANT)) == (one, other)
    assert site.vendor.tokens.find(one).tenant_id == TENANT
    assert site.vendor.tokens.find(other).tenant_id == OTHER_TENANT


def test_a_renewed_token_is_new_and_kept(site):
    site.state.tenants.append(a_tenant("Fabrikam", tenant_id=OTHER_TENANT))
    tokens = tokens_of(site)
    first, other = tokens.token(TENANT), tokens.token(OTHER_TENANT)

    second = tokens.renewed(TENANT)

    assert second != first
    assert tokens.token(TENANT) == second
    assert tokens.token(OTHER_TENANT) == other


def test_only_so_many_tenants_apps_are_kept_and_their_tokens_stay(site):
    site.state.tenants.append(a_tenant("Fabrikam", tenant_id=OTHER_TENANT))
    tokens = tokens_of(site, most_apps=1)
    first = tokens.token(TENANT)
    tokens.token(OTHER_TENANT)

    assert tokens.token(TENANT) == first
    assert len(tokens._apps) == 1
    assert site.counts()["login.openid-configuration"] == 3


def test_the_credential_is_made_once_and_only_when_it_is_needed(site):
    made = []
    tokens = tokens_of(site, credential=lambda: made.append(1) or "made-up-secret")
    assert made == []

    tokens.token(TENANT)
    tokens.forget(TENANT)
    tokens.token(TENANT)

    assert made == [1]


def test_many_threads_share_one_object(site):
    tenants = [TenantId(f"{number:08}-0000-4000-8000-000000000000") for number in range(8)]
    site.state.tenants += [a_tenant(f"T{one[:8]}", tenant_id=one) for one in tenants]
    tokens = tokens_of(site, most_apps=3)
    wrong: list[object] = []

    def work() -> None:
        for tenant in tenants * 3:
            try:
                found = site.vendor.tokens.find(tokens.token(tenant))
                if found.tenant_id != tenant:
                    wrong.append(tenant)
            except Exception as error:  # noqa: BLE001 - a thread's error must fail the test
                wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_a_token_that_graph_refuses_is_renewed_once(site):
    site.source.read_tenant(TENANT)
    site.vendor.tokens.revoke_all()
    site.simulator.calls.clear()

    assert site.source.read_tenant(TENANT).skus[0].enabled == 20
    assert site.counts() == {"graph.batch": 2, "login.token": 1}


def test_a_token_that_expired_by_graphs_clock_is_renewed(site):
    site.source.read_tenant(TENANT)
    site.clock.forward(hours=2)

    assert site.source.read_tenant(TENANT).skus[0].enabled == 20


def test_a_new_token_that_graph_refuses_too_is_an_error(site):
    site.state.graph_host = "graph.microsoft.us"  # another cloud's Graph

    with pytest.raises(AccessDeniedError) as caught:
        site.source.read_tenant(TENANT)

    assert "401" in str(caught.value)
    assert "cloud" in caught.value.remedy
    assert site.counts()["graph.batch"] == 2


# Refusals ----------------------------------------------------------------------------------------


def test_a_tenant_without_the_app_needs_its_admins_consent(site):
    site.tenant(TENANT).consents = {}

    with pytest.raises(AccessDeniedError) as caught:
        site.source.read_tenant(TENANT)

    assert "unauthorized_client: AADSTS700016" in str(caught.value)
    assert TENANT in str(caught.value)
    assert caught.value.remedy.endswith(f"/{TENANT}/adminconsent?client_id={CLIENT_ID}")


def test_after_consent_a_read_works_at_once(site):
    consents = site.tenant(TENANT).consents
    site.tenant(TENANT).consents = {}
    with pytest.raises(AccessDeniedError):
        site.source.read_tenant(TENANT)
    site.tenant(TENANT).consents = consents

    assert site.source.read_tenant(TENANT).skus[0].enabled == 20


def test_the_consent_link_is_the_clouds_own_without_another_login_url(site):
    source = site.new_source(login_url=None)
    site.tenant(TENANT).consents = {}

    with pytest.raises(AccessDeniedError) as caught:
        source.read_tenant(TENANT)

    assert f"https://login.microsoftonline.com/{TENANT}/adminconsent" in caught.value.remedy


@pytest.mark.parametrize("expired", [True, False])
def test_a_bad_secret_is_our_own_fault(site, expired):
    expiry = site.clock.now() - timedelta(days=1)
    site.state.apps[0].secrets = (
        [Secret(value="made-up-secret", expires_at=expiry)] if expired else []
    )

    with pytest.raises(AccessDeniedError) as caught:
        site.source.read_tenant(TENANT)

    assert "invalid_client: AADSTS70002" in str(caught.value)
    assert CLIENT_ID in caught.value.remedy
    assert "adminconsent" not in caught.value.remedy
    assert "made-up-secret" not in str(caught.value)


def test_a_tenant_that_is_not_there_is_named(site):
    with pytest.raises(AccessDeniedError) as caught:
        site.source.read_tenant(UNKNOWN)

    assert str(caught.value) == f"main: Microsoft knows no tenant {UNKNOWN}"
    assert "id" in caught.value.remedy


class AnsweringApp:
    """What msal's application returns, without msal."""

    def __init__(self, result: dict) -> None:
        self.result = result

    def acquire_token_for_client(self, scopes):
        return self.result


@pytest.mark.parametrize(
    ("result", "error", "told"),
    [
        ({"error": "invalid_grant", "error_codes": [65001]}, AccessDeniedError, "adminconsent"),
        ({"error": "invalid_client", "error_codes": [7000229]}, AccessDeniedError, "adminconsent"),
        ({"error": "invalid_client", "error_codes": [7000215]}, AccessDeniedError, "secret"),
        ({"error": "invalid_client", "error_codes": "7000229"}, AccessDeniedError, "secret"),
        ({"error": "unauthorized_client"}, AccessDeniedError, "adminconsent"),
        ({"error": "invalid_tenant", "error_codes": [90002]}, AccessDeniedError, "deleted"),
        ({"error": "invalid_scope"}, AccessDeniedError, "app registration"),
        ({"error": "temporarily_unavailable"}, UpstreamUnavailableError, ""),
        ({"access_token": None}, AccessDeniedError, "app registration"),
    ],
)
def test_every_refusal_says_whose_turn_it_is(site, monkeypatch, result, error, told):
    tokens = tokens_of(site)
    monkeypatch.setattr(tokens, "_app", lambda _tenant: AnsweringApp(result))

    with pytest.raises(error) as caught:
        tokens.token(TENANT)

    assert told in getattr(caught.value, "remedy", "")


def test_the_services_words_come_without_its_trace_ids(site, monkeypatch):
    tokens = tokens_of(site)
    result = {
        "error": "invalid_grant",
        "error_description": "AADSTS65001: No consent. Trace ID: 1-2-3 Correlation ID: 4",
    }
    monkeypatch.setattr(tokens, "_app", lambda _tenant: AnsweringApp(result))

    with pytest.raises(AccessDeniedError, match=r"AADSTS65001: No consent\.$"):
        tokens.token(TENANT)


def test_a_description_without_addresses_is_unexpected(site, monkeypatch):
    monkeypatch.setattr(LoginHttp, "get", lambda *_, **__: _Described())

    with pytest.raises(UnexpectedPayloadError, match="lacks an address"):
        tokens_of(site).token(TENANT)


class _Described:
    status_code = 200
    text = "{}"
    headers: dict = {}  # noqa: RUF012 - never changed


# Addresses ---------------------------------------------------------------------------------------


def addresses(site: MicrosoftSite) -> list[str]:
    """Return where the calls go from now on, as a list that grows."""
    seen: list[str] = []
    for prefix in ("http://", "https://"):
        adapter = site.http.get_adapter(prefix)

        def send(request, *, _send=adapter.send, **options):
            seen.append("/".join(request.url.split("/")[:3]))
            return _send(request, **options)

        adapter.send = send
    return seen


def test_every_sign_in_call_goes_to_the_login_url_whatever_msal_names(site):
    seen = addresses(site)

    site.source.read_tenant(TENANT)

    assert set(seen) == {"http://login.test", "http://graph.test"}


def test_without_urls_the_calls_go_to_the_cloud(site):
    source = site.new_source(login_url=None, graph_url=None)
    seen = addresses(site)

    source.read_tenant(TENANT)

    assert set(seen) == {"https://login.microsoftonline.com", "https://graph.microsoft.com"}


@pytest.mark.parametrize("name", CloudName)
def test_each_cloud_has_its_own_hosts(site, name):
    cloud = CLOUDS[name]
    site.state.login_host, site.state.graph_host = cloud.login_host, cloud.graph_host
    source = site.new_source(login_url=None, graph_url=None, cloud_name=name)
    seen = addresses(site)

    source.read_tenant(TENANT)

    assert set(seen) == {f"https://{cloud.login_host}", f"https://{cloud.graph_host}"}


def test_a_graph_url_may_name_the_version(site):
    source = site.new_source(graph_url="http://graph.test/v1.0/")

    assert source.read_tenant(TENANT).skus[0].enabled == 20


@pytest.mark.parametrize("field", ["login_url", "graph_url"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:7081", "not an address"])
def test_plain_http_is_for_development_only(site, field, url):
    other = {"login_url", "graph_url"} - {field}
    changed = {field: url, other.pop(): None, "development": False}

    with pytest.raises(SettingsError, match=f"^MICROSOFT__main__{field.upper()}: "):
        site.new_source(**changed)


# Credentials -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def certificate(key) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "seatsync.example")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


@pytest.fixture
def real_time_site(certificate) -> Iterator[MicrosoftSite]:
    """A site whose clock is the real one, as msal's is, and whose app has a certificate."""
    with microsoft_site(a_tenant("Contoso", tenant_id=TENANT)) as site:
        site.clock.at = datetime.now(UTC)
        site.state.apps[0].secrets = []
        site.state.apps[0].certificates = [certificate.public_bytes(Encoding.PEM).decode()]
        yield site


def pem_of(key, certificate) -> bytes:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)


def pfx_of(key, certificate, password: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"seatsync", key, certificate, None, encryption)


@pytest.mark.parametrize("kind", ["pem text", "pem file", "pfx text", "pfx file", "pfx password"])
def test_a_certificate_signs_in_however_it_is_given(
    real_time_site, key, certificate, tmp_path, kind
):
    content = pem_of(key, certificate) if "pem" in kind else pfx_of(key, certificate)
    password = None
    if "password" in kind:
        password = "made-up"
        content = pfx_of(key, certificate, password.encode())
    if "file" in kind:
        path = tmp_path / "app.pem"
        path.write_bytes(content)
        source = str(path)
    else:
        source = content.decode() if "pem" in kind else base64.b64encode(content).decode()

    site = real_time_site.new_source(credential=Certificate(source, password))

    assert site.read_tenant(TENANT).skus == ()


def test_a_certificate_opens_partner_center_too(real_time_site, key, certificate):
    given = Certificate(pem_of(key, certificate).decode())

    assert real_time_site.new_partner_center(credential=given).customers() == ()


def test_a_certificate_proves_the_app_when_it_trades_a_refresh_token(
    real_time_site, key, certificate
):
    site = real_time_site
    site.tenant(TENANT).consents = {}
    site.tenant(TENANT).delegated_consents = {CLIENT_ID: list(GRAPH_PERMISSIONS)}
    in_90_days = site.clock.now() + timedelta(days=90)
    site.state.refresh_tokens = [
        RefreshToken(value="first", client_id=CLIENT_ID, expires_at=in_90_days)
    ]

    source = site.new_source(
        credential=Certificate(pem_of(key, certificate).decode()),
        refresh_token="first",
        refresh_tokens=FakeRefreshTokens(),
    )

    assert source.read_tenant(TENANT).skus == ()


def test_a_certificate_in_one_line_is_understood(real_time_site, key, certificate):
    one_line = pem_of(key, certificate).decode().replace("\n", "\\n")

    source = real_time_site.new_source(credential=Certificate(one_line))

    assert source.read_tenant(TENANT).skus == ()


@pytest.mark.parametrize("kind", ["nothing", "no key", "no password", "no certificate", "path"])
def test_a_certificate_that_cannot_be_read_is_a_setting_at_fault(site, key, certificate, kind):
    public = certificate.public_bytes(Encoding.PEM).decode()
    text = {
        "nothing": "%%%",
        "no key": public,
        "no password": base64.b64encode(pfx_of(key, certificate, b"made-up")).decode(),
        "no certificate": pem_of(key, certificate).decode().replace(public, ""),
        "path": "/nowhere/app.pfx",
    }[kind]
    source = site.new_source(credential=Certificate(text))

    with pytest.raises(SettingsError, match=r"^MICROSOFT__main__CERTIFICATE: ") as caught:
        source.read_tenant(TENANT)

    assert text[:20] not in str(caught.value)


def test_a_certificate_the_app_does_not_know_is_our_own_fault(real_time_site, key, certificate):
    real_time_site.state.apps[0].certificates = []
    source = real_time_site.new_source(credential=Certificate(pem_of(key, certificate).decode()))

    with pytest.raises(AccessDeniedError) as caught:
        source.read_tenant(TENANT)

    assert "invalid_client" in str(caught.value)
    assert "certificate" in caught.value.remedy


class FakeIdentity:
    """The platform's managed identity."""

    key: rsa.RSAPrivateKey
    asked: list[tuple[str | None, str]]
    error: Exception | None

    def __init__(self, client_id: str | None = None) -> None:
        self.client_id = client_id

    def get_token(self, scope: str):
        type(self).asked.append((self.client_id, scope))
        if self.error:
            raise self.error
        claims = {
            "iss": "https://login.microsoftonline.com/home/v2.0",
            "sub": "identity",
            "aud": scope.removesuffix("/.default"),
            "exp": datetime.now(UTC) + timedelta(hours=1),
        }
        token = jwt.encode(claims, self.key, algorithm="RS256")
        return type("Token", (), {"token": token})()


@pytest.fixture
def identity(monkeypatch, key) -> type[FakeIdentity]:
    import azure.identity  # noqa: PLC0415 - slow to load

    FakeIdentity.key, FakeIdentity.asked, FakeIdentity.error = key, [], None
    monkeypatch.setattr(azure.identity, "ManagedIdentityCredential", FakeIdentity)
    return FakeIdentity


def test_a_managed_identity_stands_for_the_app(real_time_site, certificate, identity):
    app = real_time_site.state.apps[0]
    app.certificates = []
    app.federated = [
        FederatedCredential(
            issuer="https://login.microsoftonline.com/home/v2.0",
            subject="identity",
            certificate=certificate.public_bytes(Encoding.PEM).decode(),
        )
    ]
    source = real_time_site.new_source(credential=ManagedIdentity("identity-client-id"))

    assert source.read_tenant(TENANT).skus == ()
    assert identity.asked == [("identity-client-id", "api://AzureADTokenExchange/.default")]


def test_a_managed_identity_that_is_not_there_is_our_own_fault(real_time_site, identity):
    from azure.identity import CredentialUnavailableError  # noqa: PLC0415 - slow to load

    identity.error = CredentialUnavailableError("no endpoint")
    source = real_time_site.new_source(credential=ManagedIdentity("identity-client-id"))

    with pytest.raises(AccessDeniedError) as caught:
        source.read_tenant(TENANT)

    assert "MICROSOFT__main__MANAGED_IDENTITY_CLIENT_ID" in caught.value.remedy


def test_credentials_never_show():
    shown = repr([ClientSecret("topsecret"), Certificate("topsecret", "topsecret")])

    assert "topsecret" not in shown


def test_a_secret_goes_to_msal_as_it_is():
    secret = credentials.msal_credential(MAIN, ClientSecret("s"), CLOUDS[CloudName.GLOBAL])

    assert secret == "s"


def test_the_simulators_app_has_all_permissions():
    # The reads above would prove nothing about permissions if the tenant gave none.
    assert "Organization.Read.All" in GRAPH_PERMISSIONS
