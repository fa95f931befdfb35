"""The query parameters of a list: filter, order, columns, and two kinds of paging."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from local.simulators.connectwise import conditions
from local.simulators.connectwise.errors import bad_query
from local.simulators.connectwise.fields import Fields

DEFAULT_PAGE_SIZE = 25
LARGEST_PAGE_SIZE = 1000

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and the ``Link`` header that leads to the others, if there are any."""

    records: list[dict[str, Any]]
    link: str | None


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a caller asks of a list.

    Attributes:
        address: The list's own URL without a query, for the ``Link`` header.
        forward_only: The caller sent ``pagination-type: forward-only``.
    """

    fields: Fields
    address: str
    parameters: Mapping[str, str]
    forward_only: bool = False

    def count(self, records: Iterable[Record]) -> int:
        """Return how many records the conditions keep."""
        return len(self._filtered(records))

    def page(self, records: Iterable[Record]) -> Page:
        """Return the page that was asked for.

        Raises:
            ApiError: A parameter cannot be understood (400).
        """
        found = self._filtered(records)
        page, link = self._forward(found) if self.forward_only else self._navigable(found)
        return Page([self.columns(record) for record in page], link)

    def columns(self, record: Record) -> dict[str, Any]:
        """Return the record reduced to ``fields``; ``_info`` stays only when it is named."""
        wanted = [name.strip() for name in self.parameters.get("fields", "").split(",")]
        wanted = [name for name in wanted if name]
        if not wanted:
            return dict(record)
        kept: dict[str, Any] = {}
        for path in wanted:
            if self.fields.find(path) is None:
                raise bad_query(f"'{path}' is not a field of {self.fields.resource}")
            _copy(record, kept, path.split("/"))
        return kept

    def _filtered(self, records: Iterable[Record]) -> list[Record]:
        if self.parameters.get("customFieldConditions"):
            raise bad_query("customFieldConditions are not simulated")
        keep = self._test("conditions", self.fields.kind)
        keep_child = self._test("childConditions", self.fields.child_kind)
        return [record for record in records if keep(record) and keep_child(record)]

    def _test(self, name: str, kind_of: conditions.KindOf) -> Callable[[Record], bool]:
        text = self.parameters.get(name, "").strip()
        if not text:
            return lambda _record: True
        try:
            return conditions.parse(text, kind_of)
        except conditions.ConditionError as error:
            raise bad_query(f"{name}: {error}") from error

    def _navigable(self, found: list[Record]) -> tuple[list[Record], str | None]:
        size, number = self._size(), self._whole("page", 1)
        last = max(1, -(-len(found) // size))
        start = (number - 1) * size
        page = self._ordered(found)[start : start + size]

        relations = []
        if number < last:
            relations += [("next", number + 1), ("last", last)]
        if number > 1:
            relations += [("prev", min(number - 1, last)), ("first", 1)]
        return page, self._link("page", relations)

    def _forward(self, found: list[Record]) -> tuple[list[Record], str | None]:
        for name in ("page", "orderBy"):
            if name in self.parameters:
                raise bad_query(f"{name} does not go with forward-only paging")
        size, after = self._size(), self._whole("pageId", 0, smallest=0)
        rest = sorted((record for record in found if record["id"] > after), key=_record_id)
        page = rest[:size]
        more = [("next", page[-1]["id"])] if len(rest) > size else []
        return page, self._link("pageId", more)

    def _ordered(self, found: list[Record]) -> list[Record]:
        ordered = sorted(found, key=_record_id)
        columns = [part.strip() for part in self.parameters.get("orderBy", "").split(",")]
        for column in reversed([column for column in columns if column]):
            path, _, direction = column.partition(" ")
            descending = {"": False, "asc": False, "desc": True}.get(direction.strip().lower())
            if descending is None or self.fields.kind(path) is None:
                raise bad_query(f"orderBy: '{column}' cannot be ordered by")
            ordered.sort(key=_sort_key(path), reverse=descending)
        return ordered

    def _size(self) -> int:
        return min(self._whole("pageSize", DEFAULT_PAGE_SIZE), LARGEST_PAGE_SIZE)

    def _whole(self, name: str, default: int, *, smallest: int = 1) -> int:
        text = self.parameters.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or int(text) < smallest:
            raise bad_query(f"{name} must be a whole number of at least {smallest}")
        return int(text)

    def _link(self, parameter: str, relations: list[tuple[str, int]]) -> str | None:
        def address(value: int) -> str:
            parameters = {**self.parameters, "pageSize": str(self._size()), parameter: str(value)}
            return f"{self.address}?{urlencode(parameters)}"

        links = [f'<{address(value)}>; rel="{relation}"' for relation, value in relations]
        return ", ".join(links) or None


def _record_id(record: Record) -> int:
    number: int = record["id"]
    return number


def _sort_key(path: str) -> Callable[[Record], tuple[bool, Any]]:
    def key(record: Record) -> tuple[bool, Any]:
        value: Any = record
        for name in path.split("/"):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value is not None, value.casefold() if isinstance(value, str) else value or 0

    return key


def _copy(source: Record, target: dict[str, Any], path: list[str]) -> None:
    name, below = path[0], path[1:]
    value = source.get(name)
    if value is None:
        return
    if below and isinstance(value, Mapping):
        _copy(value, target.setdefault(name, {}), below)
    else:
        target[name] = value
