"""Runs a function app through Microsoft's own Python worker, without the host.

``azure_functions_runtime`` is the engine that Azure runs on Python 3.13 and later. It speaks
protobuf messages, but takes their classes from its caller, so plain objects of the same shape
do. It holds one app per process; therefore :class:`Worker` runs this file as a child and talks
to it in lines of JSON.
"""

import asyncio
import base64
import importlib
import json
import os
import subprocess
import sys
import types
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
ANSWER = "worker-answer "


class WorkerRefusedError(Exception):
    """The worker did not accept the app, or an invocation failed; in its own words."""


class Worker:
    """A worker with one app loaded."""

    def __init__(
        self,
        app: Path,
        environment: Mapping[str, str] | None = None,
        *,
        python: Path = Path(sys.executable),
        path: str = str(ROOT),
    ) -> None:
        """Start a worker and load the app.

        Args:
            python: Which Python runs it.
            path: Where it may import from, besides the app and what that Python has.

        Raises:
            WorkerRefusedError: The app is wrong.
        """
        self._process = subprocess.Popen(
            [str(python), str(Path(__file__)), str(app)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **(environment or {}), "PYTHONPATH": path},
        )
        try:
            self._functions = self._read()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def index(self) -> dict[str, list[dict[str, Any]]]:
        """Return each function's bindings, as the host would see them."""
        return self._functions

    def http(
        self,
        function: str,
        method: str = "GET",
        url: str = "http://localhost/",
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        route: Mapping[str, str] | None = None,
        body: bytes = b"",
        traceparent: str = "",
    ) -> dict[str, Any]:
        """Invoke an HTTP function; returns status, headers, cookies and body.

        Args:
            traceparent: The trace that the host began for it.
        """
        return self._invoke(
            function,
            traceparent=traceparent,
            http={
                "method": method,
                "url": url,
                "headers": dict(headers or {}),
                "query": dict(query or {}),
                "params": dict(route or {}),
                "body": base64.b64encode(body).decode(),
            },
        )

    def queue(self, function: str, text: str, *, dequeue_count: int = 1) -> dict[str, Any]:
        """Invoke a queue function; returns what it wrote to its outputs."""
        return self._invoke(function, queue={"text": text, "dequeue_count": dequeue_count})

    def timer(self, function: str, *, past_due: bool = False) -> dict[str, Any]:
        """Invoke a timer function; returns what it wrote to its outputs."""
        return self._invoke(function, timer={"past_due": past_due})

    def _invoke(self, function: str, **trigger: object) -> dict[str, Any]:
        self._process.stdin.write(json.dumps({"function": function, **trigger}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        for line in self._process.stdout:
            if line.startswith(ANSWER):
                answer = json.loads(line.removeprefix(ANSWER))
                if "error" in answer:
                    raise WorkerRefusedError(answer["error"])
                return answer["result"]
        raise WorkerRefusedError("the worker ended without an answer")


# What follows runs in the child.


class Record(SimpleNamespace):
    """Stands in for a protobuf message: its fields are what it was given."""


class OneOf(Record):
    """A message of which one field is set."""

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - protobuf's name
        return next(iter(vars(self)), None)


class ParameterBinding(Record):
    def WhichOneof(self, _group: str) -> str:  # noqa: N802 - protobuf's name
        return "data"


class BindingInfo(Record):
    undefined, out, inout = 0, 1, 2


class StatusResult(Record):
    Failure, Success = 0, 1


class RpcHttpCookie(Record):
    SameSite = SimpleNamespace(**{"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})


class Protos(types.ModuleType):
    """The module of messages: the few that have behaviour, any other one as a plain record."""

    def __init__(self) -> None:
        super().__init__("protos")
        self.TypedData = OneOf
        self.ParameterBinding = ParameterBinding
        self.BindingInfo = BindingInfo
        self.StatusResult = StatusResult
        self.RpcHttpCookie = RpcHttpCookie

    def __getattr__(self, name: str) -> type[Record]:
        message = type(name, (Record,), {})
        setattr(self, name, message)
        return message


def event(**request: object) -> SimpleNamespace:
    return SimpleNamespace(
        request=SimpleNamespace(**request),
        properties={"host": "127.0.0.1", "protos": PROTOS},
    )


def failure_of(result: StatusResult) -> str | None:
    if result.status == StatusResult.Success:
        return None
    return str(result.exception.message)


def typed(**field: object) -> OneOf:
    return OneOf(**field)


def trigger_data(call: Mapping[str, Any]) -> tuple[OneOf, dict[str, OneOf]]:
    """Return the trigger's data and metadata as the host sends them."""
    if http := call.get("http"):
        body = base64.b64decode(http["body"])
        body_field = typed(bytes=body) if body else typed()
        return typed(http=Record(**{**http, "body": body_field})), {}
    if queue := call.get("queue"):
        moment = '"2026-01-01T00:00:00+00:00"'
        metadata = {
            "Id": typed(string=str(uuid.uuid4())),
            "PopReceipt": typed(string="receipt"),
            "QueueTrigger": typed(string=queue["text"]),
            "DequeueCount": typed(json=str(queue["dequeue_count"])),
            "InsertionTime": typed(json=moment),
            "ExpirationTime": typed(json=moment),
            "NextVisibleTime": typed(json=moment),
        }
        return typed(string=queue["text"]), metadata
    payload = {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": None,
        "IsPastDue": call["timer"]["past_due"],
    }
    return typed(json=json.dumps(payload)), {}


def answer_of(response: Any) -> dict[str, Any]:
    """Return an invocation's answer as plain JSON."""
    outputs = {
        output.name: next(iter(vars(output.data).values())) for output in response.output_data
    }
    value = response.return_value
    if value is None:
        return {"outputs": outputs}
    field, content = next(iter(vars(value).items()))
    if field != "http":
        return {"outputs": outputs, "return": content}
    body = next(iter(vars(content.body).values()), b"")
    return {
        "outputs": outputs,
        "status": int(content.status_code),
        "headers": dict(content.headers),
        "cookies": [cookie.name for cookie in content.cookies or []],
        "body": body.decode() if isinstance(body, bytes) else body,
    }


async def serve(app: Path) -> None:
    runtime = importlib.import_module("azure_functions_runtime")
    runtime.start_threadpool_executor()
    initialised = await runtime.worker_init_request(
        event(worker_init_request=SimpleNamespace(capabilities={}, function_app_directory=str(app)))
    )
    if error := failure_of(initialised.result):
        reply(error=error)
        return
    metadata = await runtime.functions_metadata_request(event())
    found = metadata.function_metadata_results or []
    functions = {
        function.name: (function.function_id, [json.loads(text) for text in function.raw_bindings])
        for function in found
    }
    reply(result={name: bindings for name, (_, bindings) in functions.items()})
    for line in sys.stdin:
        call = json.loads(line)
        function_id, bindings = functions[call["function"]]
        name = next(b["name"] for b in bindings if b["type"].endswith("Trigger"))
        data, trigger_metadata = trigger_data(call)
        response = await runtime.invocation_request(
            event(
                invocation_request=SimpleNamespace(
                    invocation_id=str(uuid.uuid4()),
                    function_id=function_id,
                    input_data=[ParameterBinding(name=name, data=data)],
                    trigger_metadata=trigger_metadata,
                    trace_context=Record(
                        trace_parent=call.get("traceparent", ""), trace_state="", attributes={}
                    ),
                    retry_context=Record(retry_count=0, max_retry_count=0, exception=None),
                )
            )
        )
        if error := failure_of(response.result):
            reply(error=error)
        else:
            reply(result=answer_of(response))
    runtime.stop_threadpool_executor()


def reply(**answer: object) -> None:
    sys.stdout.write(ANSWER + json.dumps(answer) + "\n")
    sys.stdout.flush()


PROTOS = Protos()

if __name__ == "__main__":
    directory = Path(sys.argv[1]).resolve()
    os.chdir(directory)
    sys.path.insert(0, str(directory))
    asyncio.run(serve(directory))
