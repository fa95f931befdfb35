"""Where a timer's status is kept, so that a restart and a second host know what has run.

The real host keeps it in a blob and takes a blob lease. Locally it is a row of a table in the
same storage account: the row is claimed with its ETag, so that one host runs a tick.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from azure.core import MatchConditions
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.data.tables import TableServiceClient, UpdateMode

TABLE = "localhosttimers"


class StatusConflictError(Exception):
    """Another host has written the status first."""


@dataclass(frozen=True, slots=True)
class TimerStatus:
    """What is known of one timer.

    Attributes:
        schedule: The schedule it was computed with; another one starts over.
        last: When the last run began, or None.
        next: When it is due. None: never again.
        updated: When the status was written.
        busy_until: Until when a host that runs it holds it, or None.
    """

    schedule: str
    last: datetime | None
    next: datetime | None
    updated: datetime
    busy_until: datetime | None = None

    def for_function(self) -> dict[str, str]:
        """Return the status as a function sees it."""
        named = {"Last": self.last, "Next": self.next, "LastUpdated": self.updated}
        return {name: moment.isoformat() if moment else "" for name, moment in named.items()}


@dataclass(frozen=True, slots=True)
class StoredStatus:
    """A status as it was read or written."""

    status: TimerStatus
    version: str


class TimerStatusStore(Protocol):
    """Keeps the status of each timer. Called from a worker thread."""

    def read(self, timer: str) -> StoredStatus | None:
        """Return the status, or None when there is none yet."""
        ...

    def write(self, timer: str, status: TimerStatus, version: str | None) -> StoredStatus:
        """Save the status if it is still what was read; no version means: if there is none.

        Raises:
            StatusConflictError: Another host was first.
        """
        ...


class TimerStatusTable:
    """A TimerStatusStore in Azure Table Storage."""

    def __init__(self, service: TableServiceClient, host_id: str) -> None:
        self._service = service
        self._table = service.get_table_client(TABLE)
        self._host_id = host_id

    def read(self, timer: str) -> StoredStatus | None:
        try:
            entity = self._table.get_entity(self._host_id, timer)
        except ResourceNotFoundError:
            return None
        status = TimerStatus(
            schedule=entity["Schedule"],
            last=_moment(entity, "Last"),
            next=_moment(entity, "Next"),
            updated=datetime.fromisoformat(entity["LastUpdated"]),
            busy_until=_moment(entity, "BusyUntil"),
        )
        return StoredStatus(status, str(entity.metadata["etag"]))

    def write(self, timer: str, status: TimerStatus, version: str | None) -> StoredStatus:
        entity = {
            "PartitionKey": self._host_id,
            "RowKey": timer,
            "Schedule": status.schedule,
            "Last": _text(status.last),
            "Next": _text(status.next),
            "LastUpdated": _text(status.updated),
            "BusyUntil": _text(status.busy_until),
        }
        try:
            if version is None:
                saved = self._create(entity)
            else:
                saved = self._table.update_entity(
                    entity,
                    mode=UpdateMode.REPLACE,
                    etag=version,
                    match_condition=MatchConditions.IfNotModified,
                )
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
            raise StatusConflictError(timer) from error
        return StoredStatus(status, str(saved["etag"]))

    def _create(self, entity: dict[str, str]) -> Mapping[str, object]:
        try:
            return self._table.create_entity(entity)
        except ResourceNotFoundError:
            self._service.create_table_if_not_exists(TABLE)
            return self._table.create_entity(entity)


def _text(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _moment(entity: Mapping[str, str], name: str) -> datetime | None:
    return datetime.fromisoformat(entity[name]) if entity[name] else None
