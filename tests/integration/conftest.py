"""Real storage for the tests in this directory."""

from collections.abc import Iterator

import pytest

from local.azurite import Azurite
from local.azurite import azurite as run_azurite


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A storage emulator, one for each test process, its data in memory."""
    with run_azurite(log=tmp_path_factory.mktemp("azurite") / "azurite.log") as emulator:
        yield emulator
