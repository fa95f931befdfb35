"""Installs what Seatsync needs on a laptop: ``python -m local.install packages|node|browser``.

Called by the Makefile with the Python of ``.venv``, before anything is installed: the standard
library has to do. Each part leaves a stamp that the Makefile compares with its list of pins.
"""

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements-dev.txt"
STAMP = ".installed"
TELL_EVERY_SECONDS = 10.0
TAIL_LINES = 30


class InstallError(Exception):
    """Something cannot be installed; the message says what to do."""


def install_packages() -> None:
    """Install the pinned Python packages into this environment."""
    pinned = len(re.findall(r"^[\w.-]+==", REQUIREMENTS.read_text("utf-8"), re.MULTILINE))
    seen = 0

    def progress(line: str) -> str:
        nonlocal seen
        seen += line.startswith(("Collecting ", "Requirement already satisfied: "))
        if line.startswith("Installing collected packages"):
            return "unpacking"
        return f"{min(seen, pinned)} of about {pinned}"

    command = [sys.executable, "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    _run("Python packages", [*command, "--require-hashes", "-r", str(REQUIREMENTS)], progress)
    (Path(sys.prefix) / STAMP).touch()


def install_node_modules() -> None:
    """Install the pinned Node packages, with the machine's npm or the one beside this Python."""
    beside = Path(sys.executable).parent
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        npm = str(beside / "npm")
    if not Path(npm).exists():
        raise InstallError("there is no npm: install Node, or run `make setup` again")
    # npm starts whatever `node` is on PATH.
    path = f"{os.environ.get('PATH', '')}{os.pathsep}{beside}"
    command = [npm, "ci", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    _run("Node packages", command, lambda _line: "working", PATH=path)
    (ROOT / "node_modules" / STAMP).touch()


def install_browser() -> None:
    """Install Chromium for the tests of the pages where it is missing and that can be done here."""
    try:
        chromium()
    except InstallError:
        apt = shutil.which("apt-get")
        if apt is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
            raise
        _run("package lists", [apt, "update", "-q"], lambda _line: "working")
        command = [apt, "install", "-q", "-y", "--no-install-recommends", "chromium"]
        _run("Chromium", command, lambda _line: "working", DEBIAN_FRONTEND="noninteractive")
        chromium()


def chromium() -> Path:
    """Return where Chromium or Chrome is.

    Raises:
        InstallError: There is none on PATH.
    """
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise InstallError(
            "the tests of the pages need Chromium or Chrome on PATH: install it (Debian: "
            "apt-get install chromium; macOS: brew install --cask chromium, and link it as "
            "chromium) and try again"
        )
    return Path(found)


def main(argv: Sequence[str]) -> int:
    """Install one part, and return the exit status."""
    parts = {"packages": install_packages, "node": install_node_modules, "browser": install_browser}
    try:
        parts[argv[0]]()
    except InstallError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(what: str, command: list[str], progress: Callable[[str], str], **variables: str) -> None:
    """Run a command, tell now and then how far it is, and show its last words if it fails."""
    started = time.monotonic()
    print(f"Installing {what} …", flush=True)
    lines: list[str] = []
    state = "starting"
    done = threading.Event()

    def tell() -> None:
        while not done.wait(TELL_EVERY_SECONDS):
            print(f"  {state}, {time.monotonic() - started:.0f} s", flush=True)

    threading.Thread(target=tell, daemon=True).start()
    with subprocess.Popen(  # noqa: S603 - our own command, no shell
        command,
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            state = progress(line)
    done.set()
    if process.returncode:
        raise InstallError(
            f"{''.join(lines[-TAIL_LINES:])}\n{what} could not be installed ({command[0]} ended "
            f"with {process.returncode}); the lines above say why"
        )
    print(f"Installed {what} in {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
