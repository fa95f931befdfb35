"""The hand pages: look at tenants, change seats and statuses, hand out licences."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.simulators.common.pages import back_to, page, posted
from local.simulators.common.simulator import Simulator
from local.simulators.microsoft.state import (
    MicrosoftState,
    Status,
    Subscription,
    Tenant,
    set_seats,
    set_status,
)
from local.simulators.microsoft.tokens import TokenStore

_TEMPLATES = Path(__file__).parent / "templates"


def routes(
    state: Callable[[], MicrosoftState], tokens: TokenStore, simulator: Simulator
) -> list[Route]:
    """Return the pages, and ``DELETE /_sim/tokens``, which makes every token out there invalid."""

    async def overview(_: Request) -> Response:
        with simulator.lock:
            return page(_TEMPLATES, "overview.html", state=state(), Status=Status)

    async def tenant_page(request: Request) -> Response:
        with simulator.lock:
            tenant = state().tenant(request.path_params["tenant_id"])
            if tenant is None:
                return _not_found("No such tenant.")
            return page(_TEMPLATES, "tenant.html", tenant=tenant, Status=Status)

    async def change_subscription(request: Request) -> Response:
        try:
            form = await posted(request)
        except PermissionError as error:
            return _message(str(error), HTTPStatus.FORBIDDEN)
        with simulator.lock:
            tenant = state().tenant(request.path_params["tenant_id"])
            wanted = request.path_params["subscription_id"]
            bought = tenant.subscription(wanted) if tenant else None
            if tenant is None or bought is None:
                return _not_found("No such subscription.")
            try:
                _change(tenant, bought, form)
            except ValueError as error:
                return _message(str(error), HTTPStatus.BAD_REQUEST)
            return back_to(f"/tenants/{tenant.id}")

    async def change_user(request: Request) -> Response:
        try:
            form = await posted(request)
        except PermissionError as error:
            return _message(str(error), HTTPStatus.FORBIDDEN)
        with simulator.lock:
            tenant = state().tenant(request.path_params["tenant_id"])
            users = tenant.users if tenant else []
            user = next((one for one in users if one.id == request.path_params["user_id"]), None)
            if tenant is None or user is None:
                return _not_found("No such user.")
            sku_id = form.get("sku_id", "").lower()
            if not any(sku.sku_id.lower() == sku_id for sku in tenant.skus):
                return _message("The tenant has no such SKU.", HTTPStatus.BAD_REQUEST)
            held = [one for one in user.sku_ids if one.lower() != sku_id]
            user.sku_ids = held if len(held) < len(user.sku_ids) else [*held, sku_id]
            return back_to(f"/tenants/{tenant.id}")

    async def revoke_tokens(_: Request) -> Response:
        with simulator.lock:
            tokens.revoke_all()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    return [
        Route("/_sim/tokens", revoke_tokens, methods=["DELETE"]),
        Route("/", overview),
        Route("/tenants/{tenant_id}", tenant_page),
        Route(
            "/tenants/{tenant_id}/subscriptions/{subscription_id}",
            change_subscription,
            methods=["POST"],
        ),
        Route("/tenants/{tenant_id}/users/{user_id}", change_user, methods=["POST"]),
    ]


def _change(tenant: Tenant, bought: Subscription, form: dict[str, str]) -> None:
    """Apply one button: ``add`` (a difference), ``set`` (a number) or ``status``."""
    if "add" in form:
        set_seats(tenant, bought, bought.total_licenses + int(form["add"]))
    elif "set" in form:
        set_seats(tenant, bought, int(form["set"]))
    elif "status" in form:
        set_status(tenant, bought, Status(form["status"]))
    else:
        message = "the form says neither add, set nor status"
        raise ValueError(message)


def _not_found(message: str) -> Response:
    return _message(message, HTTPStatus.NOT_FOUND)


def _message(message: str, status: int) -> Response:
    return page(_TEMPLATES, "message.html", status=int(status), message=message)
