"""An API whose answers a test writes down, without a socket."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse

from shared.adapters.http.session import ApiSession, pooled_http
from tests.builders import NOW

BASE = "https://api.example/v1"


@pytest.fixture(autouse=True)
def no_network(socket_disabled):
    """Nothing here may open a socket."""


class ScriptedApi(BaseAdapter):
    """A transport that plays answers and errors in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[requests.PreparedRequest] = []
        self.options: list[dict] = []
        self._script: list[Exception | HTTPResponse] = []
        self._builder = HTTPAdapter()

    def answers(self, body: str | bytes = "{}", status: int = 200, **headers: str) -> None:
        content = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._script.append(
            HTTPResponse(
                body=io.BytesIO(content),
                headers=HTTPHeaderDict(named),
                status=status,
                preload_content=False,
            )
        )

    def fails(self, error: Exception, times: int = 1) -> None:
        self._script.extend([error] * times)

    def send(self, request, **options):
        self.requests.append(request)
        self.options.append(options)
        outcome = self._script.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return self._builder.build_response(request, outcome)

    def close(self) -> None:
        self._builder.close()


@dataclass
class Bench:
    """A session, the API behind it, and what was counted."""

    api: ScriptedApi
    http: requests.Session
    counted: list[tuple] = field(default_factory=list)

    def session(self, **changed) -> ApiSession:
        return ApiSession(
            "main",
            changed.pop("base", BASE),
            self.http,
            on_call=lambda *call: self.counted.append(call[:3]),
            now=lambda: NOW,
            **changed,
        )


@pytest.fixture
def bench() -> Iterator[Bench]:
    api = ScriptedApi()
    with pooled_http() as http:
        http.mount("https://", api)
        yield Bench(api, http)
