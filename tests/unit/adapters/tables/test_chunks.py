"""How entities are shared out to transactions."""

from shared.adapters.tables.table import MOST_BYTES, Entity, Where, _chunks


def sizes(entities):
    return [len(chunk) for chunk in _chunks(entities)]


def test_a_transaction_has_at_most_a_hundred_entities():
    assert sizes(Entity("p", str(n), {}) for n in range(201)) == [100, 100, 1]


def test_a_transaction_has_one_partition():
    entities = [Entity(str(n % 3), str(n), {}) for n in range(9)]

    chunks = list(_chunks(entities))

    assert [len(chunk) for chunk in chunks] == [3, 3, 3]
    assert all(len({entity.partition for entity in chunk}) == 1 for chunk in chunks)


def test_a_transaction_has_at_most_so_many_bytes_as_they_are_sent():
    quotes = '"' * (MOST_BYTES // 8)  # each takes two bytes in JSON

    assert sizes(Entity("p", str(n), {"data": quotes}) for n in range(7)) == [3, 3, 1]


def test_an_entity_that_is_too_large_alone_is_sent_alone():
    entities = [Entity("p", str(n), {"data": "x" * (MOST_BYTES + 1)}) for n in range(2)]

    assert sizes(entities) == [1, 1]


def test_nothing_is_no_transaction():
    assert sizes([]) == []


def test_conditions_keep_values_out_of_their_text():
    where = Where("a eq @a", {"a": "1' or 'x"}).also("b gt @b", b="2")

    assert where == Where("a eq @a and b gt @b", {"a": "1' or 'x", "b": "2"})
