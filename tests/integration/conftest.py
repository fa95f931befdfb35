"""Real storage for the tests in this directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.azurite import Azurite
from local.azurite import azurite as run_azurite
from tests.integration.stack import Stack, stack_in


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A storage emulator, one for each test process, its data in memory."""
    with run_azurite(log=tmp_path_factory.mktemp("azurite") / "azurite.log") as emulator:
        yield emulator


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Storage and simulators of the test's own; it starts the hosts it wants."""
    with stack_in(tmp_path) as running:
        yield running
