"""Run functions: coroutines on the loop, the others in a pool of threads as the worker does."""

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeVar

import azure.functions as func

from local.hosting.functions import Function

logger = logging.getLogger("host")

_thread_local = threading.local()


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an invocation gave: its return value, and the values set on output parameters."""

    result: Any
    outputs: Mapping[str, Any]


WriteOutputs = Callable[[Function, Outcome], Awaitable[None]]


class OutputParameter(func.Out[Any]):
    """Holds what a function sets."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:  # noqa: ANN401 - the interface's own type
        self._value = val

    def get(self) -> Any:  # noqa: ANN401 - the interface's own type
        return self._value


class InvocationContext(func.Context):
    """What a function's ``context`` parameter says about the invocation."""

    def __init__(self, function: Function, invocation_id: str) -> None:
        self._function = function
        self._invocation_id = invocation_id

    @property
    def invocation_id(self) -> str:
        return self._invocation_id

    @property
    def thread_local_storage(self) -> Any:  # noqa: ANN401 - the interface annotates a class
        return _thread_local

    @property
    def function_name(self) -> str:
        return self._function.name

    @property
    def function_directory(self) -> str:
        return self._function.directory

    @property
    def trace_context(self) -> Any:  # noqa: ANN401 - an empty stand-in: there is no trace locally
        return SimpleNamespace(trace_parent="", trace_state="", attributes={})

    @property
    def retry_context(self) -> Any:  # noqa: ANN401 - retry policies are not run locally
        return SimpleNamespace(retry_count=0, max_retry_count=0, exception=None)


class Invoker:
    """Runs functions, and knows which are running."""

    def __init__(self, threads: int | None, write_outputs: WriteOutputs) -> None:
        self._write_outputs = write_outputs
        self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="function")
        self._running: dict[str, str] = {}

    @property
    def running(self) -> tuple[str, ...]:
        """Names of the functions that run now, one for each invocation."""
        return tuple(self._running.values())

    async def invoke(
        self,
        function: Function,
        argument: object,
        *,
        reason: str,
        convert: Callable[[Any], T],
    ) -> T:
        """Run a function, write its outputs, and log how it went.

        Args:
            reason: Why it runs, for the log. Never the content of a message or request.
            convert: Makes the answer from the function's return value.

        Raises:
            Exception: Whatever the function, the conversion or an output raises; it is logged
                with its traceback here.
        """
        invocation_id = str(uuid.uuid4())
        self._running[invocation_id] = function.name
        started = time.perf_counter()
        try:
            outcome = await self._outcome(function, argument, invocation_id)
            answer = convert(outcome.result)
            await self._write_outputs(function, outcome)
        except Exception:
            logger.exception(
                "failed %s (%s) id=%s ms=%d", function.name, reason, invocation_id, _ms(started)
            )
            raise
        finally:
            del self._running[invocation_id]
        logger.info("ran %s (%s) id=%s ms=%d", function.name, reason, invocation_id, _ms(started))
        return answer

    async def _outcome(self, function: Function, argument: object, invocation_id: str) -> Outcome:
        arguments: dict[str, Any] = {function.parameter: argument}
        if function.wants_context:
            arguments["context"] = InvocationContext(function, invocation_id)
        outputs = {
            output.parameter: OutputParameter()
            for output in function.outputs
            if output.parameter != "$return"
        }
        result = await self._call(function, {**arguments, **outputs}, invocation_id)
        if result is not None and not function.returns_value:
            raise TypeError(f"{function.name} has no $return binding but returned a value")
        return Outcome(result, {name: output.get() for name, output in outputs.items()})

    async def _call(self, function: Function, arguments: dict[str, Any], invocation_id: str) -> Any:  # noqa: ANN401 - a function may return anything
        if function.is_async:
            return await function.call(**arguments)

        def run() -> Any:  # noqa: ANN401 - a function may return anything
            _thread_local.invocation_id = invocation_id
            return function.call(**arguments)

        return await asyncio.get_running_loop().run_in_executor(self._executor, run)

    def close(self) -> None:
        """Drop what has not started; what runs goes on until it ends."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def nothing(_result: object) -> None:
    """Make no answer: for triggers whose return value goes to an output, or nowhere."""


def _ms(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
