"""What every notifier does.

A subclass has a fixture ``desk``: a notifier and the place where its messages arrive.
"""

from typing import Protocol

import pytest

from shared.domain.digests import Digest, DigestSection
from shared.domain.errors import (
    OperatorActionError,
    RetryableError,
    SeatsyncError,
    UnknownOutcomeError,
)
from shared.ports import Notifier

DIGEST = Digest(
    subject="Seatsync: daily digest, 3 alerts",
    sections=(
        DigestSection("Waiting for approval", ("Contoso: falls from 10 to 2", "Käse & Co: rises")),
        DigestSection("Failed", ("Fabrikam: [the] <b>PSA</b> said *no*",), more=7),
    ),
    link="https://seatsync.example/alerts",
)


class Desk(Protocol):
    """A notifier with what a test may do to the other side.

    Attributes:
        their_log: What the loggers of the other side begin with, when it runs in this process.
    """

    notifier: Notifier
    secrets: tuple[str, ...]
    their_log: str | None

    def arrived(self) -> list[str]:
        """Return the messages that people got, as they read them."""

    def refuse(self) -> None:
        """Let the other side say no to what comes next."""

    def be_busy(self) -> None:
        """Let the other side ask for another try later."""

    def lose_the_answer(self) -> None:
        """Let the other side take what comes next, and not say so."""


class NotifierContract:
    """A suite."""

    def test_a_message_arrives_once_with_all_that_it_says(self, desk: Desk):
        assert desk.notifier.send(DIGEST) == ""

        [text] = desk.arrived()
        for words in (
            "daily digest, 3 alerts",
            "Waiting for approval",
            "Contoso: falls from 10 to 2",
            "Käse & Co: rises",
            "and 7 more",
            "https://seatsync.example/alerts",
        ):
            assert words in text

    def test_it_says_what_it_is(self, desk: Desk):
        assert desk.notifier.name == "billing"
        assert desk.notifier.channel in {"email", "teams", "ticket"}

    def test_a_refusal_is_for_a_person_and_nothing_was_sent(self, desk: Desk):
        desk.refuse()

        with pytest.raises(OperatorActionError) as refused:
            desk.notifier.send(DIGEST)
        assert desk.arrived() == []
        self._tells_nothing(desk, refused.value)

    def test_a_busy_other_side_is_tried_again_later(self, desk: Desk):
        desk.be_busy()

        with pytest.raises(RetryableError) as busy:
            desk.notifier.send(DIGEST)
        assert desk.arrived() == []
        self._tells_nothing(desk, busy.value)

    def test_a_lost_answer_is_an_unknown_outcome(self, desk: Desk):
        desk.lose_the_answer()

        with pytest.raises(UnknownOutcomeError) as unknown:
            desk.notifier.send(DIGEST)
        assert len(desk.arrived()) == 1
        self._tells_nothing(desk, unknown.value)

    def test_nothing_secret_is_logged(self, desk: Desk, caplog: pytest.LogCaptureFixture):
        caplog.set_level("DEBUG")

        desk.notifier.send(DIGEST)

        ours = [
            record.getMessage()
            for record in caplog.records
            if desk.their_log is None or not record.name.startswith(desk.their_log)
        ]
        assert not any(secret in text for text in ours for secret in desk.secrets)

    def _tells_nothing(self, desk: Desk, error: SeatsyncError) -> None:
        remedy = getattr(error, "remedy", "")
        assert not any(secret in f"{error} {remedy}" for secret in desk.secrets)
