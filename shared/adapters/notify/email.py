"""A ``Notifier`` that sends e-mail by SMTP, as text and as HTML."""

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from enum import StrEnum
from typing import Final

from shared.adapters.notify.texts import html, plain
from shared.domain.digests import Digest
from shared.domain.errors import (
    AccessDeniedError,
    RequestRefusedError,
    SeatsyncError,
    UnknownOutcomeError,
    UpstreamUnavailableError,
)
from shared.ports import Clock

TIMEOUT_SECONDS: Final = 30.0
"""For each answer of the server."""
_PERMANENT: Final = 500


class Security(StrEnum):
    """How the connection to the server is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class EmailConfig:
    """How to reach the server, and who writes to whom.

    Attributes:
        ca_file: Certificates to trust in place of the system's.
    """

    host: str
    port: int
    security: Security
    sender: str
    recipients: tuple[str, ...]
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    timeout_seconds: float = TIMEOUT_SECONDS


class EmailNotifier:
    """One set of recipients."""

    channel = "email"

    def __init__(self, name: str, config: EmailConfig, clock: Clock) -> None:
        self.name = name
        self._config = config
        self._clock = clock

    def send(self, digest: Digest) -> str:
        message = self._message(digest)
        server: smtplib.SMTP | None = None
        try:
            server = self._connected()
            refused = self._addressed(server)
        except (OSError, smtplib.SMTPException) as error:
            # Before the text itself goes out nothing can have been sent.
            raise self._never_sent(error) from None
        else:
            self._handed_over(server, message)
        finally:
            if server is not None:
                with suppress(OSError, smtplib.SMTPException):
                    server.quit()
        of = len(self._config.recipients)
        return f"{refused} of {of} recipients were refused by the server" if refused else ""

    def _message(self, digest: Digest) -> EmailMessage:
        message = EmailMessage(policy=SMTP)  # with the line ends that a server wants
        message["Subject"] = digest.subject
        message["From"] = self._config.sender
        message["To"] = ", ".join(self._config.recipients)
        message["Date"] = format_datetime(self._clock.real_now())
        message["Message-ID"] = make_msgid(domain=self._config.sender.partition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(plain(digest))
        message.add_alternative(html(digest), subtype="html")
        return message

    def _connected(self) -> smtplib.SMTP:
        """Connect, protect the connection and sign in."""
        config = self._config
        server: smtplib.SMTP
        if config.security is Security.TLS:
            server = smtplib.SMTP_SSL(
                config.host, config.port, timeout=config.timeout_seconds, context=self._context()
            )
        else:
            server = smtplib.SMTP(config.host, config.port, timeout=config.timeout_seconds)
        try:
            if config.security is Security.STARTTLS:
                server.starttls(context=self._context())
            server.ehlo_or_helo_if_needed()
            if config.username is not None:
                server.login(config.username, config.password or "")
        except BaseException:
            server.close()
            raise
        return server

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._config.ca_file)

    def _addressed(self, server: smtplib.SMTP) -> int:
        """Name sender and recipients, and return how many of these were refused."""
        code, _ = server.mail(self._config.sender)
        if not _accepted(code):
            raise smtplib.SMTPResponseException(code, "sender")
        codes = [server.rcpt(recipient)[0] for recipient in self._config.recipients]
        refused = [code for code in codes if not _accepted(code)]
        if len(refused) == len(codes):
            raise smtplib.SMTPResponseException(min(refused), "every recipient")
        return len(refused)

    def _handed_over(self, server: smtplib.SMTP, message: EmailMessage) -> None:
        try:
            code, _ = server.data(message.as_bytes())
        except smtplib.SMTPDataError as error:
            raise self._never_sent(error) from None  # it did not even want the text
        except (OSError, smtplib.SMTPException) as error:
            raise UnknownOutcomeError(
                f"{self.name}: the mail server did not confirm the message ({_kind(error)})"
            ) from None
        if not _accepted(code):
            raise self._never_sent(smtplib.SMTPDataError(code, "message"))

    def _never_sent(self, error: Exception) -> SeatsyncError:
        """Return what a failure is; the server's own words may quote an address, and stay out."""
        if isinstance(error, smtplib.SMTPAuthenticationError):
            remedy = f"Check NOTIFY__{self.name}__USERNAME and NOTIFY__{self.name}__PASSWORD."
            return AccessDeniedError(f"{self.name}: the mail server refused to sign us in", remedy)
        if isinstance(error, smtplib.SMTPNotSupportedError):
            what = f"{self.name}: the mail server does not offer what NOTIFY__{self.name}__… needs"
            return RequestRefusedError(what)
        if isinstance(error, ssl.SSLCertVerificationError):
            return RequestRefusedError(f"{self.name}: the mail server's certificate is not trusted")
        if isinstance(error, smtplib.SMTPResponseException):
            code = error.smtp_code
            what = f"the mail server refused the message ({code})"
            if code >= _PERMANENT:
                return RequestRefusedError(f"{self.name}: {what}")
            return UpstreamUnavailableError(self.name, what)
        return UpstreamUnavailableError(self.name, f"no connection ({_kind(error)})")


def _accepted(code: int) -> bool:
    return 200 <= code < 300  # noqa: PLR2004 - SMTP's own classes of answers


def _kind(error: Exception) -> str:
    return type(error).__name__
