"""Whatever goes wrong, the PSA ends with what was bought, once: a few seeds, and those kept.

``make chaos SEEDS=200`` plays more of them; the README here says what a seed is.
"""

from pathlib import Path
from random import Random

import pytest

from tests.chaos.plan import PSAS, drawn, kept
from tests.chaos.play import Play
from tests.chaos.test_plan import KEPT
from tests.chaos.theatre import theatre_in

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

SEEDS = {"autotask": [5010], "syncro": [5020]}
"""Of the PSAs that no kept plan is about; which ones has no meaning."""


@pytest.mark.parametrize("psa", PSAS)
def test_every_seed_ends_right(tmp_path: Path, psa: str):
    plans = [drawn(seed, psa) for seed in SEEDS.get(psa, [])]
    plans += [kept(path).plan for path in KEPT]

    with theatre_in(tmp_path, psa) as theatre:
        for plan in plans:
            if plan.psa == psa:
                Play(theatre, plan, Random(plan.seed)).run()
