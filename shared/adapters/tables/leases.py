"""Table ``leases``: a partition for each customer, by line group; an entity while one is held.

Where a PSA can only write an agreement whole, its agreements have a partition beside the customers.

Taking a free lease is one call, and giving it back another. An entity whose time is over is taken
by a conditional replacement, so one of several wins. Workers compare the time on their own clocks:
they should agree within seconds, and the ETag keeps even a wrong clock from making two holders.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.adapters.tables.codec import Codec
from shared.adapters.tables.entries import Entries
from shared.adapters.tables.keys import key
from shared.adapters.tables.table import Tables
from shared.domain.errors import LeaseTakenError, StaleVersionError
from shared.domain.ids import AgreementId, ConnectionName, CustomerId, GroupId
from shared.ports import Clock, Versioned

LASTS = timedelta(seconds=60)
"""How long a lease lasts unless it is renewed; it is renewed after a third of that."""


def agreements_of(psa: ConnectionName) -> str:
    """Return the partition of a PSA's agreements; no customer's id has two dots."""
    return f"..{psa}"


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """Who holds a lease, by a random name, and until when."""

    owner: str
    expires_at: datetime


class LeaseTable:
    """A ``LeaseRepository``."""

    def __init__(self, tables: Tables, clock: Clock, lasts: timedelta = LASTS) -> None:
        codec = Codec[LeaseHolder](LeaseHolder, "a lease")
        self._entries = Entries(tables.table("leases"), codec)
        self._clock = clock
        self._lasts = lasts

    @property
    def lasts(self) -> timedelta:
        return self._lasts

    def take(self, customer_id: CustomerId, group_id: GroupId) -> "HeldLease":
        return self._take(key(customer_id), key(group_id))

    def take_agreement(self, psa: ConnectionName, agreement_id: AgreementId) -> "HeldLease":
        return self._take(key(agreements_of(psa)), key(agreement_id))

    def _take(self, partition: str, row: str) -> "HeldLease":
        place = partition, row
        now = self._clock.real_now()
        mine = LeaseHolder(secrets.token_hex(8), now + self._lasts)
        try:
            held = self._entries.save(*place, None, mine)
        except StaleVersionError:
            held = self._take_over(place, mine, now)
        return HeldLease(self._entries, place, held, self._clock, self._lasts)

    def _take_over(
        self, place: tuple[str, str], mine: LeaseHolder, now: datetime
    ) -> Versioned[LeaseHolder]:
        found = self._entries.get(*place)
        if found is not None and found.value.owner == mine.owner:
            return found  # ours: only the answer to our first try was lost
        if found is not None and found.value.expires_at > now:
            raise LeaseTakenError(place[1], found.value.expires_at - now)
        try:
            return self._entries.save(*place, found, mine)
        except StaleVersionError as error:
            raise LeaseTakenError(place[1], self._lasts) from error


class HeldLease:
    """A ``Lease``; used by one thread."""

    def __init__(
        self,
        entries: Entries[LeaseHolder],
        place: tuple[str, str],
        held: Versioned[LeaseHolder],
        clock: Clock,
        lasts: timedelta,
    ) -> None:
        self._entries = entries
        self._place = place
        self._held = held
        self._clock = clock
        self._lasts = lasts

    def keep(self) -> None:
        now = self._clock.real_now()
        if now < self._held.value.expires_at - self._lasts * 2 / 3:
            return
        renewed = replace(self._held.value, expires_at=now + self._lasts)
        try:
            self._held = self._entries.save(*self._place, self._held, renewed)
        except StaleVersionError as error:
            found = self._entries.get(*self._place)
            if found is None or found.value != renewed:
                raise LeaseTakenError(self._place[1], self._lasts) from error
            self._held = found  # renewed, and only the answer was lost

    def release(self) -> None:
        try:
            self._entries.table.delete(*self._place, self._held.version)
        except StaleVersionError:
            return  # another worker's by now
