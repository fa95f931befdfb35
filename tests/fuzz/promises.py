"""What holds for every read and write, whatever a vendor answers."""

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Self

from shared.domain.agreements import AgreementLine
from shared.domain.errors import (
    AccessDeniedError,
    OperatorActionError,
    RetryableError,
    SeatsyncError,
)
from tests.builders import AGREEMENT
from tests.fuzz.answers import Tampered


class Log(logging.Handler):
    """Keeps what was logged meanwhile, as a host shows it."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += self.format(record)

    def __enter__(self) -> Self:
        root = logging.getLogger()
        self._level = root.level
        root.addHandler(self)
        root.setLevel(logging.INFO)
        return self

    def __exit__(self, *_: object) -> None:
        root = logging.getLogger()
        root.removeHandler(self)
        root.setLevel(self._level)


READ_ERRORS = (RetryableError, OperatorActionError)
"""A read that fails has no unknown outcome."""


def check_error(error: SeatsyncError, secrets: frozenset[str]) -> None:
    """See that an error, with all that led to it, tells no secret."""
    told = " ".join(str(one) for one in _chain(error))
    if isinstance(error, AccessDeniedError):
        told += error.remedy
    check_text(told, secrets)


def check_text(told: str, secrets: frozenset[str]) -> None:
    """See that a text tells no secret."""
    found = [secret for secret in secrets if secret in told]
    assert found == []


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those behind it, as a log would show them."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def check_numbers(result: object, usual: object, tampered: Tampered) -> None:
    """See that each number of a result was in the answers: unknown is never zero.

    Only where Autotask's rows leave days without any are there no units, whatever else is told.
    """
    known: defaultdict[str, set[object]] = defaultdict(set)
    for name, value in numbers(usual):
        known[name].add(value)
    if known["QuantityStep.quantity"] and tampered.field != "items.*.units":
        known["QuantityStep.quantity"].add(0)
        known["AgreementLine.quantity"].add(0)
    for name, value in numbers(result):
        # Less included is only ever compared with 0.
        told = map(int, tampered.numbers) if name.endswith("less_included") else tampered.numbers
        assert value in known[name] or value in told, f"{name} is {value}"


def check_ids(result: object, usual: object) -> None:
    """See that nothing is listed twice, and that one thing is the one that was asked for."""
    if isinstance(result, tuple):
        ids = [_id(one) for one in result]
        assert len(set(ids)) == len(ids), "listed twice"
        if all(isinstance(one, AgreementLine) for one in result):
            assert {one.agreement_id for one in result} <= {AGREEMENT}
    elif is_dataclass(result):
        assert _id(result) == _id(usual), "another one than was asked for"


def _id(one: object) -> object:
    names = ("line_id", "agreement_id", "product_id", "company_id", "commerce_id", "tenant_id")
    return next((getattr(one, name) for name in names if hasattr(one, name)), one)


def numbers(value: object, name: str = "") -> Iterator[tuple[str, int | Decimal]]:
    """Yield the numbers in a result by the names of their fields."""
    if isinstance(value, bool | Enum):
        return
    if isinstance(value, int | Decimal):
        yield name, value
    elif is_dataclass(value):
        for one in fields(value):
            yield from numbers(getattr(value, one.name), f"{type(value).__name__}.{one.name}")
    elif isinstance(value, dict):
        for below in value.values():
            yield from numbers(below, name)
    elif isinstance(value, list | tuple | set | frozenset):
        for below in value:
            yield from numbers(below, name)
