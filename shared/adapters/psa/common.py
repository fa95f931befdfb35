"""What the gateways of several PSAs do alike: ids, lists read whole, writes seen as asked for."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from shared.adapters.http.decision import Refusal, Sent
from shared.adapters.http.payload import Payload
from shared.domain.agreements import AgreementLine, Company, Product
from shared.domain.errors import (
    OperatorActionError,
    RequestRefusedError,
    UnexpectedPayloadError,
    UnknownOutcomeError,
)

_MOST_DIGITS: Final = 10


class AbsentError(OperatorActionError):
    """404: no such record, or a wrong address or keys."""


def absent(sent: Sent, refusal: Refusal) -> AbsentError:
    """Return the error of a 404, with what the PSA said."""
    return AbsentError(f"{sent}: 404{said(refusal)}")


def said(refusal: Refusal) -> str:
    """Return a PSA's words to end a sentence with; nothing when it gave none."""
    return f": {refusal.text}" if refusal.text else ""


def id_number(text: str, *, negative: bool = False) -> int | None:
    """Return an id of a PSA that numbers its records, or ``None`` for any other text.

    Other text never gets into a path or a query.

    Args:
        negative: The PSA has ids below 0 as well.
    """
    digits = text.removeprefix("-") if negative else text
    known = digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS
    return int(text) if known else None


def companies_by_name(found: Iterable[Company]) -> tuple[Company, ...]:
    """Return companies as a person looks for them."""
    return tuple(sorted(found, key=lambda one: (one.name.casefold(), one.company_id)))


def products_by_name(found: Iterable[Product]) -> tuple[Product, ...]:
    """Return products as a person looks for them."""
    return tuple(sorted(found, key=lambda one: (one.name.casefold(), one.product_id)))


def note_once(listed: set[int], page: Iterable[Payload], where: str) -> None:
    """Add a page's records to those that were listed already.

    Args:
        where: The connection and the list, for the error.

    Raises:
        UnexpectedPayloadError: A record is listed twice: pages moved while they were read.
    """
    for one in page:
        number = one["id"].whole()
        if number in listed:
            raise UnexpectedPayloadError(f"{where} lists {number} twice")
        listed.add(number)


def see_whole(listed: set[int], count: int | None, where: str) -> None:
    """See that a list has as many records as the PSA counts; ``None`` when it does not count.

    Raises:
        UnexpectedPayloadError: It has fewer, or more.
    """
    if count not in {None, len(listed)}:
        raise UnexpectedPayloadError(f"{where} lists {len(listed)} records and counts {count}")


@contextmanager
def reading_what_was_saved(connection: str, unread: str) -> Iterator[None]:
    """Read what a write answered, or what is there after it.

    Args:
        unread: What to say when it cannot be read, such as ``the answer cannot be read``.

    Raises:
        UnknownOutcomeError: It cannot be read: the write may have been made.
    """
    try:
        yield
    except UnexpectedPayloadError as error:
        raise UnknownOutcomeError(f"{connection}: written, but {unread}: {error}") from error


def as_asked(connection: str, saved: AgreementLine, wrong: Collection[str]) -> AgreementLine:
    """Return a line that was written, once it is seen to be what was asked for.

    Args:
        wrong: The PSA's names of the fields that it saved otherwise.

    Raises:
        RequestRefusedError: There are such fields; a person has to look at the line.
    """
    if wrong:
        raise RequestRefusedError(
            f"{connection}: line {saved.line_id} was saved with another {', '.join(wrong)} "
            "than was asked for"
        )
    return saved
