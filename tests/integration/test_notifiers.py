"""Notifiers against real servers on this machine: SMTP, and a webhook."""

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local.processes import free_port
from shared.adapters.clock import SystemClock
from shared.adapters.http.session import pooled_http
from shared.adapters.notify.email import EmailConfig, EmailNotifier, Security
from shared.adapters.notify.teams import MOST_BYTES, TeamsNotifier
from shared.domain.digests import Digest, DigestSection
from shared.domain.errors import AccessDeniedError, RequestRefusedError, UpstreamUnavailableError
from tests.contract.notifier import DIGEST, NotifierContract

pytestmark = pytest.mark.stack

RECIPIENTS = ("billing@msp.example", "ann@msp.example")
SENDER = "seatsync@msp.example"
PASSWORD = "correct horse"
LOOPBACK = "127.0.0.1"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine and its key, for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, LOOPBACK)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private


# E-mail ------------------------------------------------------------------------------------------


class Mailbox:
    """A mail server's handler: it keeps messages, and fails as it is told."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.answer = "250 OK"
        self.refused: set[str] = set()
        self.lose = False

    async def handle_RCPT(  # noqa: N802 - the server's own name and arguments
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if address in self.refused:
            return f"550 <{address}> is unknown"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the server's own name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        del session
        if self.answer.startswith("250"):
            message = message_from_bytes(envelope.original_content or b"", policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
            self.envelopes.append(envelope)
        if self.lose:
            assert server.transport is not None
            server.transport.abort()
        return self.answer


class MailDesk:
    """A ``Desk``: one mail server, and a notifier that writes to it."""

    secrets = (*RECIPIENTS, SENDER, PASSWORD)
    their_log = "mail"

    def __init__(self, mailbox: Mailbox, config: EmailConfig) -> None:
        self.mailbox = mailbox
        self.config = config
        self.notifier = EmailNotifier("billing", config, SystemClock())

    def with_config(self, **changes: Any) -> EmailNotifier:
        return EmailNotifier("billing", replace(self.config, **changes), SystemClock())

    def arrived(self) -> list[str]:
        found = []
        for message in self.mailbox.messages:
            text, html = message.get_body(("plain",)), message.get_body(("html",))
            assert text is not None
            assert html is not None
            assert "&lt;b&gt;PSA&lt;/b&gt;" in html.get_content()
            found.append(f"{message['Subject']}\n{text.get_content()}")
        return found

    def refuse(self) -> None:
        self.mailbox.answer = f"554 {SENDER} may not write here"

    def be_busy(self) -> None:
        self.mailbox.answer = f"451 {SENDER} writes too much"

    def lose_the_answer(self) -> None:
        self.mailbox.lose = True


def _desk(certificate: tuple[Path, Path], security: Security) -> Iterator[MailDesk]:
    mailbox = Mailbox()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    def checked(server: SMTP, session: Session, envelope: Envelope, how: str, given: Any) -> Any:
        del server, session, envelope, how
        known = isinstance(given, LoginPassword) and given.password == PASSWORD.encode()
        return AuthResult(success=known, handled=known)

    options: dict[str, Any] = {"hostname": LOOPBACK, "port": free_port()}
    signs_in = security is not Security.NONE
    if signs_in:
        options |= {"authenticator": checked}
    if security is Security.STARTTLS:
        options |= {"tls_context": context, "require_starttls": True, "auth_required": True}
    elif security is Security.TLS:
        options |= {"ssl_context": context, "auth_require_tls": False}
    server = Controller(mailbox, **options)
    server.start()
    try:
        yield MailDesk(
            mailbox,
            EmailConfig(
                host=LOOPBACK,
                port=options["port"],
                security=security,
                sender=SENDER,
                recipients=RECIPIENTS,
                username="seatsync" if signs_in else None,
                password=PASSWORD if signs_in else None,
                ca_file=str(certificate[0]),
                timeout_seconds=5.0,
            ),
        )
    finally:
        server.stop()


@pytest.fixture(params=list(Security))
def any_mail(request: pytest.FixtureRequest, certificate: tuple[Path, Path]) -> Iterator[MailDesk]:
    yield from _desk(certificate, request.param)


@pytest.fixture
def mail(certificate: tuple[Path, Path]) -> Iterator[MailDesk]:
    yield from _desk(certificate, Security.STARTTLS)


# The mail server of the tests leaves its own connections to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestEmail(NotifierContract):
    @pytest.fixture
    def desk(self, any_mail):
        return any_mail

    def test_a_message_says_whom_it_is_from_and_that_a_machine_wrote_it(self, mail):
        mail.notifier.send(DIGEST)

        [message], [envelope] = mail.mailbox.messages, mail.mailbox.envelopes
        assert message["From"] == SENDER
        assert message["To"] == ", ".join(RECIPIENTS)
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["Date"]
        assert message["Message-ID"]
        assert message.get_content_type() == "multipart/alternative"
        assert (envelope.mail_from, envelope.rcpt_tos) == (SENDER, list(RECIPIENTS))

    def test_one_refused_recipient_is_told_and_the_others_get_it(self, mail):
        mail.mailbox.refused = {RECIPIENTS[1]}

        assert mail.notifier.send(DIGEST) == "1 of 2 recipients were refused by the server"
        assert mail.mailbox.envelopes[0].rcpt_tos == [RECIPIENTS[0]]

    def test_a_message_that_nobody_may_get_is_refused(self, mail):
        mail.mailbox.refused = set(RECIPIENTS)

        with pytest.raises(RequestRefusedError, match=r"refused the message \(550\)$"):
            mail.notifier.send(DIGEST)

    def test_a_wrong_password_is_told_with_its_setting(self, mail):
        with pytest.raises(AccessDeniedError) as denied:
            mail.with_config(password="wrong").send(DIGEST)
        assert "NOTIFY__billing__PASSWORD" in denied.value.remedy

    def test_a_server_that_nobody_vouches_for_gets_no_password(self, mail):
        with pytest.raises(RequestRefusedError, match="certificate is not trusted"):
            mail.with_config(ca_file=None).send(DIGEST)
        assert mail.arrived() == []

    def test_a_server_without_the_protection_gets_nothing(self, certificate):
        for plain in _desk(certificate, Security.NONE):
            with pytest.raises(RequestRefusedError, match="does not offer"):
                plain.with_config(security=Security.STARTTLS).send(DIGEST)
            assert plain.arrived() == []

    def test_a_server_that_is_away_is_tried_later(self, mail):
        with pytest.raises(UpstreamUnavailableError):
            mail.with_config(port=1).send(DIGEST)


# Teams -------------------------------------------------------------------------------------------


class Workflow(ThreadingHTTPServer):
    """A webhook as Teams' workflows have one: 202 and no body."""

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Hook)
        self.messages: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.status = 202
        self.lose = False


class _Hook(BaseHTTPRequestHandler):
    server: Workflow

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.append(self.path)
        if self.server.status == 202:
            self.server.messages.append(json.loads(body))
        if self.server.lose:
            self.connection.close()
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the handler's own
        del format, args


class TeamsDesk:
    """A ``Desk``: a workflow, and a notifier that posts to it."""

    secrets = ("s3cr3t-signature",)
    their_log = None

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow
        port = workflow.server_address[1]
        self.http = pooled_http(2)
        url = f"http://{LOOPBACK}:{port}/workflows/w1/triggers/manual?sig=s3cr3t-signature&sv=1.0"
        self.notifier = TeamsNotifier("billing", url, self.http)

    def cards(self) -> list[dict[str, Any]]:
        return [message["attachments"][0]["content"] for message in self.workflow.messages]

    def arrived(self) -> list[str]:
        return [
            "\n".join(
                [
                    *(block["text"].replace("\\", "") for block in card["body"]),
                    *(action["url"] for action in card.get("actions", [])),
                ]
            )
            for card in self.cards()
        ]

    def refuse(self) -> None:
        self.workflow.status = 400

    def be_busy(self) -> None:
        self.workflow.status = 429

    def lose_the_answer(self) -> None:
        self.workflow.lose = True


@pytest.fixture
def teams() -> Iterator[TeamsDesk]:
    workflow = Workflow()
    thread = threading.Thread(target=workflow.serve_forever, daemon=True)
    thread.start()
    desk = TeamsDesk(workflow)
    try:
        yield desk
    finally:
        desk.http.close()
        workflow.shutdown()
        workflow.server_close()
        thread.join()


class TestTeams(NotifierContract):
    @pytest.fixture
    def desk(self, teams):
        return teams

    def test_the_message_is_an_adaptive_card_at_the_whole_address(self, teams):
        teams.notifier.send(DIGEST)

        [message], [card] = teams.workflow.messages, teams.cards()
        assert message["type"] == "message"
        kind = message["attachments"][0]["contentType"]
        assert kind == "application/vnd.microsoft.card.adaptive"
        assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
        assert teams.workflow.paths == ["/workflows/w1/triggers/manual?sig=s3cr3t-signature&sv=1.0"]

    def test_what_a_name_holds_is_text_and_no_markdown(self, teams):
        teams.notifier.send(DIGEST)

        texts = [block["text"] for block in teams.cards()[0]["body"]]
        assert "Fabrikam: \\[the\\] <b>PSA</b> said \\*no\\*" in texts

    def test_a_long_digest_fits_into_a_card_and_says_that_it_was_cut(self, teams):
        lines = tuple(f"customer {number}: {'much to say ' * 20}" for number in range(100))
        teams.notifier.send(Digest("Seatsync: long", (DigestSection("Failed", lines),)))

        [message] = teams.workflow.messages
        assert len(json.dumps(message)) < MOST_BYTES * 1.1
        assert "There is more than a card can hold." in teams.arrived()[0]
        assert "customer 0:" in teams.arrived()[0]

    def test_an_address_that_was_taken_back_is_told_with_its_setting(self, teams):
        teams.workflow.status = 401

        with pytest.raises(AccessDeniedError) as denied:
            teams.notifier.send(DIGEST)
        assert "NOTIFY__billing__URL" in denied.value.remedy
