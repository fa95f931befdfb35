"""A run over a PSA whose answers are damaged writes nothing where nothing is to be changed."""

from datetime import date, timedelta
from functools import cache

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.domain.ids import LineId
from shared.domain.ledger import InForce
from shared.domain.runs import ItemState
from shared.ports import PsaGateway
from tests.builders import APRIL, NOW, a_ledger
from tests.fakes.services import fake_services
from tests.fuzz.answers import Player, mounted, tamperings
from tests.fuzz.sites import SERVERS, FuzzedSite, a_run_site
from tests.house import House
from tests.property.effort import tried

SEATS = 11
JANUARY = date(2026, 1, 1)


@pytest.fixture(autouse=True)
def no_network(socket_disabled):
    """Nothing here may open a socket."""


def run(psa: PsaGateway) -> list[ItemState]:
    """Run a cycle over a customer whose line is as it is to be, and return what became of it."""
    house = House()
    house.services = fake_services(psa, house.microsoft, clock=house.clock)
    house.with_customer().with_mapping().holds(SEATS)
    house.services.ledgers.save(
        None,
        a_ledger(
            line_id=LineId("501"),
            adopted=True,
            last_written=SEATS,
            line_starts=JANUARY,
            in_force=(InForce(JANUARY, SEATS),),
            charged=(),
            opening=(),
            as_of=JANUARY,
            first_uninvoiced=APRIL,
            written_at=NOW - timedelta(days=60),
        ),
    )
    return [item.state for item in house.items(house.cycle())]


@cache
def a_site(name: str) -> FuzzedSite:
    return a_run_site(name, run)


@pytest.mark.parametrize("name", SERVERS)
@tried(90)
@given(data=st.data())
def test_a_damaged_read_writes_nothing(name, data):
    site = a_site(name)
    assert site.usual["run"] == [ItemState.UNCHANGED]
    recording = site.recordings["run"]
    tampered = data.draw(tamperings(recording))
    # Another number, day or word is not damage: a person might have put it there.
    assume(tampered.damage)
    player = Player(recording, site.hosts, tampered)

    with mounted(site.http, player):
        site.works["run"](site.new())

    assert player.writes == []
