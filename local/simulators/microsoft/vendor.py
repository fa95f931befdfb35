"""Joins sign-in, Graph and the hand pages into one vendor, with Partner Center beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from local.simulators.common.app import build_app
from local.simulators.common.contract import Contract
from local.simulators.common.messages import Answer, Call, Json
from local.simulators.common.simulator import Simulator, Vendor, utc_now
from local.simulators.microsoft import pages
from local.simulators.microsoft.graph import BASE_PATH, Graph, relinked
from local.simulators.microsoft.login import Login
from local.simulators.microsoft.state import MicrosoftState
from local.simulators.microsoft.tokens import TokenStore
from local.simulators.partnercenter.vendor import MOUNTED_AT, partner_center_app

_CONTRACT = Path(__file__).parents[1] / "contracts" / "graph" / "openapi.json"


@cache
def graph_contract() -> Contract:
    """Return the contract of Graph, read once.

    Graph takes ``microsoft.graph.user`` for ``graph.user``; its next links carry ``$skiptoken``.
    """
    return Contract.load(
        _CONTRACT,
        BASE_PATH,
        rewrites={"/microsoft.graph.": "/graph."},
        extra_query=["$skiptoken"],
    )


class Microsoft(Vendor):
    """Sign-in at ``/{tenant}/…`` and Graph at ``/v1.0/…`` under one address."""

    name = "microsoft"
    base_path = BASE_PATH

    def __init__(
        self, state: MicrosoftState | None = None, *, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.state = state or MicrosoftState()
        self.tokens = TokenStore()
        self._clock = clock
        self._login = Login(lambda: self.state, self.tokens, clock)
        self._graph = Graph(lambda: self.state, self.tokens, clock, graph_contract())

    def authenticate(self, call: Call) -> Answer | None:
        if _is_graph(call):
            return self._graph.authenticate(call)
        tenant = self.state.tenant(call.full_path.strip("/").partition("/")[0])
        call.tenant = tenant.id if tenant else None
        return None

    def contract_for(self, call: Call) -> Contract | None:
        return graph_contract() if _is_graph(call) else None

    def handle(self, call: Call, simulator: Simulator) -> Answer:
        if _is_graph(call):
            return self._graph.handle(call, simulator)
        return self._login.answer(call) or self.error(call, 404)

    def error(
        self, call: Call, status: int, message: str | None = None, *, code: str | None = None
    ) -> Answer:
        return self._graph.error(call, status, message, code=code)

    def kind(self, call: Call, template: str | None) -> str:
        if not _is_graph(call):
            return f"login.{call.full_path.rstrip('/').rpartition('/')[2]}"
        if template is None:
            return "graph.unknown"
        where = "graph.in_batch" if call.inner else "graph"
        return f"{where}.{template.strip('/').replace('/', '.').replace('$', '')}"

    def relinked(self, call: Call, answer: Answer, url: str, *, empty: bool) -> Answer:
        del call
        return relinked(answer, url, empty=empty)

    def first_page_url(self, call: Call) -> str:
        return self._graph.first_page_url(call)

    def dump_state(self) -> Json:
        return self.state.model_dump(mode="json")

    def load_state(self, value: Json) -> None:
        self.state = MicrosoftState.model_validate(value)

    def routes(self, simulator: Simulator) -> Sequence[BaseRoute]:
        partner_center = partner_center_app(
            lambda: self.state, self.tokens, self._clock, beside=simulator
        )
        return [
            Mount(MOUNTED_AT, partner_center),
            *pages.routes(lambda: self.state, self.tokens, simulator),
        ]


def microsoft_app(
    state: MicrosoftState | None = None,
    *,
    clock: Callable[[], datetime] = utc_now,
    call_limit: int | None = None,
    check_contracts: bool = True,
) -> Starlette:
    """Return the application: the simulator behind it is ``simulator_of(app)``."""
    return build_app(
        Simulator(
            Microsoft(state, clock=clock),
            clock=clock,
            call_limit=call_limit,
            check_contracts=check_contracts,
        )
    )


def _is_graph(call: Call) -> bool:
    return call.full_path == BASE_PATH or call.full_path.startswith(BASE_PATH + "/")
