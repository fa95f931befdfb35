"""Whatever a vendor answers: a write is sent once, and only known to have failed when it has."""

from collections import Counter
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.agreements import (
    AddProrata,
    AdjustQuantity,
    AgreementLine,
    EndLine,
    Operation,
    RemoveLine,
    SetDescription,
    SetPrice,
    SetQuantity,
)
from shared.domain.errors import (
    ConflictError,
    OperatorActionError,
    RequestRefusedError,
    RetryableError,
    SeatsyncError,
    UnknownOutcomeError,
)
from shared.domain.ids import LineId, ProductId
from tests.builders import AGREEMENT, APRIL, a_create, dollars
from tests.fuzz.answers import Player, mounted, tamperings
from tests.fuzz.promises import Log, check_error, check_text
from tests.fuzz.sites import SERVERS, FuzzedSite, a_psa_writing_site
from tests.property.effort import tried

LINE = LineId("501")
CREATE = a_create(product_id=ProductId("103"), quantity=7, starts=APRIL)
DESCRIBE = SetDescription(AGREEMENT, LINE, "Other words")
REMOVE = RemoveLine(AGREEMENT, LINE)
SET = SetQuantity(AGREEMENT, LINE, 11, 12)
PRICE = SetPrice(AGREEMENT, LINE, dollars("31.00"), dollars("29.00"))
OPERATIONS: Mapping[str, tuple[Operation, ...]] = {
    "connectwise": (SET, CREATE, DESCRIBE, REMOVE, PRICE, EndLine(AGREEMENT, LINE, APRIL)),
    "autotask": (AdjustQuantity(AGREEMENT, LINE, 11, 12, APRIL), CREATE, DESCRIBE),
    "halopsa": (SET, AddProrata(AGREEMENT, LINE, 11, 3, APRIL), CREATE, DESCRIBE, REMOVE, PRICE),
    "syncro": (SET, CREATE, DESCRIBE, REMOVE, PRICE),
}


@pytest.fixture(autouse=True)
def no_network(socket_disabled):
    """Nothing here may open a socket."""


@cache
def a_site(name: str) -> FuzzedSite:
    return a_psa_writing_site(name, OPERATIONS[name])


@pytest.mark.parametrize("name", SERVERS)
@tried(150)
@given(data=st.data())
def test_a_write_is_sent_once_and_its_outcome_is_never_guessed(name, data):
    site = a_site(name)
    work = data.draw(st.sampled_from(sorted(site.works)))
    recording = site.recordings[work]
    player = Player(recording, site.hosts, data.draw(tamperings(recording)))

    with mounted(site.http, player), Log() as log:
        try:
            result = site.works[work](site.new())
        except SeatsyncError as error:
            check_error(error, site.secrets)
            check_outcome(error, player)
        else:
            usual = site.usual[work]
            assert isinstance(usual, AgreementLine) == isinstance(result, AgreementLine)
            if isinstance(result, AgreementLine) and isinstance(usual, AgreementLine):
                assert result.quantity == usual.quantity or "Quantity" not in work

    check_text(log.text, site.secrets)
    sent = Counter(_name(call) for call, status in player.writes if not _refused(status))
    assert all(times == 1 for times in sent.values())


def check_outcome(error: SeatsyncError, player: Player) -> None:
    """See that an error says of a write what is known of it."""
    perhaps_done = any(not _refused(status) for _, status in player.writes)
    if perhaps_done:
        # A person is told of a line that is not as it was asked for; nothing runs again by itself.
        assert isinstance(error, UnknownOutcomeError | RequestRefusedError | ConflictError)
    else:
        assert isinstance(error, RetryableError | OperatorActionError)


def _refused(status: int) -> bool:
    """Whether an answer says that nothing was done."""
    server = HTTPStatus.INTERNAL_SERVER_ERROR
    return HTTPStatus.BAD_REQUEST <= status < server and status != HTTPStatus.REQUEST_TIMEOUT


def _name(call: object) -> tuple[object, ...]:
    return getattr(call, "method", ""), getattr(call, "url", ""), getattr(call, "body", b"")
