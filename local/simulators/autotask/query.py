"""The query language: filters, fields to include, pages. In a POST body or ``?search=``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from local.simulators.autotask.rules import RefusedError

LARGEST_PAGE = 500
MOST_VALUES = 500

Record = Mapping[str, Any]
Condition = Callable[[Record], bool]
Test = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Query:
    """A query as it was sent.

    Attributes:
        contracts: Of which alone records can be found; ``None`` where the query names none.
    """

    conditions: Sequence[Condition]
    page_size: int
    fields: frozenset[str] | None
    contracts: frozenset[int] | None

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
        conditions = [_condition(one, known) for one in body["filter"]]
        contracts = _contracts(body["filter"])
        return cls(conditions, size, frozenset(fields) if fields else None, contracts)

    def found(self, records: Iterable[Record]) -> list[Record]:
        """Return the records that all conditions keep, by id."""
        kept = (one for one in records if all(keeps(one) for keeps in self.conditions))
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


def _contracts(filters: Sequence[Mapping[str, Any]]) -> frozenset[int] | None:
    """Return the contracts that one of the conditions, which must all hold, names by number."""
    for one in filters:
        if one.get("field") == "contractID" and str(one["op"]).lower() in {"eq", "in"}:
            value = one["value"]
            numbers = value if isinstance(value, list) else [value]
            if all(isinstance(number, int) for number in numbers):
                return frozenset(numbers)
    return None


def _condition(one: object, known: frozenset[str]) -> Condition:
    """Return what a condition, or a group of them, asks of a record."""
    if not isinstance(one, dict) or not isinstance(one.get("op"), str):
        raise RefusedError("A condition needs an op.")
    operator = one["op"].lower()
    if operator in {"and", "or"}:
        return _group(operator, one.get("items"), known)
    if operator not in _TESTS:
        raise RefusedError(f"There is no operator {one['op']}.")
    if one.get("udf"):
        raise RefusedError("User-defined fields are not simulated.")
    field, value = one.get("field"), one.get("value")
    if field not in known:
        raise RefusedError(f"Unable to find {field} in the entity.")
    if operator in {"in", "notin"}:
        if not isinstance(value, list) or not 1 <= len(value) <= MOST_VALUES:
            raise RefusedError(f"{one['op']} needs a list of 1 to {MOST_VALUES} values.")
        wanted: object = {_plain(each) for each in value}
    else:
        if operator not in {"exist", "notexist"} and "value" not in one:
            raise RefusedError(f"{one['op']} needs a value.")
        wanted = _plain(value)
    test = _TESTS[operator]
    return lambda record: test(_plain(record.get(field)), wanted)


def _group(operator: str, items: object, known: frozenset[str]) -> Condition:
    if not isinstance(items, list) or not items:
        raise RefusedError(f"The group {operator} needs items.")
    if operator == "or" and len(items) > MOST_VALUES:
        raise RefusedError(f"More than {MOST_VALUES} OR conditions.")
    inner = [_condition(each, known) for each in items]
    if operator == "and":
        return lambda record: all(keeps(record) for keeps in inner)
    return lambda record: any(keeps(record) for keeps in inner)


def _plain(value: object) -> Any:  # noqa: ANN401 - whatever can be compared
    """Return a value as it is compared: a date as a moment, other text without its case."""
    if isinstance(value, str):
        return _plain_text(value)
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


@lru_cache(maxsize=10_000)
def _plain_text(text: str) -> datetime | str:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return text.casefold()


def _compared(compare: Callable[[Any, Any], bool]) -> Test:
    def test(mine: Any, theirs: Any) -> bool:  # noqa: ANN401 - any JSON value
        return mine is not None and type(mine) is type(theirs) and compare(mine, theirs)

    return test


def _text(compare: Callable[[str, str], bool]) -> Test:
    return lambda mine, theirs: isinstance(mine, str) and compare(mine, str(theirs))


_TESTS: dict[str, Test] = {
    "eq": lambda mine, theirs: mine == theirs,
    "noteq": lambda mine, theirs: mine != theirs,
    "gt": _compared(lambda mine, theirs: bool(mine > theirs)),
    "gte": _compared(lambda mine, theirs: bool(mine >= theirs)),
    "lt": _compared(lambda mine, theirs: bool(mine < theirs)),
    "lte": _compared(lambda mine, theirs: bool(mine <= theirs)),
    "beginswith": _text(str.startswith),
    "endswith": _text(str.endswith),
    "contains": _text(lambda mine, theirs: theirs in mine),
    "exist": lambda mine, _theirs: mine is not None,
    "notexist": lambda mine, _theirs: mine is None,
    "in": lambda mine, theirs: mine in theirs,
    "notin": lambda mine, theirs: mine not in theirs,
}
