"""Table ``connections``: one partition, by the connection's name."""

import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import SEPARATOR, key
from shared.adapters.tables.retry import settled
from shared.adapters.tables.table import Entity, Tables
from shared.domain.errors import StaleVersionError
from shared.domain.ids import ConnectionName
from shared.ports import Clock

PARTITION = "connections"
TENANTS = "tenants"

REMEMBERED = timedelta(seconds=2)
"""How long a process goes by what it read: every call of an API asks, and few pauses are new."""


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """A connection's pause."""

    paused_until: datetime


@dataclass(frozen=True, slots=True)
class TenantListing:
    """When a connection's tenants were listed."""

    listed_at: datetime


class ConnectionTable:
    """A ``ConnectionStates``.

    A pause is seen at once by the process that makes it, and within two seconds by the others.
    """

    def __init__(self, tables: Tables, clock: Clock, remembered: timedelta = REMEMBERED) -> None:
        codec = Codec[ConnectionState](ConnectionState, "a connection's state")
        self._entries = Entries(tables.table("connections"), codec)
        listing = Codec[TenantListing](TenantListing, "when tenants were listed")
        self._listings = Entries(tables.table("connections"), listing)
        self._clock = clock
        self._remembered = remembered
        self._lock = threading.Lock()
        self._read_at: datetime | None = None
        self._stored: dict[str, Entity] = {}
        self._made: dict[str, datetime] = {}

    def paused_until(self, name: str) -> datetime | None:
        now = self._clock.real_now()
        row = key(name)
        # All are read together, because nearly none are there: a cycle asks for each tenant.
        with self._lock:
            if self._read_at is None or not timedelta(0) <= now - self._read_at < self._remembered:
                self._stored = {one.row: one for one in self._entries.table.query(PARTITION)}
                self._made.clear()
                self._read_at = now
            found, until = self._stored.get(row), self._made.get(row)
        if until is None and found is not None:
            until = self._entries.value(found).value.paused_until
        return until if until is not None and until > now else None

    def pause(self, name: str, until: datetime) -> None:
        settled(lambda: self._pause_once(name, until))

    def forget_pauses(self, before: datetime) -> int:
        found = self._entries.table.query(PARTITION)
        over = [
            entity
            for entity in found
            if not entity.row.endswith(SEPARATOR + TENANTS)
            and self._entries.value(entity).value.paused_until < before
        ]
        self._entries.table.delete_all(over)
        return len(over)

    def tenants_listed_at(self, name: ConnectionName) -> datetime | None:
        found = self._listings.get(PARTITION, key(name, TENANTS))
        return None if found is None else found.value.listed_at

    def tenants_listed(self, name: ConnectionName, at: datetime) -> None:
        read = self._listings.get(PARTITION, key(name, TENANTS))
        with suppress(StaleVersionError):  # another worker has just listed them
            self._listings.save(PARTITION, key(name, TENANTS), read, TenantListing(at))

    def _pause_once(self, name: str, until: datetime) -> None:
        found = self._entries.get(PARTITION, key(name))
        longest = max(until, found.value.paused_until) if found else until
        if found is None or longest > found.value.paused_until:
            self._entries.save(PARTITION, key(name), found, ConnectionState(longest))
        with self._lock:
            self._made[key(name)] = longest
