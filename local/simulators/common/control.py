"""The control routes and hand pages that every PSA's simulator has, and what its own share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from local.simulators.common import pages
from local.simulators.common.invoicing import InvoiceRun, find_invoices
from local.simulators.common.records import PsaRecords, Record
from local.simulators.common.refusals import RefusedError
from local.simulators.common.simulator import utc_now
from shared import exact_json

Endpoint = Callable[[Request], Awaitable[Response]]
S = TypeVar("S", bound=PsaRecords)
T = TypeVar("T")
_SHOWN = 50  # invoices and changes on the page, the newest first


class Control(ABC, Generic[S]):
    """What every PSA's simulator has under ``/_sim/`` besides ``build_app``'s, and its page.

    =================================  ============================================================
    ``POST /_sim/seed``                adds records as builders make them, by kind
    ``POST /_sim/invoice-run``         ``{"through": "2026-03-31"}``, and one agreement's id
    ``GET /_sim/invoices``             of a customer or agreement, ``from`` and ``to`` some dates
    ``GET /_sim/audit``                every change: who (api, hand, invoicing), before, after
    ``PATCH /_sim/records/kind/1``     another record's fields
    ``GET PUT /_sim/switches``         what this site does
    ``GET PUT /_sim/clock``            ``{"now": "2026-03-17T12:00:00Z"}``; null: the real time
    =================================  ============================================================

    Attributes:
        templates: The folder of the page, which is called as the simulator is.
        name, title: Of the simulator, and of its vendor's product.
        run_path: How the PSA calls its invoice run.
        customer, agreement: How it calls those.
        people: How it calls who may sign in; ``PUT /_sim/<people>`` replaces them.
        run, read_people: Its invoice run, and its people as JSON has them.
    """

    templates: ClassVar[Path]
    name: ClassVar[str]
    title: ClassVar[str]
    run_path: ClassVar[str] = "invoice-run"
    customer: ClassVar[str]
    agreement: ClassVar[str]
    people: ClassVar[str]
    run: ClassVar[Callable[..., InvoiceRun]]
    read_people: ClassVar[Callable[..., object]]

    def __init__(self, state: S) -> None:
        self._state = state

    @abstractmethod
    def own_routes(self) -> list[BaseRoute]:
        """Return what only this simulator has: control calls and forms."""

    @abstractmethod
    def overview(self) -> Record:
        """Return the values of the page that are the simulator's own.

        That is ``customers`` (``id``, ``name`` and their ``agreements``, which have an ``id``, a
        ``name`` and their ``lines``) and ``products``.
        """

    def routes(self) -> list[BaseRoute]:
        """Return all control routes and pages."""
        return [
            self.call("seed", self._seed, "POST"),
            self.call(self.run_path, self._run, "POST"),
            self.call("invoices", self._invoices),
            self.call("audit", self._audit),
            self.call("switches", self._switches, "GET", "PUT"),
            self.call("clock", self._clock, "GET", "PUT"),
            self.call(self.people, self._people, "PUT"),
            self.call("records/{kind}/{record}", self._change_record, "PATCH"),
            Route("/", self._shown(self._page)),
            self.form(self.run_path, self._run_by_hand),
            *self.own_routes(),
        ]

    def call(self, path: str, endpoint: Endpoint, *methods: str) -> Route:
        """Return a control route, which answers with the reason where it cannot be done."""

        async def answering(request: Request) -> Response:
            status, found = await _tried(endpoint, request)
            return found if isinstance(found, Response) else as_json({"error": found}, status)

        return Route(f"/_sim/{path}", answering, methods=methods or ["GET"])

    def form(self, path: str, endpoint: Endpoint) -> Route:
        """Return where a form is posted to, which shows the reason where it cannot be done."""
        return Route(f"/by-hand/{path}", self._shown(endpoint), methods=["POST"])

    def line_routes(
        self,
        called: str,
        change: Callable[[int, Mapping[str, Any]], Record],
        delete: Callable[[int], None],
    ) -> list[BaseRoute]:
        """Return where a line is changed by a call, and deleted by a call or a form.

        Args:
            called: What the PSA's calls have for lines, such as ``additions``.
        """

        async def changing(request: Request) -> Response:
            number = request.path_params["line"]
            if request.method == "DELETE":
                delete(number)
                return nothing()
            return as_json(change(number, await object_of(request)))

        async def deleting(request: Request) -> Response:
            await pages.posted(request)
            delete(request.path_params["line"])
            return pages.back_to("/")

        return [
            self.call(f"{called}/{{line:int}}", changing, "PATCH", "DELETE"),
            self.form("delete/{line:int}", deleting),
        ]

    def _shown(self, endpoint: Endpoint) -> Endpoint:
        async def showing(request: Request) -> Response:
            status, found = await _tried(endpoint, request)
            if isinstance(found, Response):
                return found
            return pages.page(
                self.templates, "refused.html", status=status, message=found, title=self.title
            )

        return showing

    async def _seed(self, request: Request) -> Response:
        records = await object_of(request)
        with self._state.lock:
            self._state.seed(**records)
        return nothing()

    async def _run(self, request: Request) -> Response:
        wanted = await object_of(request)
        number = wanted.get(f"{self.agreement}_id")
        through = date.fromisoformat(str(wanted["through"]))
        run = type(self).run(self._state, through, None if number is None else int(number))
        return as_json({"invoices": run.invoices, "skipped": run.skipped})

    async def _invoices(self, request: Request) -> Response:
        def asked(read: Callable[[str], T], name: str) -> T | None:
            text = request.query_params.get(name)
            return read(text) if text else None

        found = find_invoices(
            self._state,
            **{name: asked(int, name) for name in (self.customer, self.agreement)},
            first=asked(date.fromisoformat, "from"),
            last=asked(date.fromisoformat, "to"),
        )
        total = sum((invoice["total"] for invoice in found), Decimal("0.00"))
        return as_json({"invoices": found, "total": total})

    async def _audit(self, _: Request) -> Response:
        with self._state.lock:
            return as_json({"changes": self._state.audit})

    async def _switches(self, request: Request) -> Response:
        with self._state.lock:
            if request.method == "PUT":
                self._state.set_switches(await object_of(request))
            return as_json(asdict(self._state.switches))

    async def _clock(self, request: Request) -> Response:
        with self._state.lock:
            if request.method == "PUT":
                given = (await object_of(request))["now"]
                fixed = None if given is None else _moment(str(given))
                self._state.now = utc_now if fixed is None else lambda: fixed
            return as_json({"now": self._state.now().isoformat()})

    async def _people(self, request: Request) -> Response:
        wanted = await object_of(request)
        with self._state.lock:
            setattr(self._state, self.people, type(self).read_people(wanted[self.people]))
        return nothing()

    async def _change_record(self, request: Request) -> Response:
        kind, number = request.path_params["kind"], int(request.path_params["record"])
        changes = await object_of(request)
        with self._state.lock:
            return as_json(self._state.change_record(kind, number, changes))

    async def _page(self, _: Request) -> Response:
        with self._state.lock:
            return pages.page(
                self.templates,
                f"{self.name}.html",
                title=self.title,
                run_path=self.run_path,
                invoices=list(reversed(self._state.invoices))[:_SHOWN],
                audit=list(reversed(self._state.audit))[:_SHOWN],
                today=self._state.now().date().isoformat(),
                **self.overview(),
            )

    async def _run_by_hand(self, request: Request) -> Response:
        form = await pages.posted(request)
        type(self).run(self._state, date.fromisoformat(form["through"]))
        return pages.back_to("/#invoices")


async def object_of(request: Request) -> Mapping[str, Any]:
    """Return the object that a control call carries.

    Raises:
        ValueError: The body is not JSON.
        TypeError: It is not an object.
    """
    value = exact_json.loads(await request.body())
    if not isinstance(value, dict):
        raise TypeError("an object is needed")
    return value


def as_json(value: object, status: int = HTTPStatus.OK) -> Response:
    """Return an answer with exact numbers."""
    return Response(exact_json.dumps(value), status, media_type="application/json")


def nothing() -> Response:
    """Return an answer without a body."""
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _moment(text: str) -> datetime:
    """Return a moment; one without a zone is in UTC."""
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def _tried(endpoint: Endpoint, request: Request) -> tuple[int, Response | str]:
    try:
        return HTTPStatus.OK, await endpoint(request)
    except RefusedError as error:
        return error.told_as, error.told
    except PermissionError as error:
        return HTTPStatus.FORBIDDEN, str(error)
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        return HTTPStatus.BAD_REQUEST, f"{type(error).__name__}: {error}"
