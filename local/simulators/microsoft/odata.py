"""The part of OData that Graph's directory lists understand: ``$filter``, ``$select``, paging.

Rows are JSON objects. A filter says whether it is *advanced*: Graph takes such a query only with
the header ``ConsistencyLevel: eventual`` and ``$count=true``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from local.simulators.common.messages import Json

Row = Mapping[str, Json]
Test = Callable[[Row], bool]


class FilterError(ValueError):
    """The filter cannot be read, or Graph wouldn't support it."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed ``$filter``."""

    accepts: Test
    advanced: bool


_TOKENS = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^']|'')*')
      | (?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})
      | (?P<number>-?\d+)
      | (?P<name>[A-Za-z_@][\w.@]*(?:/\$?\w+)*)
      | (?P<sign>[(),:])
    )""",
    re.VERBOSE,
)
_END = ("end", "")


def parse_filter(text: str) -> Filter:
    """Return the filter a ``$filter`` describes. Raises FilterError."""
    parser = _Parser(list(_tokens(text)))
    accepts = parser.disjunction()
    parser.expect("end")
    return Filter(accepts, parser.advanced)


def selected(row: Row, select: str | None, default: tuple[str, ...] | None = None) -> Row:
    """Return a row cut to ``$select``, or to the properties that come without one."""
    wanted = tuple(name.strip() for name in select.split(",")) if select else default
    if wanted is None:
        return row
    kept = {name.lower() for name in wanted}
    return {name: value for name, value in row.items() if name.lower() in kept or name[0] == "@"}


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while text[position:].strip():
        matched = _TOKENS.match(text, position)
        if not matched:
            message = f"Invalid filter clause: unexpected text at position {position}"
            raise FilterError(message)
        position = matched.end()
        kind = matched.lastgroup or ""
        yield kind, matched.group(kind)


class _Parser:
    """Reads a filter from left to right; each method reads one rung of the grammar."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self.advanced = False

    def disjunction(self) -> Test:
        tests = [self._conjunction()]
        while self._take("name", "or"):
            tests.append(self._conjunction())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def expect(self, kind: str, value: str | None = None) -> str:
        """Take the next token, which must be of this kind. Raises FilterError."""
        found_kind, found = self._next()
        if found_kind != kind or (value is not None and found != value):
            message = f"Invalid filter clause: unexpected '{found or 'end'}'"
            raise FilterError(message)
        self._at += 1
        return found

    def _conjunction(self) -> Test:
        tests = [self._negation()]
        while self._take("name", "and"):
            tests.append(self._negation())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _negation(self) -> Test:
        if self._take("name", "not"):
            self.advanced = True
            test = self._negation()
            return lambda row: not test(row)
        if self._take("sign", "("):
            test = self.disjunction()
            self.expect("sign", ")")
            return test
        name = self.expect("name")
        if name in {"startswith", "endswith"}:
            return self._text_function(name)
        if name.endswith("/any"):
            return self._any(name.removesuffix("/any"))
        return self._comparison(name)

    def _text_function(self, function: str) -> Test:
        self.advanced = self.advanced or function == "endswith"
        self.expect("sign", "(")
        name = self.expect("name")
        self.expect("sign", ",")
        wanted = str(self._literal()).lower()
        self.expect("sign", ")")
        method = str.startswith if function == "startswith" else str.endswith
        return lambda row: method(str(_value(row, name) or "").lower(), wanted)

    def _any(self, collection: str) -> Test:
        self.expect("sign", "(")
        variable = self.expect("name")
        self.expect("sign", ":")
        name = self.expect("name")
        prefix, _, inner = name.partition("/")
        if prefix != variable or not inner:
            message = f"Invalid filter clause: '{name}' doesn't belong to '{variable}'"
            raise FilterError(message)
        test = self._comparison(inner)
        self.expect("sign", ")")
        return lambda row: any(test(item) for item in _value(row, collection) or [])

    def _comparison(self, name: str) -> Test:
        operator = self.expect("name")
        if operator not in _COMPARISONS:
            message = f"Invalid filter clause: unknown operator '{operator}'"
            raise FilterError(message)
        wanted = self._literal()
        compare = _COMPARISONS[operator]
        counted = name.endswith("/$count")
        self.advanced = self.advanced or counted or operator == "ne"
        if counted:
            collection = name.removesuffix("/$count")
            return lambda row: compare(len(_value(row, collection) or []), wanted)
        return lambda row: compare(_folded(_value(row, name)), wanted)

    def _literal(self) -> str | int | bool | None:
        kind, found = self._next()
        self._at += 1
        if kind == "text":
            return found[1:-1].replace("''", "'").lower()
        if kind == "guid":
            return found.lower()
        if kind == "number":
            return int(found)
        if kind == "name" and found in _WORDS:
            return _WORDS[found]
        message = f"Invalid filter clause: '{found or 'end'}' is not a value"
        raise FilterError(message)

    def _next(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _take(self, kind: str, value: str) -> bool:
        if self._next() != (kind, value):
            return False
        self._at += 1
        return True


_WORDS = {"true": True, "false": False, "null": None}


def _ordered(compare: Callable[[int, int], bool]) -> Callable[[object, object], bool]:
    def check(left: object, right: object) -> bool:
        return isinstance(left, int) and isinstance(right, int) and compare(left, right)

    return check


_COMPARISONS: dict[str, Callable[[object, object], bool]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "gt": _ordered(lambda left, right: left > right),
    "ge": _ordered(lambda left, right: left >= right),
    "lt": _ordered(lambda left, right: left < right),
    "le": _ordered(lambda left, right: left <= right),
}


def _value(row: Row, name: str) -> Json:
    if name not in row:
        message = f"Invalid filter clause: could not find a property named '{name}'"
        raise FilterError(message)
    return row[name]


def _folded(value: Json) -> Json:
    return value.lower() if isinstance(value, str) else value
