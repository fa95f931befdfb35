"""Waiting for what real processes do, without fixed pauses."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
OFTEN, SELDOM = 0.05, 0.5
"""Seconds between two looks, at first and in the end: looks cost what others work with."""


def eventually(look: Callable[[], T], seconds: float = 30) -> T:
    """Return what `look` finds, as soon as it finds something."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < seconds:
        if found := look():
            return found
        # A fifth of what was waited for is seldom enough to notice.
        time.sleep(min(max(waited / 5, OFTEN), SELDOM))
    raise AssertionError(f"nothing within {seconds} s")
