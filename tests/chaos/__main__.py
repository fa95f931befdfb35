"""``python -m tests.chaos``: seeds by the hundred, or one with its plan; see the README here."""

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from random import Random

from tests.chaos.plan import PSAS, Kept, Plan, drawn, keep, kept
from tests.chaos.planted import PLANTED
from tests.chaos.play import Play
from tests.chaos.theatre import Theatre, theatre_in


def main(argv: Sequence[str]) -> int:
    """Play seeds, say of each how it ended, and return 0 only if all ended right."""
    options = _parser().parse_args(argv)
    plans = sorted(_plans(options), key=lambda one: one.psa)
    if len(plans) == 1:
        print("\n".join(plans[0].words()), flush=True)
    began = time.monotonic()
    wrong: list[int] = []
    for psa, group in groupby(plans, key=lambda one: one.psa):
        wrong += play_all(psa, group, options.logs, options.without)
    seconds = time.monotonic() - began
    print(
        f"{len(plans)} seeds in {seconds:.0f} s ({seconds / len(plans):.1f} s each): "
        f"{len(plans) - len(wrong)} ended right"
        + (f", and wrong {', '.join(map(str, wrong))}" if wrong else "")
    )
    return 1 if wrong else 0


def play_all(
    psa: str, plans: Iterable[Plan], logs: Path | None, without: Sequence[str]
) -> list[int]:
    """Play plans of one PSA on one theatre, and return the seeds that ended wrong.

    After one that did, the others get a theatre of their own: nothing of it is left to them.
    """
    waiting, wrong = list(plans), []
    while waiting:
        with (
            tempfile.TemporaryDirectory(prefix="seatsync-chaos-") as name,
            theatre_in(Path(name), psa, without) as theatre,
        ):
            while waiting:
                plan = waiting.pop(0)
                if not _ended_right(theatre, plan):
                    wrong.append(plan.seed)
                    if logs is not None:
                        _keep(Path(name), logs / f"{plan.seed}-{psa}", plan)
                    break
    return wrong


def _ended_right(theatre: Theatre, plan: Plan) -> bool:
    began = time.monotonic()
    play = Play(theatre, plan, Random(plan.seed))
    try:
        play.run()
    except Exception as error:  # noqa: BLE001 - whatever it is, the other seeds go on
        print(f"seed {plan.seed} ({plan.psa}) is WRONG: {error}", flush=True)
        if not isinstance(error, AssertionError):
            traceback.print_exc()
        print("\n".join(plan.words()), flush=True)
        return False
    print(
        f"seed {plan.seed} ({plan.psa}) is right: {time.monotonic() - began:.1f} s, "
        f"{len(theatre.weather.fallen)} blows, {len(play.runs)} runs, "
        f"{len(play.notes)} items failed on the way",
        flush=True,
    )
    return True


def _plans(options: argparse.Namespace) -> list[Plan]:
    if options.plan is not None:
        return [kept(options.plan).plan]
    seeds = options.seed or range(options.first, options.first + options.seeds)
    return [drawn(seed, options.psa) for seed in seeds]


def _keep(directory: Path, logs: Path, plan: Plan) -> None:
    keep(logs / "plan.json", Kept("not known yet", plan))
    for log in directory.glob("*.log"):
        (logs / log.name).write_bytes(log.read_bytes())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, nargs="+", help="these; of one, its plan is printed")
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--psa", choices=PSAS, help="all on this one, instead of each in turn")
    parser.add_argument("--plan", type=Path, help="a plan that was kept in a file")
    parser.add_argument(
        "--without",
        choices=PLANTED,
        action="append",
        default=[],
        help="what the hosts go without, to see that the suite notices",
    )
    parser.add_argument("--logs", type=Path, help="keep plan and logs of what ends wrong here")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
