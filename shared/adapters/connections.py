"""The connections that the settings name, each made when it is first used."""

import threading
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from shared.domain.errors import NotFoundError
from shared.domain.ids import ConnectionName
from shared.ports import LicenseSource, PsaConnection

T = TypeVar("T")


class NamedConnections:
    """A ``Connections``. A connection that cannot be made fails alone, at each use."""

    def __init__(
        self,
        microsoft: Mapping[ConnectionName, Callable[[], LicenseSource]],
        psa: Mapping[ConnectionName, Callable[[], PsaConnection]],
    ) -> None:
        self._microsoft = _Lazy("Microsoft", microsoft)
        self._psa = _Lazy("PSA", psa)

    def microsoft_names(self) -> tuple[ConnectionName, ...]:
        return self._microsoft.names

    def psa_names(self) -> tuple[ConnectionName, ...]:
        return self._psa.names

    def microsoft(self, name: ConnectionName) -> LicenseSource:
        return self._microsoft.get(name)

    def psa(self, name: ConnectionName) -> PsaConnection:
        return self._psa.get(name)


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
