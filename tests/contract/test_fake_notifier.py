"""The notifier in memory keeps the promises of the real ones."""

import pytest

from shared.adapters.notify.texts import plain
from shared.domain.errors import RequestRefusedError, UnknownOutcomeError, UpstreamUnavailableError
from tests.contract.notifier import DIGEST, NotifierContract
from tests.fakes.notify import FakeNotifier


class FakeDesk:
    """A ``Desk``."""

    def __init__(self) -> None:
        self.notifier = FakeNotifier()
        self.secrets = ()
        self.their_log = None
        self._lost = 0

    def arrived(self) -> list[str]:
        texts = [f"{one.subject}\n{plain(one)}" for one in self.notifier.sent]
        return texts + ["lost"] * self._lost

    def refuse(self) -> None:
        self.notifier.errors.append(RequestRefusedError("billing: refused"))

    def be_busy(self) -> None:
        self.notifier.errors.append(UpstreamUnavailableError("billing", "busy"))

    def lose_the_answer(self) -> None:
        self._lost = 1
        self.notifier.errors.append(UnknownOutcomeError("billing: not confirmed"))


class TestFakeNotifier(NotifierContract):
    @pytest.fixture
    def desk(self):
        return FakeDesk()


def test_the_plain_text_is_one_alert_a_line():
    assert plain(DIGEST).splitlines() == [
        "Waiting for approval",
        "- Contoso: falls from 10 to 2",
        "- Käse & Co: rises",
        "",
        "Failed",
        "- Fabrikam: [the] <b>PSA</b> said *no*",
        "- and 7 more",
        "",
        "All alerts, and how to dismiss one: https://seatsync.example/alerts",
    ]
