"""How many histories the properties try.

All of them by default, as `make test` and CI do. `make check` sets ``PROPERTY_EFFORT=quick``, which
tries a tenth of them, to answer within a minute.
"""

import os

from hypothesis import HealthCheck, settings

_SHARE = {"full": 1, "quick": 10}


def tried(examples: int) -> settings:
    """Return settings that try so many examples, the same ones each time, without a deadline."""
    effort = os.environ.get("PROPERTY_EFFORT", "full")
    if effort not in _SHARE:
        raise ValueError(f"PROPERTY_EFFORT is {' or '.join(_SHARE)}, not {effort}")
    return settings(
        max_examples=examples // _SHARE[effort],
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
