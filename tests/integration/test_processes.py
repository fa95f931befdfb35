"""Children end with their parent, however that ends; and the commands say what is wrong."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from azure.storage.queue import QueueServiceClient

from local import azurite as azurite_module
from local.azurite import AzuriteError, find_node
from local.azurite import azurite as run_azurite
from local.processes import ProcessError, Processes, free_port
from tests.integration.waiting import eventually

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('deaf', flush=True); time.sleep(600)",
]
PARENT = """
import sys, time
from local.processes import Processes, until_told_to_stop
with until_told_to_stop(), Processes() as processes:
    child = processes.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"])
    print(child.process.pid, flush=True)
    time.sleep(600)
"""


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_child_outlives_its_parent(number):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.send_signal(number)
        parent.wait(20)

        eventually(lambda: not is_alive(pid))


def test_a_child_that_ignores_being_asked_is_killed(tmp_path):
    log = tmp_path / "log"
    with Processes() as processes:
        child = processes.start(
            "stubborn", STUBBORN, log=log, ready=lambda: "deaf" in log.read_text()
        )
        assert child.stop(seconds=0.2) == -signal.SIGKILL


def test_a_child_that_ends_early_is_reported_with_its_last_words(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('no luck')"]
    with Processes() as processes, pytest.raises(ProcessError, match=r"ended with 1(?s:.*)no luck"):
        processes.start("unlucky", command, log=tmp_path / "log", ready=lambda: False)


def test_a_child_that_is_never_ready_is_reported():
    with Processes() as processes:
        child = processes.start("sleeper", SLEEPER)
        with pytest.raises(ProcessError, match="not ready"):
            child.wait_ready(lambda: False, seconds=0.2)


def test_azurite_keeps_its_data_in_a_directory(tmp_path):
    for expected in ([], ["kept"]):
        with (
            run_azurite(tmp_path / "data", log=tmp_path / "log") as emulator,
            QueueServiceClient.from_connection_string(emulator.connection_string) as service,
        ):
            assert [queue.name for queue in service.list_queues()] == expected
            if not expected:
                service.create_queue("kept").close()


def test_without_its_package_azurite_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setattr(azurite_module, "ROOT", tmp_path)

    with pytest.raises(AzuriteError, match="npm ci"), run_azurite():
        pass


def test_without_a_node_azurite_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    with pytest.raises(AzuriteError, match="no Node"):
        find_node()


def test_a_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with (
            pytest.raises(AzuriteError, match=f"port {port} is taken"),
            run_azurite(ports=(port, free_port(), free_port())),
        ):
            pass


def run_host(app: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "local", "host", "--port", "0", "--app-dir", str(app), *options],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


WRONG_APP = """
import azure.functions as func
app = func.FunctionApp()
@app.timer_trigger("timer", "not a schedule")
def one(timer): ...
@app.queue_trigger("my_msg", "jobs", "Missing")
def two(my_msg): ...
"""


def test_the_host_does_not_start_with_wrong_functions_and_names_them_all(tmp_path):
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text(WRONG_APP)

    ended = run_host(tmp_path)

    assert ended.returncode == 1
    assert "left out: one" in ended.stderr
    assert "left out: two" in ended.stderr


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "host.json"),
        ({"host.json": '{"version": "2.0"}'}, "no function_app.py"),
        ({"host.json": '{"version": "2.0"}', "function_app.py": "1/0"}, "ZeroDivisionError"),
        ({"local.settings.json": "no"}, "local.settings.json"),
    ],
)
def test_the_host_says_why_it_does_not_start(tmp_path, files, words):
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    ended = run_host(tmp_path)

    assert ended.returncode == 1
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_function_that_never_ends_does_not_keep_the_host(tmp_path, azurite):
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func, time\n"
        "app = func.FunctionApp()\n"
        "@app.timer_trigger('timer', '0 0 0 1 1 *', run_on_startup=True)\n"
        "def forever(timer):\n"
        "    print('running', flush=True)\n"
        "    time.sleep(600)\n"
    )
    log = tmp_path / "log"
    with Processes() as processes:
        host = processes.start(
            "host",
            [sys.executable, "-m", "local", "host", "--port", "0", "--app-dir", str(tmp_path),
             "--grace-seconds", "1"],
            environment={"AzureWebJobsStorage": azurite.connection_string},
            directory=ROOT,
            log=log,
            ready=lambda: "running" in log.read_text(),
        )  # fmt: skip
        began = time.monotonic()

        assert host.stop() == 0
        assert time.monotonic() - began < 10
    assert "abandoned: forever" in log.read_text()
