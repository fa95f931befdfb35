"""Answers of a vendor, recorded from its simulator, told again with something wrong in them."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from hypothesis import strategies as st
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse

from local.sites.site import changes_something
from shared import exact_json

MOST_CALLS = 60
"""More calls than any operation here makes, tampered with or not."""


class WentAstrayError(BaseException):
    """A call without an end, or one to a stranger's address: nothing may catch it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one call."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Tampered:
    """What is wrong with an answer.

    Attributes:
        call: Which call of the recording it answers.
        numbers: What was put into it, as a result may now hold it.
        field: Which field is wrong, where it is one.
        damage: Nobody could have meant it: it is broken off, of another kind, or not there.
        says: For the output of a failing test.
    """

    call: int
    answer: Answer
    numbers: frozenset[Decimal] = frozenset()
    field: str = ""
    damage: bool = True
    says: str = ""


@dataclass
class Recording:
    """The calls that some work made, with their answers, in order."""

    calls: list[tuple[str, Answer]] = field(default_factory=list)
    host: str = ""

    @property
    def answers(self) -> list[Answer]:
        return [answer for _, answer in self.calls]


class Recorder(BaseAdapter):
    """Lets the simulator answer, and keeps what it said."""

    def __init__(self, inner: BaseAdapter, recording: Recording) -> None:
        super().__init__()
        self._inner = inner
        self._recording = recording

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        response = self._inner.send(request, **options)
        # Bodies change their length; how a connection breaks is told by other tests.
        headers = ((name, v) for name, v in response.headers.items() if name != "content-length")
        answer = Answer(response.status_code, tuple(headers), response.content)
        self._recording.calls.append((_key(request), answer))
        return response

    def close(self) -> None:
        """The simulator stays."""


class Player(BaseAdapter):
    """Answers as recorded, but for what is tampered with."""

    def __init__(self, recording: Recording, hosts: frozenset[str], tampered: Tampered) -> None:
        super().__init__()
        self._answers: defaultdict[str, list[Answer]] = defaultdict(list)
        for number, (key, answer) in enumerate(recording.calls):
            told = tampered.answer if number == tampered.call else answer
            self._answers[key].append(told)
        self._hosts = hosts
        self._builder = HTTPAdapter()
        self.calls = 0
        self.writes: list[tuple[requests.PreparedRequest, int]] = []

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        self.calls += 1
        where = urlsplit(request.url or "")
        if where.netloc not in self._hosts:
            raise WentAstrayError(f"to {where.netloc}")
        if self.calls > MOST_CALLS:
            raise WentAstrayError("without an end")
        waiting = self._answers[_key(request)]
        # Asked again, it says the same again, as an API does.
        answer = waiting.pop(0) if len(waiting) > 1 else next(iter(waiting), NOTHING_HERE)
        # Graph's batches and the pages of Autotask's queries are read by POST as well.
        reads = "/$batch" in where.path or "/query" in where.path
        if changes_something(request.method or "", where.path) and not reads:
            self.writes.append((request, answer.status))
        raw = HTTPResponse(
            body=BytesIO(answer.body),
            headers=HTTPHeaderDict(answer.headers),
            status=answer.status,
            preload_content=False,
        )
        response = self._builder.build_response(request, raw)
        _ = response.content  # as requests reads it, whose errors are its own
        return response

    def close(self) -> None:
        self._builder.close()


NOTHING_HERE = Answer(404, (("Content-Type", "application/json"),), b'{"message":"nothing here"}')


@contextmanager
def mounted(http: requests.Session, adapter: BaseAdapter) -> Iterator[None]:
    """Let a session call the adapter and nothing else meanwhile."""
    before = dict(http.adapters)
    http.adapters.clear()
    for scheme in ("http://", "https://"):
        http.mount(scheme, adapter)
    try:
        yield
    finally:
        http.adapters.clear()
        http.adapters.update(before)


# What can be wrong ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Raw:
    """JSON, or what is not, as it stands."""

    text: str


_NUMBERS: tuple[object, ...] = (
    *(0, -1, 1, 17, 2**31, 2**53, 2**63, 10**30, Decimal("2.5"), Decimal("-0.0")),
    *map(Raw, ("9" * 4000, "9" * 5000, "1e40", "1e400", "1e999999999", "1e99999999999999999999")),
    *map(Raw, ("NaN", "Infinity", "-Infinity", "1e-999999999", "0." + "1" * 5000)),
)
_TEXTS: tuple[object, ...] = (
    *("", " ", "x", "12", "-1", "1e400", "NaN", "\N{ARABIC-INDIC DIGIT THREE}", "1_0", "=1+1"),
    *("a\r\nX-Other: b", "\x00", "x" * 100_000, "\N{GREEK SMALL LETTER ALPHA}", "../../x", "<b>"),
    Raw('"\\ud800"'),
)
_DATES: tuple[object, ...] = (
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"),
    *(
        "0001-01-01T00:00:00+14:00",
        "2026-02-30T00:00:00Z",
        "2026-13-01",
        "9999-12-01",
        "8999-12-31",
    ),
    *("2026-03-17T12:00:00+99:99", "1900-01-01T00:00:00", "1850-01-31", "2026-03-17T25:00:00Z"),
    "2026-03-17",
)
_LINKS: tuple[object, ...] = (
    *("http://elsewhere.example/x", "https://[", "//elsewhere.example/x", "http://a:b/", "x"),
    *("http://\N{DOUBLE-STRUCK CAPITAL C}.test:99999/", "file:///etc/passwd"),
)
_OTHERS: tuple[object, ...] = (
    *(None, True, False, [], {}, [None], {"id": None}),
    Raw("[" * 3000 + "]" * 3000),
    Raw("[" * 100_000 + "]" * 100_000),
    Raw('{"a":' * 50_000 + "1" + "}" * 50_000),
)
_ODD = (*_NUMBERS, *_TEXTS, *_DATES, *_LINKS, *_OTHERS)
_WHOLE_BODIES: tuple[bytes, ...] = (
    *(b"", b" \r\n", b"<html><body>Sign in</body></html>", b"null", b"[]", b"{}", b"0", b'"x"'),
    *(b"true", b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"value": [}', b"NaN", b"[[]]", b"[null]"),
    b"[" * 100_000,
)
_STATUSES = (201, 202, 204, 301, 304, 400, 401, 403, 404, 408, 409, 418, 429, 500, 502, 503, 504)
_WAITS = (
    *("", "0", "-5", "1e9", "9" * 400, "soon", "Mon, 01 Jan 0001 00:00:00 GMT"),
    *("Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 99999999999 00:00:00 GMT"),
    *(
        "Sat, 22 Nov 2026 99:99:99 GMT",
        "1 Jan 2026 00:00:00 +99999999999",
        ",",
        "\N{LATIN SMALL LETTER O WITH STROKE}",
    ),
)


@st.composite
def tamperings(draw: st.DrawFn, recording: Recording) -> Tampered:
    """Draw one call of a recording, and something wrong with its answer."""
    call = draw(st.integers(0, len(recording.calls) - 1))
    answer = recording.calls[call][1]
    kind = draw(st.sampled_from(["field"] * 7 + ["body", "status", "cut"]))
    if kind == "field" and answer.body[:1] in {b"{", b"["}:
        return draw(_in_a_field(call, answer))
    if kind == "status":
        wait = draw(st.sampled_from(_WAITS))
        status = draw(st.sampled_from(_STATUSES))
        body = draw(st.sampled_from([answer.body, b"", b"<html>", b"null", b'{"error":[]}']))
        headers = (*answer.headers, ("Retry-After", wait))
        return Tampered(call, Answer(status, headers, body), says=f"{status}, {wait!r}")
    if kind == "cut" and answer.body:
        end = draw(st.integers(0, len(answer.body) - 1))
        return Tampered(call, replace(answer, body=answer.body[:end]), says=f"cut at {end}")
    if draw(st.booleans()):
        body = draw(st.sampled_from(_WHOLE_BODIES))
    else:
        coding = draw(st.sampled_from(["utf-16", "utf-32", "utf-8-sig", "cp037"]))
        body = answer.body.decode().encode(coding)
    numbers = _numbers(body.decode("ascii", "replace"))
    return Tampered(call, replace(answer, body=body), frozenset(numbers), says=repr(body[:60]))


def tampered_at(recording: Recording, field: str, value: object) -> Tampered:
    """Return the first answer with such a field, such as ``items.*.id``, and the value in it.

    Where none has it, the last one gets it.
    """
    call = next(
        (n for n, one in enumerate(recording.answers) if field in _document(one.body)[1]),
        len(recording.answers) - 1,
    )
    answer = recording.answers[call]
    document, places = _document(answer.body)
    changed = _with(document, places[field][0] if field in places else (field,), value)
    body = _json(changed).encode("utf-8", "surrogatepass")
    return Tampered(call, replace(answer, body=body), frozenset(_numbers(value)), field)


@st.composite
def _in_a_field(draw: st.DrawFn, call: int, answer: Answer) -> Tampered:
    document, places = _document(answer.body)
    # Rows of a list are alike: the name of a field decides, then which row.
    name = draw(st.sampled_from(sorted(places)))
    place = draw(st.sampled_from(places[name]))
    how = draw(st.sampled_from(["put", "put", "put", "drop", "twice", "other"]))
    value: object = None
    if how == "put":
        value = draw(st.sampled_from(_ODD))
    elif how == "other":
        value = _at(document, draw(st.sampled_from(places[draw(st.sampled_from(sorted(places)))])))
    put = _without(document, place) if how == "drop" else _with(document, place, value)
    if how == "twice":
        put = _twice(document, place)
    return Tampered(
        call,
        replace(answer, body=_json(put).encode("utf-8", "surrogatepass")),
        frozenset(_numbers(value)),
        name,
        how == "put" and isinstance(value, Raw | list | dict | bool),
        f"{how} {name} {str(value)[:60]}",
    )


Place = tuple[str | int, ...]


@cache
def _document(body: bytes) -> tuple[Any, dict[str, list[Place]]]:
    """Return a body's value, and its places by their names."""
    document = exact_json.loads(body)
    places: defaultdict[str, list[Place]] = defaultdict(list)
    for place in _places(document):
        places[_name(place)].append(place)
    return document, places


def _name(place: Place) -> str:
    return ".".join("*" if isinstance(step, int) else step for step in place)


def _places(value: object, place: Place = ()) -> Iterator[Place]:
    if place:
        yield place
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _places(below, (*place, name))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from _places(below, (*place, number))


def _at(value: Any, place: Place) -> Any:
    for step in place:
        value = value[step]
    return value


def _with(value: Any, place: Place, new: object) -> Any:
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = _with(copy[place[0]], place[1:], new) if place[1:] else new
    return copy


def _without(value: Any, place: Place) -> Any:
    parent = _at(value, place[:-1])
    copy = dict(parent) if isinstance(parent, dict) else list(parent)
    del copy[place[-1]]
    return _with(value, place[:-1], copy)


def _twice(value: Any, place: Place) -> Any:
    """Return the document with the nearest element of a list a second time."""
    for end in range(len(place), 0, -1):
        parent = _at(value, place[: end - 1])
        if isinstance(parent, list):
            return _with(value, place[: end - 1], [*parent, _at(value, place[:end])])
    return value


def _json(value: object) -> str:
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(k)}:{_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_json, value)) + "]"
    return exact_json.dumps(value)


def _numbers(value: object) -> Iterator[Decimal]:
    """Yield what a reader may take for a number."""
    if isinstance(value, Mapping):
        for below in value.values():
            yield from _numbers(below)
    elif isinstance(value, list | tuple):
        for below in value:
            yield from _numbers(below)
    elif isinstance(value, int | str | Decimal | Raw) and not isinstance(value, bool):
        try:
            text = value.text if isinstance(value, Raw) else str(value)
            found = Decimal(text)
        except ArithmeticError:
            return
        if found.is_finite():
            yield found


def _key(request: requests.PreparedRequest) -> str:
    body = request.body or b""
    text = body.decode() if isinstance(body, bytes) else body
    return f"{request.method} {request.url} {text}"
