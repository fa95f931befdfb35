"""Discovery and tokens: who gets one, how refusals look, and that msal agrees."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import msal
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from local.simulators.microsoft.builders import (
    CLIENT_ID,
    CLIENT_SECRET,
    PARTNER_TENANT_ID,
    a_state,
    a_tenant,
    an_app,
    an_id,
)
from local.simulators.microsoft.state import FederatedCredential, RefreshToken, Secret

URL = "http://microsoft"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PAYLOADS = Path(__file__).parents[4] / "payloads" / "graph"
CONTOSO = an_id("tenant-Contoso")


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def certificate(key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made-up app")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def cloud(cloud_of, certificate):
    app = an_app()
    app.certificates.append(certificate)
    app.federated.append(
        FederatedCredential(
            issuer="https://issuer.example", subject="identity-1", certificate=certificate
        )
    )
    return cloud_of(a_state(a_tenant("Contoso"), apps=[app]))


def assertion(key, cloud, **changed):
    claims = {
        "aud": f"https://login.microsoftonline.com/{CONTOSO}/oauth2/v2.0/token",
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "exp": int((cloud.clock.now + timedelta(minutes=10)).timestamp()),
    } | changed
    return jwt.encode(claims, key, algorithm="RS256")


def ask_with_assertion(cloud, text):
    return cloud.ask_token(
        CONTOSO, client_secret=None, client_assertion=text, client_assertion_type=ASSERTION_TYPE
    )


def refusal(response):
    body = response.json()
    return response.status_code, body["error"], body["error_codes"]


def test_a_secret_gets_an_opaque_token_for_an_hour(cloud):
    response = cloud.ask_token(CONTOSO)

    assert response.status_code == 200
    assert response.json()["token_type"] == "Bearer"
    assert response.json()["expires_in"] == 3599
    assert response.headers["Cache-Control"].startswith("no-store")


def test_a_tenant_is_known_by_its_domain_too(cloud):
    assert cloud.ask_token("contoso.example").status_code == 200


@pytest.mark.parametrize(
    ("tenant", "changed", "expected"),
    [
        (CONTOSO, {"client_secret": "wrong"}, (401, "invalid_client", [7000215])),
        (CONTOSO, {"client_secret": None}, (401, "invalid_client", [7000218])),
        (CONTOSO, {"client_id": an_id("other app")}, (400, "unauthorized_client", [700016])),
        (CONTOSO, {"client_id": None}, (400, "invalid_request", [900144])),
        (CONTOSO, {"grant_type": None}, (400, "invalid_request", [900144])),
        (CONTOSO, {"grant_type": "password"}, (400, "unsupported_grant_type", [70003])),
        (CONTOSO, {"scope": "User.Read"}, (400, "invalid_scope", [1002012])),
        (CONTOSO, {"scope": "https://x.example/.default"}, (400, "invalid_resource", [500011])),
        (an_id("nowhere"), {}, (400, "invalid_tenant", [90002])),
    ],
)
def test_a_refusal_names_its_error_as_the_real_service_does(cloud, tenant, changed, expected):
    assert refusal(cloud.ask_token(tenant, **changed)) == expected


def test_an_expired_secret_is_told_apart_from_a_wrong_one(cloud_of):
    app = an_app()
    app.secrets = [Secret(value=CLIENT_SECRET, expires_at=datetime(2026, 1, 1, tzinfo=UTC))]
    cloud = cloud_of(a_state(a_tenant("Contoso"), apps=[app]))

    assert refusal(cloud.ask_token(CONTOSO)) == (401, "invalid_client", [7000222])


def test_a_tenant_without_consent_does_not_know_the_app(cloud_of):
    cloud = cloud_of(a_state(a_tenant("Contoso", consents={})))

    assert refusal(cloud.ask_token(CONTOSO)) == (400, "unauthorized_client", [700016])


@pytest.mark.parametrize(
    ("example", "changed"),
    [
        ("token.error.app-not-in-tenant", {"client_id": an_id("other app")}),
        ("token.error.expired-secret", {"client_secret": "wrong"}),
    ],
)
def test_a_refusal_has_the_fields_of_the_recorded_one(cloud, example, changed):
    recorded = json.loads((PAYLOADS / f"{example}.json").read_text())

    body = cloud.ask_token(CONTOSO, **changed).json()

    assert set(body) == set(recorded)
    assert body["error_description"].startswith(f"AADSTS{body['error_codes'][0]}: ")


def test_an_assertion_signed_with_the_apps_certificate_gets_a_token(cloud, key):
    assert ask_with_assertion(cloud, assertion(key, cloud)).status_code == 200


def test_an_assertion_of_a_trusted_identity_gets_a_token(cloud, key):
    text = assertion(
        key, cloud, iss="https://issuer.example", sub="identity-1", aud="api://AzureADTokenExchange"
    )

    assert ask_with_assertion(cloud, text).status_code == 200


@pytest.mark.parametrize(
    ("changed", "number"),
    [
        ({"aud": "https://login.microsoftonline.com/other/oauth2/v2.0/token"}, 700027),
        ({"iss": "someone-else"}, 700027),
        ({"iss": "https://issuer.example", "aud": "api://AzureADTokenExchange"}, 700027),
        ({"exp": 1_700_000_000}, 700024),
    ],
)
def test_an_assertion_with_a_wrong_claim_is_refused(cloud, key, changed, number):
    response = ask_with_assertion(cloud, assertion(key, cloud, **changed))

    assert refusal(response) == (401, "invalid_client", [number])


def test_an_assertion_signed_by_another_key_is_refused(cloud):
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    response = ask_with_assertion(cloud, assertion(stranger, cloud))

    assert refusal(response) == (401, "invalid_client", [700027])


def test_discovery_names_the_https_hosts_of_the_real_service(cloud):
    document = cloud.session.get(f"{URL}/{CONTOSO}/v2.0/.well-known/openid-configuration").json()

    root = f"https://login.microsoftonline.com/{CONTOSO}"
    assert document["token_endpoint"] == f"{root}/oauth2/v2.0/token"
    assert document["issuer"] == f"{root}/v2.0"


def test_discovery_of_an_unknown_tenant_is_refused(cloud):
    response = cloud.session.get(f"{URL}/nowhere/v2.0/.well-known/openid-configuration")

    assert refusal(response) == (400, "invalid_tenant", [90002])


class RedirectedClient:
    """Sends every call of msal to the simulator, whatever https host it names."""

    def __init__(self, session):
        self._session = session

    def get(self, url, **arguments):
        return self._session.get(self._moved(url), **arguments)

    def post(self, url, **arguments):
        return self._session.post(self._moved(url), **arguments)

    def close(self):
        pass

    @staticmethod
    def _moved(url):
        return URL + "/" + url.split("/", 3)[3]


def an_msal_app(cloud, credential, tenant=CONTOSO):
    return msal.ConfidentialClientApplication(
        CLIENT_ID,
        authority=f"https://login.microsoftonline.com/{tenant}",
        client_credential=credential,
        http_client=RedirectedClient(cloud.session),
        instance_discovery=True,
    )


def test_msal_signs_in_with_a_secret_and_graph_takes_its_token(cloud):
    token = an_msal_app(cloud, CLIENT_SECRET).acquire_token_for_client(
        ["https://graph.microsoft.com/.default"]
    )["access_token"]

    response = cloud.get("/organization", headers={"Authorization": f"Bearer {token}"})

    assert response.json()["value"][0]["id"] == CONTOSO


def test_msal_signs_in_with_a_certificate(cloud, key, certificate):
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    cloud.clock.now = datetime.now(UTC)  # msal signs with the real time

    answer = an_msal_app(
        cloud, {"private_key": pem, "public_certificate": certificate}
    ).acquire_token_for_client(["https://graph.microsoft.com/.default"])

    assert "access_token" in answer, answer


@pytest.fixture
def partner_cloud(cloud_of):
    """Two customers that consented to the partner's user; the partner's token ages from March."""
    customers = [a_tenant("Contoso"), a_tenant("Fabrikam", consents={})]
    customers[0].delegated_consents = {CLIENT_ID: ["Directory.Read.All"]}
    state = a_state(*customers)
    state.refresh_tokens = [
        RefreshToken(
            value="first", client_id=CLIENT_ID, expires_at=datetime(2026, 4, 1, tzinfo=UTC)
        )
    ]
    return cloud_of(state)


def refresh(cloud, token="first", tenant=CONTOSO):
    return cloud.ask_token(
        tenant,
        grant_type="refresh_token",
        refresh_token=token,
        scope="https://graph.microsoft.com/.default offline_access openid profile",
    )


def test_a_refresh_token_opens_a_customer_and_rolls(partner_cloud):
    first = refresh(partner_cloud).json()
    partner_cloud.clock.forward(days=60)
    second = refresh(partner_cloud, first["refresh_token"])

    assert first["refresh_token"] != "first"
    assert second.status_code == 200


def test_a_refresh_token_that_was_not_replaced_expires(partner_cloud):
    partner_cloud.clock.forward(days=60)

    response = refresh(partner_cloud)

    recorded = json.loads((PAYLOADS / "token.error.refresh-token-expired.json").read_text())
    assert refusal(response) == (400, "invalid_grant", [700082])
    assert set(response.json()) == set(recorded)


def test_a_refresh_token_needs_consent_and_a_living_relationship(partner_cloud):
    assert refusal(refresh(partner_cloud, tenant=an_id("tenant-Fabrikam")))[2] == [65001]

    partner_cloud.vendor.state.tenant(CONTOSO).gdap_active = False
    assert refusal(refresh(partner_cloud))[2] == [50020]


def test_msal_takes_the_refresh_token_too(partner_cloud):
    answer = an_msal_app(partner_cloud, CLIENT_SECRET).acquire_token_by_refresh_token(
        "first", ["https://graph.microsoft.com/.default"]
    )

    assert answer["access_token"]
    assert answer["refresh_token"] != "first"


def test_the_partners_own_tenant_gets_tokens_for_partner_center_too(cloud):
    response = cloud.ask_token(
        PARTNER_TENANT_ID, scope="https://api.partnercenter.microsoft.com/.default"
    )

    assert response.status_code == 200
    token = response.json()["access_token"]
    refused = cloud.get("/organization", headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 401
