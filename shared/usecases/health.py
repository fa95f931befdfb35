"""Whether the app can work."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain.errors import SeatsyncError
from shared.domain.runs import Run, RunReason, Totals
from shared.ports import Services
from shared.usecases.close_runs import run_totals
from shared.usecases.send_digests import NotifierState, notifier_states

_DAILY = re.compile(r"([0-5]?\d) ([0-5]?\d) ([01]?\d|2[0-3]) \* \* \*", re.ASCII)
LOOK_BACK = 100
"""How many runs are looked through for the last scheduled one."""


@dataclass(frozen=True, slots=True)
class Health:
    """What the health check says.

    Attributes:
        tables, queues: ``ok`` or a reason.
        last_cycle: The last scheduled run with its totals as of now, if there was one lately.
        notifiers: ``ok``, ``failing`` or ``unused`` by name. One that fails does not make the app
            unhealthy: it stops no sync.
    """

    tables: str
    queues: str
    last_cycle: tuple[Run, Totals] | None
    notifiers: dict[str, str] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether the storage answers."""
        return self.tables == "ok" and self.queues == "ok"


def check_health(services: Services) -> Health:
    """Return whether the storage answers, and how the last cycle went; never raises for storage."""
    answers = services.storage_health.check()
    health = Health(answers.get("tables", "ok"), answers.get("queues", "ok"), None)
    if not health.healthy:
        return health
    try:
        notifiers = {one.name: _of(one) for one in notifier_states(services)}
        return Health(health.tables, health.queues, _last_cycle(services), notifiers)
    except SeatsyncError as error:
        return Health(str(error), health.queues, None)


def _of(notifier: NotifierState) -> str:
    if notifier.problem:
        return "failing"
    return "unused" if notifier.sent_at is None else "ok"


def _last_cycle(services: Services) -> tuple[Run, Totals] | None:
    runs = services.runs.list(limit=LOOK_BACK).items
    last = next((run for run in runs if run.reason is RunReason.SCHEDULED), None)
    return None if last is None else run_totals(last, services)


def next_cycle(schedule: str, now: datetime) -> datetime | None:
    """Return when the next cycle starts, or ``None`` for a schedule that is not once a day.

    The host alone knows every schedule; one at a fixed time each day is all that is read here.

    Args:
        schedule: NCRONTAB, in UTC, such as ``0 0 2 * * *``.
    """
    found = _DAILY.fullmatch(schedule.strip())
    if found is None:
        return None
    second, minute, hour = (int(part) for part in found.groups())
    today = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
    return today if today > now else today + timedelta(days=1)
