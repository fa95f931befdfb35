"""Faults of other tools at the edge, planted one by one: the suites of the gateways catch each.

Those of the billing rules are in ``tests/property/test_mutations.py``.
"""

from collections.abc import Iterator

import pytest

from shared.adapters.http import decision
from shared.adapters.http.session import ApiSession
from shared.domain.errors import SeatsyncError
from tests.contract.psa_gateway import PsaGatewayContract, Trouble
from tests.contract.test_connectwise import ConnectWiseServer, site

__all__ = ["site"]


@pytest.fixture
def server() -> Iterator[ConnectWiseServer]:
    server = ConnectWiseServer()
    yield server
    server.close()


def test_a_second_page_that_is_ignored_is_caught(site, monkeypatch):
    monkeypatch.setattr(ApiSession, "more_pages", lambda *_, **__: iter(()))

    with pytest.raises(AssertionError):
        PsaGatewayContract().test_a_long_list_is_complete(site)


def test_a_failed_read_that_counts_as_an_empty_list_is_caught(site, monkeypatch):
    real = site.gateway.list_lines

    def forgiving(agreement_id):
        try:
            return real(agreement_id)
        except SeatsyncError:
            return ()

    monkeypatch.setattr(site.gateway, "list_lines", forgiving)

    with pytest.raises(pytest.fail.Exception):
        PsaGatewayContract().test_a_failed_read_is_told_by_what_to_do_next(
            site, Trouble.DROPPED, SeatsyncError
        )


def test_a_write_that_is_sent_again_without_a_look_is_caught(site, monkeypatch):
    monkeypatch.setattr(decision, "changed_nothing", lambda *_: True)

    with pytest.raises(pytest.fail.Exception):  # the second line raised nothing
        PsaGatewayContract().test_a_line_whose_answer_was_lost_is_found_by_its_marker(site)
