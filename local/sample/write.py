"""``python -m local sample DIRECTORY --psa NAME``: the sample as files for the simulators."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from local.sample.microsoft import microsoft_state
from local.sample.psa import story
from local.sites.known import DEFAULT, SITES
from shared import exact_json


def main(argv: Sequence[str]) -> int:
    """Write ``microsoft.json`` and the PSA's file, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local sample", description=__doc__)
    parser.add_argument("directory")
    parser.add_argument("--psa", choices=SITES, default=DEFAULT, help=f"default {DEFAULT}")
    arguments = parser.parse_args(argv)
    directory, site = Path(arguments.directory), SITES[arguments.psa]
    today = datetime.now(UTC).date()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "microsoft.json").write_text(microsoft_state(today).model_dump_json(), "utf-8")
    psa = exact_json.dumps(site.dumped(story(site.name, today)))
    (directory / f"{site.name}.json").write_text(psa, "utf-8")
    return 0
