"""Real storage for the tests in this directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.azurite import Azurite
from tests.integration.accounts import own_account
from tests.integration.stack import Stack, stack_in


@pytest.fixture(scope="session")
def azurite() -> Azurite:
    """A storage account that the tests of this process share."""
    return own_account()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Storage and simulators of the test's own; it starts the hosts it wants."""
    with stack_in(tmp_path) as running:
        yield running
