"""Each way to change a quantity has its planning."""

from shared.domain.agreements import ChangeKind
from shared.domain.changing.kinds import KINDS


def test_every_kind_of_psa_is_planned():
    assert set(KINDS) == set(ChangeKind)
