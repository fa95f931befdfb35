"""What every ``BookRepository`` does."""

from shared.domain.mappings import RowExclusion
from shared.ports import StoredBook
from tests.builders import (
    BUSINESS_PREMIUM_ROW,
    CUSTOMER,
    E5_ROW,
    EDITOR,
    NOW,
    OTHER_CUSTOMER,
    TODAY,
    a_custom_license,
    a_ledger,
    a_mapping,
    an_intent,
)
from tests.contract.repositories.trends import a_point


class BooksContract:
    """A suite."""

    def test_a_customer_of_whom_nothing_is_stored_has_an_empty_book(self, stored):
        assert stored.books.of_customer(CUSTOMER) == StoredBook((), (), (), (), (), None)

    def test_a_book_holds_what_the_repositories_of_its_kinds_do(self, stored):
        mapping = stored.mappings.put(None, a_mapping(), [a_mapping(effective_to=TODAY)])
        excluded = RowExclusion(CUSTOMER, BUSINESS_PREMIUM_ROW, False, EDITOR, NOW)
        stored.mappings.exclude(excluded)
        custom = stored.custom_licenses.add(a_custom_license())
        ledger = stored.ledgers.save(None, a_ledger())
        intent = stored.intents.open(an_intent())
        stored.trends.put(a_point(TODAY, 2))

        book = stored.books.of_customer(CUSTOMER)

        assert mapping in book.mappings
        assert book.mappings == stored.mappings.of_customer(CUSTOMER)
        assert {one.value.row_id for one in book.mappings} == {E5_ROW}
        assert book.exclusions == (excluded,)
        assert book.custom == (custom.value,)
        assert book.ledgers == (ledger,)
        assert book.intents == (intent.value,)
        assert book.trend == stored.trends.last(CUSTOMER)
        assert stored.books.of_customer(OTHER_CUSTOMER) == StoredBook((), (), (), (), (), None)

    def test_what_is_over_is_in_the_book_no_more(self, stored):
        stored.intents.close(stored.intents.open(an_intent()))
        stored.custom_licenses.delete(stored.custom_licenses.add(a_custom_license()))
        stored.mappings.put(stored.mappings.put(None, a_mapping()), None)

        assert stored.books.of_customer(CUSTOMER) == StoredBook((), (), (), (), (), None)
