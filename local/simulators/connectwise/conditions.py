"""The ``conditions`` language of the API's lists: parse it once, test each record.

``company/id=1 and (cancelledFlag=false or endDate>[2026-03-01T00:00:00Z])``: strings stand in
double quotes, moments in square brackets; a slash walks into a reference. Text compares without
case, as in the database behind the API, and a comparison with an absent value is neither true nor
false: only ``= null`` finds it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

Record = Mapping[str, Any]
Truth = bool | None
Value = str | Decimal | bool | datetime | None
Test = Callable[[Record], Truth]


class Kind(Enum):
    """What a field can be compared with."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "boolean"
    MOMENT = "datetime"


KindOf = Callable[[str], Kind | None]
"""Tells the kind of a field by its path, or None when there is no such field."""


class ConditionError(ValueError):
    """A condition cannot be understood; the message says where and why."""


def parse(text: str, kind_of: KindOf) -> Callable[[Record], bool]:
    """Return a test for records.

    Raises:
        ConditionError: The text is not a condition, names an unknown field, or compares a field
            with a value of another kind.
    """
    test = _Parser(text, kind_of).whole()
    return lambda record: test(record) is True


def moment(text: str) -> datetime:
    """Return the moment that a date or a datetime in ISO form names; without a zone it is UTC.

    Raises:
        ValueError: It is neither.
    """
    parsed = datetime.fromisoformat(text.strip())
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


_TOKENS = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<moment>\[[^\]]*\])
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<operator><=|>=|!=|=|<|>)
    | (?P<punctuation>[(),])
    | (?P<word>[A-Za-z_][A-Za-z0-9_/]*)
    """,
    re.VERBOSE,
)
_KEYWORDS = {"and", "or", "not", "like", "contains", "in", "true", "false", "null"}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: bool(left == right),
    "!=": lambda left, right: bool(left != right),
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}


class _Parser:
    def __init__(self, text: str, kind_of: KindOf) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0
        self._kind_of = kind_of

    def whole(self) -> Test:
        test = self._either()
        if self._peek().kind != "end":
            raise self._unexpected("and, or, or the end")
        return test

    def _either(self) -> Test:
        test = self._all()
        while self._take("or"):
            test = _any_of(test, self._all())
        return test

    def _all(self) -> Test:
        test = self._one()
        while self._take("and"):
            test = _both(test, self._one())
        return test

    def _one(self) -> Test:
        if self._take("not"):
            return _negated(self._one())
        if self._take("("):
            test = self._either()
            self._expect(")")
            return test
        return self._comparison()

    def _comparison(self) -> Test:
        token = self._peek()
        if token.kind != "word":
            raise self._unexpected("a field name")
        self._next += 1
        kind = self._kind_of(token.text)
        if kind is None:
            raise ConditionError(
                f"'{token.text}' at {token.at} is not a field that can be filtered"
            )
        field = _Field(token.text, kind)

        negated = self._take("not")
        test = self._operation(field)
        return _negated(test) if negated else test

    def _operation(self, field: _Field) -> Test:
        if self._take("like"):
            return field.matching(_pattern(self._text_value(field)))
        if self._take("contains"):
            return field.matching(re.compile(re.escape(self._text_value(field)), re.IGNORECASE))
        if self._take("in"):
            return field.one_of(self._listed(field))
        token = self._peek()
        if token.kind != "operator":
            raise self._unexpected("an operator")
        self._next += 1
        return field.compared(token.text, self._value(field))

    def _listed(self, field: _Field) -> list[Value]:
        self._expect("(")
        values = [self._value(field)]
        while self._take(","):
            values.append(self._value(field))
        self._expect(")")
        return values

    def _text_value(self, field: _Field) -> str:
        value = self._value(field)
        if not isinstance(value, str):
            raise ConditionError(f"like and contains need text, for '{field.path}'")
        return value

    def _value(self, field: _Field) -> Value:
        token = self._peek()
        value, kind = _literal(token)
        if kind is None and value is not None:
            raise self._unexpected("a value")
        if kind is not None and kind is not field.kind:
            raise ConditionError(
                f"'{field.path}' is a {field.kind.value}: it cannot be compared with {token.text}"
            )
        self._next += 1
        return value

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, word: str) -> bool:
        token = self._peek()
        found = token.kind in {"keyword", "punctuation"} and token.text == word
        self._next += found
        return found

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._unexpected(f"'{word}'")

    def _unexpected(self, wanted: str) -> ConditionError:
        token = self._peek()
        return ConditionError(f"expected {wanted} at {token.at}, found '{token.text}'")


@dataclass(frozen=True, slots=True)
class _Field:
    path: str
    kind: Kind

    def compared(self, operator: str, value: Value) -> Test:
        if value is None:
            return self._against_null(operator)
        compare, wanted = _COMPARE[operator], _folded(value)
        return self._known(lambda found: compare(found, wanted))

    def one_of(self, values: list[Value]) -> Test:
        wanted = {_folded(value) for value in values}
        return self._known(lambda found: found in wanted)

    def matching(self, pattern: re.Pattern[str]) -> Test:
        return self._known(lambda found: pattern.search(str(found)) is not None)

    def _known(self, holds: Callable[[Any], bool]) -> Test:
        """Test every value found at the path; several, where the path crosses an array."""

        def test(record: Record) -> Truth:
            found = [value for value in _values(record, self.path.split("/")) if value is not None]
            if not found:
                return None
            return any(holds(_folded(self._typed(value))) for value in found)

        return test

    def _against_null(self, operator: str) -> Test:
        if operator not in {"=", "!="}:
            raise ConditionError(f"null can only be compared by = and !=, for '{self.path}'")

        def test(record: Record) -> Truth:
            absent = all(value is None for value in _values(record, self.path.split("/")))
            return absent is (operator == "=")

        return test

    def _typed(self, value: Any) -> Value:  # noqa: ANN401 - a record holds any JSON value
        if self.kind is Kind.MOMENT:
            return moment(value)
        return Decimal(value) if self.kind is Kind.NUMBER else value


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None or match.lastgroup is None:
            raise ConditionError(f"'{text[at : at + 20]}' at {at} cannot be read")
        if match.lastgroup == "word" and match.group().lower() in _KEYWORDS:
            yield _Token("keyword", match.group().lower(), at)
        elif match.lastgroup != "space":
            yield _Token(match.lastgroup, match.group(), at)
        at = match.end()
    yield _Token("end", "the end", at)


def _literal(token: _Token) -> tuple[Value, Kind | None]:
    """Return the value and its kind; null has no kind, and what is no value is (text, None)."""
    if token.kind == "string":
        return re.sub(r"\\(.)", r"\1", token.text[1:-1]), Kind.TEXT
    if token.kind == "number":
        return Decimal(token.text), Kind.NUMBER
    if token.kind == "moment":
        try:
            return moment(token.text[1:-1]), Kind.MOMENT
        except ValueError as error:
            raise ConditionError(f"{token.text} at {token.at} is not a datetime") from error
    if token.kind == "keyword" and token.text in {"true", "false"}:
        return token.text == "true", Kind.FLAG
    if token.kind == "keyword" and token.text == "null":
        return None, None
    return token.text, None


def _values(value: Any, path: list[str]) -> list[Any]:  # noqa: ANN401 - walks any JSON value
    if isinstance(value, list):
        return [found for element in value for found in _values(element, path)]
    if not path:
        return [value]
    if not isinstance(value, Mapping):
        return [None]
    return _values(value.get(path[0]), path[1:])


def _folded(value: Value) -> Value:
    return value.casefold() if isinstance(value, str) else value


def _pattern(text: str) -> re.Pattern[str]:
    parts = (re.escape(part) for part in re.split(r"[*%]", text))
    return re.compile(rf"\A{'.*'.join(parts)}\Z", re.IGNORECASE | re.DOTALL)


def _negated(test: Test) -> Test:
    def inner(record: Record) -> Truth:
        truth = test(record)
        return None if truth is None else not truth

    return inner


def _both(left: Test, right: Test) -> Test:
    def inner(record: Record) -> Truth:
        truths = (left(record), right(record))
        if False in truths:
            return False
        return None if None in truths else True

    return inner


def _any_of(left: Test, right: Test) -> Test:
    def inner(record: Record) -> Truth:
        truths = (left(record), right(record))
        if True in truths:
            return True
        return None if None in truths else False

    return inner
