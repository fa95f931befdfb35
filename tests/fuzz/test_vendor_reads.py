"""Whatever a vendor answers: a read is right or refused, in time, and tells no secret."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.answers import MOST_CALLS, Player, mounted, tamperings
from tests.fuzz.promises import READ_ERRORS, Log, check_error, check_ids, check_numbers, check_text
from tests.fuzz.sites import SERVERS, FuzzedSite, a_microsoft_site, a_psa_site
from tests.property.effort import tried


@pytest.fixture(autouse=True)
def no_network(socket_disabled):
    """Nothing here may open a socket."""


@cache
def a_site(name: str) -> FuzzedSite:
    return a_microsoft_site() if name == "microsoft" else a_psa_site(name)


@pytest.mark.parametrize("name", ["microsoft", *SERVERS])
@tried(350)
@given(data=st.data())
def test_a_read_is_right_or_refused_whatever_is_answered(name, data):
    site = a_site(name)
    work = data.draw(st.sampled_from(sorted(site.works)))
    recording = site.recordings[work]
    tampered = data.draw(tamperings(recording))
    player = Player(recording, site.hosts, tampered)

    with mounted(site.http, player), Log() as log:
        try:
            result = site.works[work](site.new())
        except READ_ERRORS as error:
            check_error(error, site.secrets)
        else:
            check_numbers(result, site.usual[work], tampered)
            check_ids(result, site.usual[work])

    check_text(log.text, site.secrets)
    if name != "microsoft":  # its tokens are asked for by POST, and nothing is written there
        assert player.writes == []
    assert player.calls <= MOST_CALLS
