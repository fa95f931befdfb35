"""What every keeper of refresh tokens does."""

from datetime import datetime, timedelta

import pytest

from shared.domain.errors import StaleVersionError
from shared.domain.ids import ConnectionName
from shared.ports import RefreshToken, RefreshTokens
from tests.builders import MAIN, NOW
from tests.contract.repositories.stored import at_once

SECOND = ConnectionName("second")


def a_refresh_token(value: str = "made-up", *, obtained_at: datetime = NOW) -> RefreshToken:
    return RefreshToken(value, "origin", obtained_at)


class RefreshTokensContract:
    """A suite; a subclass provides the fixture ``refresh_tokens``, with nothing kept."""

    @pytest.fixture
    def refresh_tokens(self) -> RefreshTokens:
        raise NotImplementedError

    def test_at_first_there_is_none(self, refresh_tokens):
        assert refresh_tokens.get(MAIN) is None

    def test_a_token_comes_back_as_it_was_kept(self, refresh_tokens):
        long = a_refresh_token("0.AX" + "a-_." * 600)

        kept = refresh_tokens.save(MAIN, None, long)

        assert refresh_tokens.get(MAIN) == kept
        assert kept.value == long

    def test_a_token_takes_the_place_of_what_was_read(self, refresh_tokens):
        first = refresh_tokens.save(MAIN, None, a_refresh_token("first"))
        later = a_refresh_token("second", obtained_at=NOW + timedelta(days=1))

        refresh_tokens.save(MAIN, first, later)

        assert refresh_tokens.get(MAIN).value == later

    def test_a_stale_worker_does_not_take_a_newer_token_away(self, refresh_tokens):
        first = refresh_tokens.save(MAIN, None, a_refresh_token("first"))
        newer = refresh_tokens.save(MAIN, first, a_refresh_token("newer"))

        for stale in (None, first):
            with pytest.raises(StaleVersionError):
                refresh_tokens.save(MAIN, stale, a_refresh_token("stale"))
        assert refresh_tokens.get(MAIN) == newer

    def test_of_workers_at_once_one_keeps_its_token(self, refresh_tokens):
        first = refresh_tokens.save(MAIN, None, a_refresh_token("first"))

        answers = at_once(
            *[
                lambda value=f"worker-{number}": refresh_tokens.save(
                    MAIN, first, a_refresh_token(value)
                )
                for number in range(4)
            ]
        )

        won = [answer for answer in answers if not isinstance(answer, StaleVersionError)]
        assert len(won) == 1
        assert refresh_tokens.get(MAIN) == won[0]

    def test_connections_have_tokens_of_their_own(self, refresh_tokens):
        refresh_tokens.save(MAIN, None, a_refresh_token("main"))
        refresh_tokens.save(SECOND, None, a_refresh_token("second"))

        assert refresh_tokens.get(MAIN).value.value == "main"
        assert refresh_tokens.get(SECOND).value.value == "second"

    def test_a_token_never_shows(self, refresh_tokens):
        kept = refresh_tokens.save(MAIN, None, a_refresh_token("topsecret"))

        assert "topsecret" not in repr(kept)
        assert "topsecret" not in str(kept)
