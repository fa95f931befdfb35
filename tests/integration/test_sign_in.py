"""The same app with every way to sign in, on the real host and before simulators that check tokens.

The app registration knows only what the case signs in with, and Partner Center takes only tokens
that are for it.
"""

import base64
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from local.simulators.microsoft.builders import CLIENT_ID
from local.simulators.microsoft.state import GRAPH_PERMISSIONS, RefreshToken
from local.simulators.partnercenter.builders import partner_center_of
from local.simulators.partnercenter.vendor import MOUNTED_AT
from tests.integration.stack import BUSINESS_PREMIUM, Mapped, Stack

STATED_ANNUAL = {"length": "annual", "certainty": "stated"}
TWO_MORE = (2, "2026-03-18", "2026-03-31")
REFUSED_CERTIFICATE = "Renew the secret or certificate"


class SignedKey:
    """A key with a certificate that it signed itself."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "seatsync.example")])
        now = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(self.key, hashes.SHA256())
        )

    @property
    def public(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def pem_file(self, directory: Path) -> str:
        """Return the path of a file with key and certificate."""
        private = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = directory / f"{id(self)}.pem"
        path.write_bytes(private + self.public.encode())
        return str(path)

    def pfx_text(self) -> str:
        """Return key and certificate as Key Vault gives them."""
        content = pkcs12.serialize_key_and_certificates(
            b"seatsync", self.key, self.certificate, None, NoEncryption()
        )
        return base64.b64encode(content).decode()


@cache
def our_key() -> SignedKey:
    return SignedKey()


def with_certificate(stack: Stack, given: str) -> None:
    """Let the app be known by our certificate alone, and sign in with what is given."""
    [app] = stack.microsoft.apps
    app.secrets, app.certificates = [], [our_key().public]
    del stack.environment["MICROSOFT__main__CLIENT_SECRET"]
    stack.environment["MICROSOFT__main__CERTIFICATE"] = given


def with_partner_center(stack: Stack) -> None:
    """Let the app read Partner Center, which knows what was sold by the time it is asked."""
    graph = stack.environment["MICROSOFT__main__GRAPH_URL"]
    stack.environment["MICROSOFT__main__PARTNER_CENTER"] = "true"
    stack.environment["MICROSOFT__main__PARTNER_CENTER_URL"] = graph + MOUNTED_AT


def billed_contoso(stack: Stack) -> Mapped:
    """Add Contoso with ten seats, map it, and sync it until the line is in the PSA."""
    story = stack.mapped_contoso(seats=10)
    run = stack.sync(story.customer_id)
    assert run["items"]["changed"] == 1, stack.get(f"/api/runs/{run['run_id']}/items").text
    assert standing_seats(stack) == [10]
    return story


def standing_seats(stack: Stack) -> list[int]:
    return [seats for seats, _, ends in stack.lines() if ends is None]


def shown_term(stack: Stack, story: Mapped) -> object:
    [row] = stack.get(f"/api/customers/{story.customer_id}/licenses").json()["items"]
    [subscription] = row["subscriptions"]
    return subscription["term"]


def answered(stack: Stack) -> dict[str, int]:
    """Return how many calls both services of Microsoft answered, by kind; no contract is broken."""
    both = (stack.microsoft_simulator, *stack.microsoft_simulator.neighbours)
    assert [one.violations for one in both] == [[], []]
    counts: dict[str, int] = {}
    for one in both:
        counts |= one.calls.counts()
    return counts


@pytest.mark.parametrize("how", ["secret", "certificate"])
def test_graph_alone_bills_and_knows_no_term(stack: Stack, tmp_path, how):
    if how == "certificate":
        with_certificate(stack, our_key().pem_file(tmp_path))

    story = billed_contoso(stack)

    assert shown_term(stack, story) is None
    assert not any(kind.startswith("partnercenter") for kind in answered(stack))


@pytest.mark.parametrize("how", ["secret", "certificate"])
def test_with_partner_center_the_term_is_stated(stack: Stack, how):
    if how == "certificate":
        with_certificate(stack, our_key().pfx_text())
    with_partner_center(stack)
    contoso = stack.contoso(seats=10)
    stack.microsoft.partner_center = partner_center_of(stack.microsoft, term="P1Y")
    customer_id = stack.add_customer(contoso)
    row_id = f"sku-{BUSINESS_PREMIUM}"
    stack.map_row(customer_id, row_id, stack.add_profile())

    stack.sync(customer_id)

    assert standing_seats(stack) == [10]
    assert shown_term(stack, Mapped(contoso, customer_id, row_id)) == STATED_ANNUAL
    assert any(kind.startswith("partnercenter") for kind in answered(stack))


def test_a_service_account_goes_on_with_the_token_that_the_last_one_gave(stack: Stack):
    first = RefreshToken(
        value="made-up-first",
        client_id=CLIENT_ID,
        expires_at=datetime.now(UTC) + timedelta(days=90),
    )
    stack.microsoft.refresh_tokens = [first]
    stack.environment["MICROSOFT__main__MODE"] = "gdap"
    stack.environment["MICROSOFT__main__REFRESH_TOKEN"] = first.value
    contoso = stack.contoso(seats=10)
    for tenant in stack.microsoft.tenants:
        tenant.consents = {}  # the app itself opens nothing
        tenant.delegated_consents = {CLIENT_ID: list(GRAPH_PERMISSIONS)}
    customer_id = stack.add_customer(contoso)
    row_id = f"sku-{BUSINESS_PREMIUM}"
    stack.map_row(customer_id, row_id, stack.add_profile())
    stack.sync(customer_id)
    assert standing_seats(stack) == [10]

    stack.microsoft.refresh_tokens[0].expires_at = datetime.now(UTC) - timedelta(days=1)
    stack.host.stop()  # with it go the access tokens
    stack.travel(timedelta(days=1))
    stack.buy(contoso, BUSINESS_PREMIUM, 2)
    stack.sync(customer_id)

    assert TWO_MORE in stack.lines()
    assert "login.token" in answered(stack)
    logs = "".join(host.log for host in stack.hosts)
    held = [one.value for one in stack.microsoft.refresh_tokens]
    assert len(held) > 1
    assert not any(value in logs for value in held)


def test_a_wrong_certificate_is_one_alert_that_says_what_to_do(stack: Stack, tmp_path):
    with_certificate(stack, our_key().pem_file(tmp_path))
    story = billed_contoso(stack)
    written, lines = len(stack.psa.audit), stack.lines()
    stack.buy(story.tenant, BUSINESS_PREMIUM, 2)
    stack.travel(timedelta(days=1))
    [app] = stack.microsoft.apps
    app.certificates = [SignedKey().public]
    stack.host.stop()

    for _ in range(2):
        run = stack.sync(story.customer_id)
        assert run["items"]["failed"] == 1

    [alert] = stack.get("/api/alerts").json()["items"]
    assert alert["kind"] == "sign_in_broken"
    assert REFUSED_CERTIFICATE in alert["text"]
    assert CLIENT_ID in alert["text"]
    assert "BEGIN" not in alert["text"]
    assert (len(stack.psa.audit), stack.lines()) == (written, lines)

    app.certificates = [our_key().public]
    stack.sync(story.customer_id)

    kinds = {one["kind"] for one in stack.get("/api/alerts").json()["items"]}
    assert kinds <= {"seats_reducible"}  # two were just bought, and nobody has them
    assert TWO_MORE in stack.lines()
