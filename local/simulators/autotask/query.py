"""The query language: filters, fields to include, pages. In a POST body or ``?search=``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from local.simulators.autotask.rules import RefusedError

LARGEST_PAGE = 500
MOST_VALUES = 500

Record = Mapping[str, Any]
Test = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Query:
    """A query as it was sent."""

    filters: Sequence[Any]
    page_size: int
    fields: frozenset[str] | None

    @classmethod
    def read(cls, body: object, known: frozenset[str]) -> Query:
        """Return the query that JSON asks for.

        Args:
            known: The fields that a record may have.

        Raises:
            RefusedError: It cannot be understood.
        """
        if not isinstance(body, dict) or not isinstance(body.get("filter"), list):
            raise RefusedError("Unable to find a filter.")
        if not body["filter"]:
            raise RefusedError("The filter must hold at least one condition.")
        lowered = {name.lower(): value for name, value in body.items()}
        size = lowered.get("maxrecords", LARGEST_PAGE)
        if not isinstance(size, int) or not 1 <= size <= LARGEST_PAGE:
            raise RefusedError(f"MaxRecords must be from 1 to {LARGEST_PAGE}.")
        fields = lowered.get("includefields")
        unknown = set(fields or ()) - known
        if unknown:
            raise RefusedError(*(f"Unable to find {name} in the entity." for name in unknown))
        for one in body["filter"]:
            _check(one, known)
        return cls(body["filter"], size, frozenset(fields) if fields else None)

    def found(self, records: Iterable[Record]) -> list[Record]:
        """Return the records that all conditions keep, by id."""
        kept = (one for one in records if all(_keeps(each, one) for each in self.filters))
        return sorted(kept, key=lambda one: int(one["id"]))

    def columns(self, record: Record, known: frozenset[str]) -> dict[str, Any]:
        """Return a record with the fields asked for; those it lacks are null."""
        names = self.fields if self.fields is not None else known
        return {name: record.get(name) for name in sorted(names)}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a list a page begins: after a record's id."""

    after: int = 0

    @classmethod
    def read(cls, text: str | None) -> Place:
        """Return the place that a link of ours leads to.

        Raises:
            RefusedError: The link is not one of ours.
        """
        if text is None:
            return cls()
        try:
            return cls(int(json.loads(text)["afterId"]))
        except (ValueError, KeyError, TypeError):
            raise RefusedError("The paging argument cannot be read.") from None

    @property
    def argument(self) -> str:
        return "paging=" + quote(json.dumps({"afterId": self.after}, separators=(",", ":")))


def _check(one: object, known: frozenset[str]) -> None:
    if not isinstance(one, dict) or not isinstance(one.get("op"), str):
        raise RefusedError("A condition needs an op.")
    operator = one["op"].lower()
    if operator in {"and", "or"}:
        if not isinstance(one.get("items"), list) or not one["items"]:
            raise RefusedError(f"The group {operator} needs items.")
        if operator == "or" and len(one["items"]) > MOST_VALUES:
            raise RefusedError(f"More than {MOST_VALUES} OR conditions.")
        for inner in one["items"]:
            _check(inner, known)
        return
    if operator not in _TESTS:
        raise RefusedError(f"There is no operator {one['op']}.")
    if one.get("udf"):
        raise RefusedError("User-defined fields are not simulated.")
    if one.get("field") not in known:
        raise RefusedError(f"Unable to find {one.get('field')} in the entity.")
    if operator in {"in", "notin"}:
        values = one.get("value")
        if not isinstance(values, list) or not 1 <= len(values) <= MOST_VALUES:
            raise RefusedError(f"{one['op']} needs a list of 1 to {MOST_VALUES} values.")
    elif operator not in {"exist", "notexist"} and "value" not in one:
        raise RefusedError(f"{one['op']} needs a value.")


def _keeps(one: Mapping[str, Any], record: Record) -> bool:
    operator = one["op"].lower()
    if operator == "and":
        return all(_keeps(inner, record) for inner in one["items"])
    if operator == "or":
        return any(_keeps(inner, record) for inner in one["items"])
    return _TESTS[operator](record.get(one["field"]), one.get("value"))


def _plain(value: object) -> Any:  # noqa: ANN401 - whatever can be compared
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).replace(tzinfo=None)
        except ValueError:
            return value.casefold()
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _compared(compare: Callable[[Any, Any], bool]) -> Test:
    def test(mine: Any, theirs: Any) -> bool:  # noqa: ANN401 - any JSON value
        left, right = _plain(mine), _plain(theirs)
        if left is None or right is None or type(left) is not type(right):
            return False
        return compare(left, right)

    return test


def _text(compare: Callable[[str, str], bool]) -> Test:
    return lambda mine, theirs: (
        isinstance(mine, str) and compare(mine.casefold(), str(theirs).casefold())
    )


_TESTS: dict[str, Test] = {
    "eq": lambda mine, theirs: _plain(mine) == _plain(theirs),
    "noteq": lambda mine, theirs: _plain(mine) != _plain(theirs),
    "gt": _compared(lambda left, right: bool(left > right)),
    "gte": _compared(lambda left, right: bool(left >= right)),
    "lt": _compared(lambda left, right: bool(left < right)),
    "lte": _compared(lambda left, right: bool(left <= right)),
    "beginswith": _text(str.startswith),
    "endswith": _text(str.endswith),
    "contains": _text(lambda mine, theirs: theirs in mine),
    "exist": lambda mine, _theirs: mine is not None,
    "notexist": lambda mine, _theirs: mine is None,
    "in": lambda mine, theirs: _plain(mine) in [_plain(one) for one in theirs],
    "notin": lambda mine, theirs: _plain(mine) not in [_plain(one) for one in theirs],
}
