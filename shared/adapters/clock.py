"""What time it is: the machine's own, or what a file says for billing."""

from datetime import UTC, datetime
from pathlib import Path

from shared.domain.errors import SettingsError


class SystemClock:
    """A ``Clock`` that never travels."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def real_now(self) -> datetime:
        return datetime.now(UTC)


class FileClock:
    """A ``Clock`` whose "now" stands in a file, read at each use, so that time can travel.

    The file holds an ISO moment; without a zone it is in UTC. It is for Development only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: datetime | None = None

    def now(self) -> datetime:
        """Return what the file says; what it said last while somebody is writing it.

        Raises:
            SettingsError: The file cannot be read, or holds no moment.
        """
        try:
            text = self._path.read_text("utf-8").strip()
            moment = self._last if not text and self._last else datetime.fromisoformat(text)
        except (OSError, ValueError) as error:
            message = f"CLOCK_FILE must name a file with an ISO moment: {type(error).__name__}"
            raise SettingsError(message) from error
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        self._last = moment.astimezone(UTC)
        return self._last

    def real_now(self) -> datetime:
        return datetime.now(UTC)
