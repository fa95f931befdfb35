"""The connections that the settings name, each made when it is first used."""

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

from shared.domain.errors import NotFoundError
from shared.domain.ids import ConnectionName
from shared.ports import LicenseSource, PartnerSubscriptions, PsaConnection

T = TypeVar("T")


class NamedConnections:
    """A ``Connections``. A connection that cannot be made fails alone, at each use."""

    def __init__(
        self,
        microsoft: Mapping[ConnectionName, Callable[[], LicenseSource]],
        psa: Mapping[ConnectionName, Callable[[], PsaConnection]],
        partner_center: Mapping[ConnectionName, Callable[[], PartnerSubscriptions | None]] = (
            MappingProxyType({})
        ),
    ) -> None:
        """Take what makes each connection.

        Args:
            partner_center: By the name of a Microsoft connection; one without has none.
        """
        self._microsoft = _Lazy("Microsoft", microsoft)
        nowhere = dict.fromkeys(microsoft, _nothing)
        self._partner_center = _Lazy("Microsoft", {**nowhere, **partner_center})
        self._psa = _Lazy("PSA", psa)

    def microsoft_names(self) -> tuple[ConnectionName, ...]:
        return self._microsoft.names

    def psa_names(self) -> tuple[ConnectionName, ...]:
        return self._psa.names

    def microsoft(self, name: ConnectionName) -> LicenseSource:
        return self._microsoft.get(name)

    def partner_center(self, name: ConnectionName) -> PartnerSubscriptions | None:
        return self._partner_center.get(name)

    def psa(self, name: ConnectionName) -> PsaConnection:
        return self._psa.get(name)


def _nothing() -> None:
    return None


class _Lazy(Generic[T]):
    def __init__(self, family: str, makers: Mapping[ConnectionName, Callable[[], T]]) -> None:
        self._family = family
        self._makers = dict(makers)
        self._made: dict[ConnectionName, T] = {}
        self._lock = threading.Lock()
        self.names = tuple(sorted(makers))

    def get(self, name: ConnectionName) -> T:
        if name not in self._makers:
            raise NotFoundError(f"the settings name no {self._family} connection {name!r}")
        with self._lock:
            if name not in self._made:
                self._made[name] = self._makers[name]()
            return self._made[name]
