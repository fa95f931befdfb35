"""``python -m local COMMAND``: what runs Seatsync on a laptop."""

import argparse
import importlib
import sys
from collections.abc import Sequence

# Each command is a module with ``main(arguments) -> exit status``, imported when it is asked for.
COMMANDS = {
    "host": ("local.host", "run the function app as the Functions host does"),
    "azurite": ("local.azurite", "run the storage emulator"),
    "simulators": ("local.simulators.serve", "run Microsoft and the PSA, simulated"),
    "sample": ("local.sample.write", "write a made-up MSP as files for the simulators"),
    "demo": ("local.demo", "run all of it with a made-up MSP"),
    "package": ("local.package", "build the zip that is deployed"),
    "backup": ("local.backup.take", "write all tables of a storage account to a file"),
    "restore": ("local.backup.restore", "write a backup back into the tables"),
    "probe": ("local.probe.command", "settle on a sandbox agreement what a PSA leaves open"),
}


def main(argv: Sequence[str]) -> int:
    """Run a command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m local",
        epilog="\n".join(f"{name:12} {about}" for name, (_, about) in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS)
    arguments = parser.parse_args(argv[:1])
    module, _ = COMMANDS[arguments.command]
    status: int = importlib.import_module(module).main(argv[1:])
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
