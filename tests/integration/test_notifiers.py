"""Notifiers against real servers on this machine: SMTP, and a webhook."""

import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

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
PASSWORD = "correct horse"  # noqa: S105 - of a server that lives as long as a test
