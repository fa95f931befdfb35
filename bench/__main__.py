"""``python -m bench [PART …]``: what a cycle, Sync Now, a start and a page cost.

Parts: ``cycles`` (with the baseline), ``sync-now``, ``hosts``, ``cold-start``, ``storage``,
``pages``; all when none is named. ``--quick`` is ConnectWise with 100 tenants only.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import cold_start, pages, psa, storage_price
from bench.judged import judged
from bench.report import as_json, this_machine, write_docs
from bench.rows import as_text
from local.sites.known import DEFAULT, SITES

PARTS = ("cycles", "sync-now", "hosts", "cold-start", "storage", "pages")
SIZES = (100, 1000)


def main(argv: Sequence[str]) -> int:
    """Measure, print a table, and keep the figures where asked."""
    arguments = _parser().parse_args(argv)
    parts = set(arguments.parts or PARTS)
    if unknown := parts - set(PARTS):
        raise SystemExit(f"there is no part {', '.join(sorted(unknown))}; there are {PARTS}")
    if arguments.quick:
        parts -= {"hosts", "pages"}
    names = [DEFAULT] if arguments.quick and not arguments.psa else arguments.psa or list(SITES)
    sizes = (SIZES[0],) if arguments.quick else tuple(arguments.tenants or SIZES)
    machine = this_machine()
    print(f"{machine.in_words()}", flush=True)
    began = time.monotonic()
    psas = []
    largest = set(names[:1] if arguments.largest_once else names)
    for name in names if parts & {"cycles", "sync-now", "hosts"} else ():
        beside = name == DEFAULT or bool(arguments.psa)
        _say(began, SITES[name].title)
        psas.append(
            psa.measure(
                SITES[name],
                sizes if name in largest else sizes[:1],
                in_full=beside,
                with_sync_now=beside and "sync-now" in parts,
                with_hosts=beside and "hosts" in parts,
                with_baseline="cycles" in parts,
            )
        )
    cold = None
    if "cold-start" in parts:
        _say(began, "cold start")
        cold = cold_start.cold_start()
    price = None
    if "storage" in parts:
        _say(began, "storage")
        price = storage_price.storage_price()
    shown = []
    if "pages" in parts:
        _say(began, "pages")
        shown = pages.measure()
    rows = judged(psas, cold, price, shown)
    print(as_text(rows))
    missed = sum(row.met is False for row in rows)
    wanted = sum(row.met is not None for row in rows)
    print(f"\n{wanted - missed} of {wanted} as wanted, in {time.monotonic() - began:.0f} s")
    if arguments.json is not None:
        figures = {
            "psas": psas,
            "cold_start": cold,
            "storage": price,
            "pages": [one.figures() for one in shown],
        }
        arguments.json.write_text(as_json(machine, rows, figures), "utf-8")
    if arguments.record:
        write_docs(machine, rows, psas)
    return 0


def _say(began: float, what: str) -> None:
    print(f"  {time.monotonic() - began:5.0f} s  {what} …", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--psa", action="append", choices=list(SITES), help="default: all")
    parser.add_argument("--tenants", type=int, nargs="+", help=f"default: {SIZES}")
    parser.add_argument(
        "--largest-once", action="store_true", help="only one PSA with more than the fewest tenants"
    )
    parser.add_argument(
        "--quick", action="store_true", help="one PSA, 100 tenants, no hosts and no pages"
    )
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument(
        "--record", action="store_true", help="write docs/bench.md, its chart and the history"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
