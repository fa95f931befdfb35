"""Between the wire and ``azure.functions``: the same converters that Microsoft's worker uses."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import Morsel, SimpleCookie
from typing import Any
from urllib.parse import quote

import azure.functions as func
from azure.functions.meta import Datum


class UnsupportedValueError(TypeError):
    """A function returned what its binding cannot carry."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer, ready to send."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def binding_converter(binding_type: str) -> Any:  # noqa: ANN401 - the class is not exported
    """Return the library's converter of a binding type, or None if it has none."""
    return func.get_binding_registry().get(binding_type)  # type: ignore[no-untyped-call]  # not annotated


def http_request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    query: Mapping[str, str],
    route_params: Mapping[str, str],
    body: bytes,
) -> func.HttpRequest:
    """Return the request object that a function sees."""
    value = {
        "method": Datum(method, "string"),
        "url": Datum(url, "string"),
        "headers": _strings(headers),
        "query": _strings(query),
        "params": _strings(route_params),
        "body": Datum(body, "bytes"),
    }
    request: func.HttpRequest = binding_converter("httpTrigger").decode(
        Datum(value, "http"), trigger_metadata={}
    )
    return request


def http_answer(result: object) -> HttpAnswer:
    """Return what to send for a function's result.

    Raises:
        UnsupportedValueError: The result is neither a response nor text. ``None`` is refused
            too: the worker fails such an invocation.
    """
    try:
        datum = binding_converter("http").encode(result, expected_type=None)
    except NotImplementedError:
        raise UnsupportedValueError(
            f"an HTTP function returned {type(result).__name__}; expected HttpResponse or str"
        ) from None
    if datum.type == "string":
        text = (("content-type", "text/plain; charset=utf-8"),)
        return HttpAnswer(200, text, str(datum.value).encode())
    value = datum.value
    headers = [(name, header.value) for name, header in value["headers"].items()]
    cookies: list[SimpleCookie] = value["cookies"] or []
    headers += [("set-cookie", _cookie(morsel)) for cookie in cookies for morsel in cookie.values()]
    return HttpAnswer(int(value["status_code"].value), tuple(headers), value["body"].value)


def queue_message(text: str, metadata: Mapping[str, object]) -> func.QueueMessage:
    """Return the message object that a function sees.

    Args:
        metadata: ``Id``, ``DequeueCount``, ``PopReceipt`` and the times, as the host names them.
    """
    message: func.QueueMessage = binding_converter("queueTrigger").decode(
        Datum(text, "string"),
        trigger_metadata={name: Datum(json.dumps(v), "json") for name, v in metadata.items()},
    )
    return message


def queue_texts(value: object) -> list[str]:
    """Return the messages that an output value stands for: one, or one for each item of a list.

    Raises:
        UnsupportedValueError: The value is not text, bytes in UTF-8, or a list of text.
    """
    if value is None:
        return []
    try:
        datum = binding_converter("queue").encode(value, expected_type=None)
    except NotImplementedError as error:
        raise UnsupportedValueError(
            f"a queue output got {type(value).__name__}; expected text or a list of text"
        ) from error
    if datum.type == "bytes":
        return [datum.value.decode()]
    if datum.type == "string":
        return [datum.value]
    items = json.loads(datum.value)
    items = items if isinstance(items, list) else [items]
    return [item if isinstance(item, str) else item["body"] for item in items]


def timer_request(
    *, past_due: bool, status: Mapping[str, str] | None, adjust_for_dst: bool
) -> func.TimerRequest:
    """Return the timer object that a function sees."""
    payload = {
        "Schedule": {"AdjustForDST": adjust_for_dst},
        "ScheduleStatus": status,
        "IsPastDue": past_due,
    }
    request: func.TimerRequest = binding_converter("timerTrigger").decode(
        Datum(json.dumps(payload), "json"), trigger_metadata={}
    )
    return request


def _strings(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


def _cookie(morsel: "Morsel[str]") -> str:
    """Return the header value as the host writes it: percent-encoded, and at the root path."""
    morsel.set(morsel.key, morsel.value, quote(morsel.value, safe=""))
    morsel["path"] = morsel["path"] or "/"
    return morsel.OutputString()
