"""The command that serves the simulators, as a process of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from local.simulators.microsoft.builders import a_state, a_tenant

ROOT = Path(__file__).parents[4]
COMMAND = "import sys; from local.simulators.serve import main; sys.exit(main(sys.argv[1:]))"

pytestmark = pytest.mark.enable_socket  # loopback only


def serve(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_tells_its_address_serves_its_state_and_stops_when_told(tmp_path, number):
    state = tmp_path / "state.json"
    state.write_text(json.dumps(a_state(a_tenant("Contoso")).model_dump(mode="json")))

    with serve("microsoft", "--microsoft-port", "0", "--microsoft-state", str(state)) as process:
        line = process.stdout.readline()
        url = re.fullmatch(r"microsoft: (http://127\.0\.0\.1:\d+)\n", line).group(1)
        with requests.Session() as session:  # a kept connection must not hold up the end
            page = session.get(url, timeout=5).text
            process.send_signal(number)
            _, errors = process.communicate(timeout=60)

    assert "Contoso" in page
    assert (process.returncode, errors) == (0, "")


def test_an_unknown_simulator_is_told():
    with serve("nope") as process:
        _, errors = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "there is no simulator nope" in errors
