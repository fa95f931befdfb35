"""Load ``function_app.py`` and describe its functions, with every fault that Azure would find."""

import importlib
import inspect
import json
import re
import sys
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.functions as func

from local.hosting.converters import binding_converter
from local.hosting.functions import (
    Function,
    HttpTrigger,
    QueueOutput,
    QueueTrigger,
    TimerTrigger,
    Trigger,
)
from local.hosting.ncrontab import InvalidScheduleError, parse_schedule
from local.hosting.routes import InvalidRouteError, compile_template, conflict, ordinal, reserved
from local.hosting.settings import SettingsError, resolve, storage_setting

FUNCTION_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,127}")
BINDING_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]{0,127}")
QUEUE_NAME = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
RETURN = "$return"

Binding = Mapping[str, Any]


class AppLoadError(Exception):
    """The app as a whole cannot be loaded."""


class FunctionFaultError(Exception):
    """One function is wrong; the others may still run."""


@dataclass(frozen=True, slots=True)
class LoadedApp:
    """The functions that can run, by name, and why the others cannot."""

    functions: tuple[Function, ...]
    faults: tuple[str, ...]


def load_app(directory: Path, environment: Mapping[str, str]) -> LoadedApp:
    """Import ``function_app`` from a directory and describe what it registers.

    Raises:
        AppLoadError: The module is missing or raises, or does not hold exactly one app.
    """
    if not (directory / "function_app.py").is_file():
        raise AppLoadError(f"there is no function_app.py in {directory}")
    sys.path.insert(0, str(directory))
    try:
        module = importlib.import_module("function_app")
    except Exception as error:
        raise AppLoadError(f"function_app.py: {type(error).__name__}: {error}") from error
    apps = {
        id(value): value
        for value in vars(module).values()
        if isinstance(value, func.FunctionRegister)
    }
    if len(apps) != 1:
        raise AppLoadError(f"function_app.py holds {len(apps)} FunctionApp objects, expected one")
    return describe(next(iter(apps.values())), environment)


def describe(app: func.FunctionRegister, environment: Mapping[str, str]) -> LoadedApp:
    """Return the app's functions in the order in which routes are tried, and their faults.

    Raises:
        AppLoadError: The app refuses itself, for instance because two functions share a name.
    """
    try:
        registered = app.get_functions()
    except ValueError as error:
        raise AppLoadError(str(error)) from error
    functions: list[Function] = []
    faults: list[str] = []
    for registration in sorted(registered, key=lambda one: ordinal(str(one.get_function_name()))):
        name = str(registration.get_function_name())
        try:
            function = _describe(name, registration, environment)
            _refuse_conflict(function, functions)
        except (
            FunctionFaultError,
            SettingsError,
            InvalidRouteError,
            InvalidScheduleError,
        ) as fault:
            faults.append(f"{name}: {fault}")
        else:
            functions.append(function)
    return LoadedApp(tuple(functions), tuple(faults))


def _describe(name: str, registration: Any, environment: Mapping[str, str]) -> Function:  # noqa: ANN401 - the type is not exported
    if not FUNCTION_NAME.fullmatch(name) or name.lower() == "host":
        raise FunctionFaultError("the name must be a letter and up to 127 letters, digits, - or _")
    bindings: list[Binding] = [json.loads(text) for text in registration.get_raw_bindings()]
    for binding in bindings:
        if binding["name"] != RETURN and not BINDING_NAME.fullmatch(binding["name"]):
            raise FunctionFaultError(
                f"binding name '{binding['name']}': Azure takes letters and digits only"
            )
    triggers = [binding for binding in bindings if binding["type"].lower().endswith("trigger")]
    if len(triggers) != 1:
        raise FunctionFaultError(f"has {len(triggers)} triggers, expected one")
    [trigger] = triggers
    outputs = [binding for binding in bindings if binding is not trigger]
    call = registration.get_user_function()
    parameters = dict(inspect.signature(call).parameters)
    bound = {binding["name"] for binding in bindings} - {RETURN}
    wants_context = "context" in parameters and "context" not in bound
    _refuse_parameters(set(parameters) - ({"context"} if wants_context else set()), bound)
    try:
        annotation = typing.get_type_hints(call).get(trigger["name"])
    except NameError as error:
        raise FunctionFaultError(f"an annotation cannot be resolved: {error}") from error
    _refuse_annotation(trigger, annotation)
    return Function(
        name=name,
        call=call,
        is_async=inspect.iscoroutinefunction(call),
        trigger=_trigger(name, trigger, environment),
        parameter=trigger["name"],
        as_text=annotation in {str, bytes},
        outputs=_queue_outputs(outputs, environment),
        returns_value=any(binding["name"] == RETURN for binding in outputs),
        wants_context=wants_context,
        directory=str(Path(inspect.getfile(call)).parent),
    )


def _refuse_parameters(parameters: set[str], bound: set[str]) -> None:
    if parameters - bound:
        names = ", ".join(sorted(parameters - bound))
        raise FunctionFaultError(f"no binding for the parameters: {names}")
    if bound - parameters:
        names = ", ".join(sorted(bound - parameters))
        raise FunctionFaultError(f"no parameter for the bindings: {names}")


def _refuse_annotation(trigger: Binding, annotation: object) -> None:
    if annotation is None or annotation in {str, bytes}:
        return
    converter = binding_converter(trigger["type"])
    if converter is None:
        return
    if not isinstance(annotation, type) or not converter.check_input_type_annotation(annotation):
        raise FunctionFaultError(
            f"the annotation of '{trigger['name']}' does not fit its {trigger['type']}"
        )


def _refuse_conflict(function: Function, others: Sequence[Function]) -> None:
    if not isinstance(function.trigger, HttpTrigger):
        return
    for other in others:
        if isinstance(other.trigger, HttpTrigger) and conflict(
            function.trigger.route,
            function.trigger.methods,
            other.trigger.route,
            other.trigger.methods,
        ):
            raise FunctionFaultError(f"its route and methods conflict with '{other.name}'")


def _trigger(name: str, binding: Binding, environment: Mapping[str, str]) -> Trigger:
    match binding["type"]:
        case "httpTrigger":
            return _http_trigger(name, binding, environment)
        case "queueTrigger":
            queue = resolve(binding["queueName"], environment)
            _refuse_queue(queue, binding["connection"], environment)
            return QueueTrigger(queue, binding["connection"])
        case "timerTrigger":
            schedule = resolve(binding["schedule"], environment)
            parse_schedule(schedule)
            return TimerTrigger(
                schedule,
                run_on_startup=bool(binding.get("runOnStartup")),
                use_monitor=binding.get("useMonitor") is not False,
            )
        case other:
            raise FunctionFaultError(f"the local host does not know the trigger '{other}'")


def _http_trigger(name: str, binding: Binding, environment: Mapping[str, str]) -> HttpTrigger:
    route = resolve(binding.get("route") or name, environment)
    if reserved(route):
        raise FunctionFaultError(f"route '{route}': the host keeps admin… and runtime… for itself")
    compile_template(route)
    methods = frozenset(method.upper() for method in binding.get("methods") or ())
    return HttpTrigger(route, methods, str(binding.get("authLevel", "FUNCTION")).lower())


def _queue_outputs(
    bindings: Sequence[Binding], environment: Mapping[str, str]
) -> tuple[QueueOutput, ...]:
    outputs = []
    for binding in bindings:
        if binding["type"] == "http":
            continue
        if binding["type"] != "queue":
            raise FunctionFaultError(
                f"the local host does not know the binding '{binding['type']}'"
            )
        queue = resolve(binding["queueName"], environment)
        _refuse_queue(queue, binding["connection"], environment)
        outputs.append(QueueOutput(binding["name"], queue, binding["connection"]))
    return tuple(outputs)


def _refuse_queue(queue: str, connection: str, environment: Mapping[str, str]) -> None:
    if not QUEUE_NAME.fullmatch(queue):
        raise FunctionFaultError(f"'{queue}' is not a queue name")
    storage_setting(connection, "queue", environment)
