"""The local host: runs the function app as the Azure Functions host does.

``python -m local host --port 7071`` serves the app of the current directory. Function keys
are not checked, as with Core Tools, and only this machine can connect unless ``--host`` says
otherwise. Ctrl-C or SIGTERM ends it when the functions that run have finished.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from local.hosting.converters import queue_texts
from local.hosting.functions import Function, HttpTrigger, QueueTrigger, TimerTrigger
from local.hosting.hostjson import (
    MESSAGE_LEASE_SECONDS,
    HostJsonError,
    HostOptions,
    read_host_json,
)
from local.hosting.http import HttpApplication, full_route
from local.hosting.invoking import Invoker, Outcome
from local.hosting.loading import AppLoadError, LoadedApp, load_app
from local.hosting.logs import configure_logging
from local.hosting.queues import QueueListener, StoredQueue, encode_text
from local.hosting.settings import SettingsError, apply_settings, read_local_settings
from local.hosting.storage import queue_service, table_service
from local.hosting.timers import TimerListener
from local.hosting.timerstatus import TimerStatusTable

logger = logging.getLogger("host")

DEFAULT_PORT = 7071
GRACE_SECONDS = 10.0
MAX_STORAGE_THREADS = 32
LEASE_VARIABLE = "LOCAL_HOST_MESSAGE_LEASE_SECONDS"
STORAGE = "AzureWebJobsStorage"


@dataclass(frozen=True, slots=True)
class HostConfig:
    """How to run the host.

    Attributes:
        lease_seconds: How long a running message is hidden. The real host's 600 s also hides
            the messages of a host that was killed, so tests want less.
        grace_seconds: How long to wait at the end for functions that run.
    """

    directory: Path
    address: str
    port: int
    settings: Path | None
    lease_seconds: float
    grace_seconds: float
    strict: bool


class HostStartError(Exception):
    """The host cannot start. The message has one line for each fault."""


class Host:
    """Triggers, running: the HTTP server, the queue listeners and the timers."""

    def __init__(
        self, app: LoadedApp, options: HostOptions, config: HostConfig, environ: Mapping[str, str]
    ) -> None:
        self._options = options
        self._config = config
        self._environ = environ
        self._invoker = Invoker(_thread_count(environ), self._write_outputs)
        self._storage_threads = ThreadPoolExecutor(MAX_STORAGE_THREADS, "storage")
        self._queues: dict[tuple[str, str], StoredQueue] = {}
        self._listeners: list[QueueListener] = []
        self._timers: dict[str, TimerListener] = {}
        self._by_hand: set[asyncio.Task[None]] = set()
        for function in app.functions:
            self._listen(function)
        self._functions = app.functions

    def application(self) -> HttpApplication:
        """Return the ASGI application for the app's HTTP triggers and the admin addresses."""
        return HttpApplication(
            self._functions,
            self._invoker,
            route_prefix=self._options.route_prefix,
            fire_timer=self._fire,
            homepage=self._environ.get("AzureWebJobsDisableHomepage", "").lower() != "true",
        )

    async def run(self, listening: socket.socket, stop: asyncio.Event) -> bool:
        """Serve until told to stop, then let what runs finish, for the grace time at most.

        Returns:
            Whether everything had finished by then.
        """
        server = Server(
            uvicorn.Config(
                self.application(),
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=max(1, round(self._config.grace_seconds)),
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        listening_to: list[QueueListener | TimerListener] = [*self._listeners]
        listening_to += self._timers.values()
        running = [asyncio.create_task(listener.run()) for listener in listening_to]
        stopping = asyncio.create_task(stop.wait())
        ended, _ = await asyncio.wait(
            [stopping, serving, *running], return_when=asyncio.FIRST_COMPLETED
        )
        stopping.cancel()
        for listener in listening_to:
            listener.stop()
        server.should_exit = True
        everything = {serving, *running, *self._by_hand}
        _, late = await asyncio.wait(everything, timeout=self._config.grace_seconds)
        if late:
            logger.warning("abandoned: %s", ", ".join(self._invoker.running) or "requests")
        self._invoker.close()
        self._storage_threads.shutdown(wait=False, cancel_futures=True)
        for task in ended - {stopping}:
            task.result()
        return not late

    def _listen(self, function: Function) -> None:
        match function.trigger:
            case QueueTrigger(queue, connection):
                listener = QueueListener(
                    function,
                    self._queue(connection, queue),
                    self._invoker,
                    self._options.queues,
                    poison_written=self._wake,
                )
                self._listeners.append(listener)
            case TimerTrigger() as trigger:
                store = TimerStatusTable(table_service(STORAGE, self._environ), self._host_id())
                self._timers[function.name] = TimerListener(
                    function,
                    trigger,
                    store,
                    self._invoker,
                    self._storage_threads,
                )
            case HttpTrigger():
                pass

    def _fire(self, name: str) -> bool | None:
        """Start a timer by hand; None when there is no such function, False when it is no timer."""
        timers = {timer.lower(): listener for timer, listener in self._timers.items()}
        if name.lower() not in {function.name.lower() for function in self._functions}:
            return None
        if name.lower() not in timers:
            return False
        task = asyncio.create_task(timers[name.lower()].fire())
        self._by_hand.add(task)
        task.add_done_callback(self._by_hand.discard)
        return True

    async def _write_outputs(self, function: Function, outcome: Outcome) -> None:
        for output in function.outputs:
            returned = output.parameter == "$return"
            value = outcome.result if returned else outcome.outputs[output.parameter]
            for text in queue_texts(value):
                content = encode_text(text, base64_encoded=self._options.queues.base64)
                await self._queue(output.connection, output.queue).put(content)
                self._wake(output.queue)

    def _wake(self, queue: str) -> None:
        for listener in self._listeners:
            if listener.queue_name == queue:
                listener.wake()

    def _queue(self, connection: str, name: str) -> StoredQueue:
        key = (connection, name)
        if key not in self._queues:
            service = queue_service(connection, self._environ)
            self._queues[key] = StoredQueue(service, name, self._storage_threads)
        return self._queues[key]

    def _host_id(self) -> str:
        """Return what hosts of the same app share: a setting, or the directory's name."""
        return self._environ.get("AzureFunctionsWebHost__hostid") or self._config.directory.name


class Server(uvicorn.Server):
    """A server that leaves the signals to the host."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: the host decides in which order things end."""
        yield


def main(argv: Sequence[str]) -> int:
    """Run the host until it is told to stop, and return the exit status."""
    arguments = _parser().parse_args(argv)
    configure_logging(as_json=arguments.log_format == "json", level=arguments.log_level)
    directory = arguments.app_dir.resolve()
    config = HostConfig(
        directory=directory,
        address=arguments.host,
        port=arguments.port,
        settings=arguments.settings,
        lease_seconds=arguments.message_lease_seconds,
        grace_seconds=arguments.grace_seconds,
        strict=arguments.strict,
    )
    try:
        finished = asyncio.run(_serve(config))
    except HostStartError as error:
        for line in str(error).splitlines():
            logger.error("%s", line)  # noqa: TRY400 - a person's fault, told in words
        return 1
    logger.info("stopped")
    if not finished:
        # What still runs sits in a thread that Python would wait for.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)
    return 0


def start(config: HostConfig) -> tuple[Host, LoadedApp, HostOptions]:
    """Read the settings, load the app and connect it; nothing runs yet.

    Raises:
        HostStartError: Settings, host.json or the app are wrong; every fault is named.
    """
    try:
        _apply_settings(config)
        options = read_host_json(
            config.directory / "host.json", os.environ, lease_seconds=config.lease_seconds
        )
        app = load_app(config.directory, os.environ)
        for fault in app.faults:
            logger.error("left out: %s", fault)
        if app.faults and config.strict:
            raise HostStartError("functions are wrong; --no-strict runs the others")
        if not app.functions:
            raise HostStartError("the app has no function that can run")
        return Host(app, options, config, os.environ), app, options
    except (SettingsError, HostJsonError, AppLoadError) as error:
        raise HostStartError(str(error)) from error


async def _serve(config: HostConfig) -> bool:
    listening = _bind(config.address, config.port)
    try:
        # Loading imports the app, which may take its time; nobody is served yet.
        host, app, options = start(config)
    except HostStartError:
        listening.close()
        raise
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _on_signal(stop))
    url = f"http://{config.address}:{listening.getsockname()[1]}"
    _announce(app, options, url)
    return await host.run(listening, stop)


def _on_signal(stop: asyncio.Event) -> Callable[[], None]:
    def handle() -> None:
        if stop.is_set():
            os._exit(130)
        logger.info("stopping; once more ends it at once")
        stop.set()

    return handle


def _apply_settings(config: HostConfig) -> None:
    path = config.settings or config.directory / "local.settings.json"
    values: dict[str, str] = {}
    if config.settings or path.exists():
        values = read_local_settings(path)
    for name in apply_settings(values, os.environ):
        logger.info("setting %s: the environment's value wins", name)


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio switches Nagle's delay off only for sockets that name their protocol.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address, port))
    except OSError as error:
        listening.close()
        raise HostStartError(f"cannot listen on {address}:{port}: {error.strerror}") from error
    return listening


def _announce(app: LoadedApp, options: HostOptions, url: str) -> None:
    lines = ["", "Functions:", ""]
    for function in app.functions:
        match function.trigger:
            case HttpTrigger(route, methods, _):
                verbs = ",".join(sorted(methods)) or "any"
                path = full_route(options.route_prefix, route)
                lines.append(f"\t{function.name}: [{verbs}] {url}/{path}")
            case QueueTrigger(queue, _):
                lines.append(f"\t{function.name}: queueTrigger {queue}")
            case TimerTrigger(schedule, _, _):
                lines.append(f"\t{function.name}: timerTrigger {schedule}")
    print("\n".join([*lines, ""]), file=sys.stderr, flush=True)
    logger.info("listening on %s; function keys are not checked here", url)


def _thread_count(environ: Mapping[str, str]) -> int | None:
    """Return how many threads run functions; None is Python's default, as in Azure."""
    text = environ.get("PYTHON_THREADPOOL_THREAD_COUNT", "")
    return int(text) if text.isdigit() and int(text) > 0 else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local host", description=__doc__)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--app-dir", type=Path, default=Path(), help="holds function_app.py")
    parser.add_argument(
        "--settings", type=Path, help="local.settings.json; default: the app directory's, if any"
    )
    parser.add_argument(
        "--message-lease-seconds",
        type=float,
        default=float(os.environ.get(LEASE_VARIABLE, MESSAGE_LEASE_SECONDS)),
        help=f"how long a running message is hidden (or {LEASE_VARIABLE}); the real host: 600",
    )
    parser.add_argument(
        "--grace-seconds",
        type=float,
        default=GRACE_SECONDS,
        help="how long running functions may take to finish at the end",
    )
    parser.add_argument(
        "--strict",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="do not start when a function is wrong; Azure leaves it out and runs the others",
    )
    parser.add_argument("--log-format", choices=["text", "json"], default="text")
    parser.add_argument("--log-level", default="info")
    return parser
