"""Queues in memory."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from shared.messages import decode_license, decode_tenant, encode
from shared.ports import LicenseSync, TenantSync

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Delayed(Generic[M]):
    """A message as it was put, and how long it was to stay invisible."""

    message: M
    delay: timedelta


@dataclass(slots=True)
class FakeTenantQueue:
    """A ``TenantQueue``; messages pass through JSON as real ones do."""

    waiting: list[Delayed[TenantSync]] = field(default_factory=list)

    def put(self, message: TenantSync, delay: timedelta = timedelta(0)) -> None:
        self.waiting.append(Delayed(decode_tenant(encode(message)), delay))

    @property
    def messages(self) -> list[TenantSync]:
        return [entry.message for entry in self.waiting]

    def take(self) -> TenantSync:
        """Take the first message, delayed or not."""
        return self.waiting.pop(0).message


@dataclass(slots=True)
class FakeLicenseQueue:
    """A ``LicenseQueue``; messages pass through JSON as real ones do."""

    waiting: list[Delayed[LicenseSync]] = field(default_factory=list)

    def put(self, message: LicenseSync, delay: timedelta = timedelta(0)) -> None:
        self.waiting.append(Delayed(decode_license(encode(message)), delay))

    @property
    def messages(self) -> list[LicenseSync]:
        return [entry.message for entry in self.waiting]

    def take(self) -> LicenseSync:
        """Take the first message, delayed or not."""
        return self.waiting.pop(0).message
