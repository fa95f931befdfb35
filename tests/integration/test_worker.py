"""The apps as Microsoft's own worker sees them: what it refuses, Azure refuses."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.hosting.settings import read_local_settings
from tests.worker.driver import Worker, WorkerRefusedError

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="azure-functions-runtime needs Python 3.13"
)

ROOT = Path(__file__).resolve().parents[2]
SAMPLE_APP = Path(__file__).parent / "host" / "sample_app"
SAMPLE_SETTINGS = {
    "JOBS_QUEUE": "jobs",
    "DONE_QUEUE": "done",
    "TICK_SCHEDULE": "0 0 2 * * *",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def worker(journal: Path) -> Iterator[Worker]:
    with Worker(SAMPLE_APP, {**SAMPLE_SETTINGS, "SAMPLE_JOURNAL": str(journal)}) as running:
        yield running


def last_note(journal: Path) -> dict[str, object]:
    return json.loads(journal.read_text("utf-8").splitlines()[-1])


def test_the_worker_accepts_the_sample_app_with_all_its_functions(worker):
    kinds = {
        name: next(b["type"] for b in bindings if b["type"].endswith("Trigger"))
        for name, bindings in worker.index().items()
    }

    assert kinds["echo"] == "httpTrigger"
    assert kinds["work"] == "queueTrigger"
    assert kinds["tick"] == "timerTrigger"
    assert len(kinds) == 10


def test_an_http_function_gets_the_request_and_answers(worker):
    answer = worker.http(
        "echo", "POST", "http://localhost/api/echo/x", route={"rest": "x"}, query={"a": "1,2"},
        headers={"content-type": "text/plain"}, body=b"hello",
    )  # fmt: skip

    seen = json.loads(answer["body"])
    assert answer["status"] == 200
    assert (seen["route"], seen["params"], seen["body"]) == ({"rest": "x"}, {"a": "1,2"}, "hello")
    assert answer["cookies"] == ["a", "b"]


def test_a_function_that_answers_nothing_fails(worker):
    with pytest.raises(WorkerRefusedError, match="NoneType"):
        worker.http("nothing")


def test_a_queue_function_gets_the_message_and_writes_its_output(worker, journal):
    answer = worker.queue("work", json.dumps({"name": "first"}), dequeue_count=2)

    assert answer["outputs"] == {"out": "first"}
    assert [json.loads(line).get("count") for line in journal.read_text().splitlines()] == [2, None]


def test_a_failing_queue_function_fails_the_invocation(worker):
    with pytest.raises(WorkerRefusedError, match="planted failure"):
        worker.queue("work", json.dumps({"name": "first", "fail": True}))


def test_a_timer_function_learns_that_it_is_past_due(worker, journal):
    worker.timer("tick", past_due=True)

    assert last_note(journal)["past_due"] is True


APP = "import azure.functions as func\napp = func.FunctionApp()\n"
WRONG_APPS = {
    "a binding that the function does not take": (
        APP + "@app.route('x')\ndef x(request): ...",
        "request",
    ),
    "an annotation that does not fit": (APP + "@app.route('x')\ndef x(req: int): ...", "int"),
    "two functions of one name": (
        APP + "@app.route('x')\ndef x(req): ...\n@app.route('y')\ndef x(req): ...",
        "unique",
    ),
    "two apps": (APP + "other = func.FunctionApp()", "More than one"),
    "no app": ("def x(req): ...", "Could not find"),
    "a missing module": (APP + "import no_such_module_at_all", "no_such_module_at_all"),
}


@pytest.mark.parametrize(("source", "words"), WRONG_APPS.values(), ids=WRONG_APPS)
def test_a_wrong_app_is_refused(tmp_path: Path, source: str, words: str):
    (tmp_path / "function_app.py").write_text(source)

    with pytest.raises(WorkerRefusedError, match=words), Worker(tmp_path):
        pass


def test_the_worker_accepts_the_app_and_sees_what_the_local_host_sees():
    settings = read_local_settings(ROOT / "local.settings.sample.json")
    environment = {**settings, **os.environ}
    listing = (
        "import os, pathlib; from local.hosting.loading import load_app; "
        "app = load_app(pathlib.Path(), os.environ); print(app.faults); "
        "print(*(function.name for function in app.functions))"
    )

    with Worker(ROOT, environment) as worker:
        functions = worker.index()
    printed = subprocess.run(
        [sys.executable, "-c", listing],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    faults, names = printed.stdout.splitlines()

    kinds = {b["type"] for bindings in functions.values() for b in bindings}
    assert {"httpTrigger", "queueTrigger", "timerTrigger"} <= kinds
    assert faults == "()"
    assert set(names.split()) == set(functions)
