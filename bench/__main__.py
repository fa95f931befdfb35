"""``python -m bench pages [--json FILE]``: how the pages grow with what they show."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import pages


def main(argv: Sequence[str]) -> int:
    """Measure, print a table, and write the figures as JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("part", choices=["pages"])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(argv)
    found = pages.measure()
    print(pages.table(found))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([one.figures() for one in found], indent=2), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
