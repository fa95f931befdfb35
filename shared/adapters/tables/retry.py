"""Reading and saving again when another worker saved in between."""

from collections.abc import Callable

from shared.domain.errors import StaleVersionError

TRIES = 10


def settled(read_and_save: Callable[[], None]) -> None:
    """Call until nobody else saved between its read and its save.

    For repositories whose promise leaves no version to the caller.

    Raises:
        StaleVersionError: Others were faster ten times in a row.
    """
    for _ in range(TRIES - 1):
        try:
            return read_and_save()
        except StaleVersionError:
            continue
    return read_and_save()
