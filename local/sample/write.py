"""``python -m local sample DIRECTORY``: the sample as files that the simulators start with."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from local.sample.connectwise import connectwise_state
from local.sample.microsoft import microsoft_state
from local.simulators.common import exact_json


def main(argv: Sequence[str]) -> int:
    """Write ``microsoft.json`` and ``connectwise.json``, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m local sample", description=__doc__)
    parser.add_argument("directory", type=Path)
    directory: Path = parser.parse_args(argv).directory
    today = datetime.now(UTC).date()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "microsoft.json").write_text(microsoft_state(today).model_dump_json(), "utf-8")
    connectwise = exact_json.dumps(connectwise_state(today))
    (directory / "connectwise.json").write_text(connectwise, "utf-8")
    return 0
