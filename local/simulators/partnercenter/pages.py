"""The hand page: look at commitments, and change what was bought.

A change shows in Graph too, as it does when a partner buys: the subscription with the same
commerce id gets the seats.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.simulators.common.pages import back_to, page, posted
from local.simulators.common.simulator import Simulator
from local.simulators.microsoft.state import MicrosoftState, set_seats
from local.simulators.partnercenter.rows import last_day
from local.simulators.partnercenter.state import PartnerCustomer, PartnerSubscription

_TEMPLATES = Path(__file__).parent / "templates"


def routes(state: Callable[[], MicrosoftState], simulator: Simulator, root: str) -> list[Route]:
    """Return the page and its form, below ``root``."""

    async def overview(_: Request) -> Response:
        with simulator.lock:
            customers = state().partner_center.customers
            return page(_TEMPLATES, "partnercenter.html", customers=customers, root=root)

    async def change(request: Request) -> Response:
        try:
            form = await posted(request)
        except PermissionError as error:
            return _message(str(error), HTTPStatus.FORBIDDEN)
        with simulator.lock:
            customer = state().partner_center.customer(request.path_params["tenant_id"])
            wanted = request.path_params["subscription_id"]
            bought = customer.subscription(wanted) if customer else None
            if customer is None or bought is None:
                return _message("No such subscription.", HTTPStatus.NOT_FOUND)
            try:
                _change(state(), customer, bought, form)
            except ValueError as error:
                return _message(str(error), HTTPStatus.BAD_REQUEST)
        return back_to(f"{root}/")

    return [
        Route("/", overview),
        Route(
            "/customers/{tenant_id}/subscriptions/{subscription_id}",
            change,
            methods=["POST"],
        ),
    ]


def _change(
    state: MicrosoftState,
    customer: PartnerCustomer,
    bought: PartnerSubscription,
    form: dict[str, str],
) -> None:
    """Apply one form: ``quantity``, ``next_quantity`` (empty for none) or ``commitment_end``."""
    if "quantity" in form:
        quantity = _count(form["quantity"])
        _follow(state, customer, bought, quantity)
        bought.quantity = quantity
    elif "next_quantity" in form:
        text = form["next_quantity"].strip()
        bought.next_quantity = _count(text) if text else None
    elif "commitment_end" in form:
        bought.commitment_end = last_day(form["commitment_end"])
    else:
        message = "the form says neither quantity, next_quantity nor commitment_end"
        raise ValueError(message)


def _follow(
    state: MicrosoftState, customer: PartnerCustomer, bought: PartnerSubscription, quantity: int
) -> None:
    tenant = state.tenant(customer.tenant_id)
    for one in tenant.subscriptions if tenant else []:
        same = (one.commerce_subscription_id or "").lower() == bought.id.lower()
        if tenant and same:
            set_seats(tenant, one, quantity)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        message = f"a subscription cannot have {number} seats"
        raise ValueError(message)
    return number


def _message(message: str, status: int) -> Response:
    return page(_TEMPLATES, "refusal.html", status=int(status), message=message)
