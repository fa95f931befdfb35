"""Storage accounts by the hundred on one emulator, which takes a second to start.

Nothing of an account shows in another, so each stack has one, as it would have in Azure.
"""

import functools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from local.azurite import Azurite, azurite, connection_string

ACCOUNTS = 400
"""Of an emulator; the test process that takes more gets a second one."""


def own_account() -> Azurite:
    """Return an empty storage account that nobody else has; it lives as long as this process."""
    return next(_accounts())


@functools.cache
def _accounts() -> Iterator[Azurite]:
    return _endless()


def _endless() -> Iterator[Azurite]:
    names = [f"account{number}" for number in range(ACCOUNTS)]
    running = ExitStack()
    while True:
        emulator = running.enter_context(azurite(accounts=names))
        for name in names:
            yield replace(emulator, connection_string=connection_string(emulator.ports, name))
