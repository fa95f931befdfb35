"""A notifier in memory."""

from shared.domain.digests import Digest


class FakeNotifier:
    """A ``Notifier`` that keeps what it sends, and fails as it is told."""

    def __init__(self, name: str = "billing", channel: str = "email") -> None:
        self.name = name
        self.channel = channel
        self.sent: list[Digest] = []
        self.errors: list[BaseException] = []
        self.note = ""

    def send(self, digest: Digest) -> str:
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append(digest)
        return self.note
