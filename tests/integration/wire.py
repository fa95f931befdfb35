"""What was sent to a simulator, byte for byte."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from local.sites.site import changes_something
from shared import exact_json

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True, order=True)
class Sent:
    """One write as it came over the network."""

    method: str
    path: str
    body: bytes


@dataclass
class Wire:
    """Hears every write of the vendor's API; the simulator's own control calls do not count."""

    _sent: list[Sent] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def taken(self) -> list[Sent]:
        """Return what was sent since the last look, in the order it came."""
        with self._lock:
            found, self._sent = self._sent, []
        return found

    def on(self, app: App) -> App:
        """Return the application with its writes heard."""

        async def heard(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
            http = scope["type"] == "http"
            is_write = http and changes_something(scope["method"], scope["path"])
            if not is_write or scope["path"].startswith("/_sim/"):
                await app(scope, receive, send)
                return
            parts: list[bytes] = []

            async def listening() -> Message:
                message = await receive()
                if message["type"] == "http.request":
                    parts.append(message.get("body", b""))
                return message

            noted = False

            def note() -> None:
                nonlocal noted
                if not noted:
                    noted = True
                    with self._lock:
                        self._sent.append(Sent(scope["method"], scope["path"], b"".join(parts)))

            async def answering(message: Message) -> None:
                note()  # before whoever sent it can know that it arrived
                await send(message)

            await app(scope, listening, answering)
            note()

        return heard


# What an operation of a preview has to look like on ConnectWise's wire ----------------------------

_ADDITIONS = "/v4_6_release/apis/3.0/finance/agreements/{}/additions"
_BILL_CUSTOMER = {"billable": "Billable", "do_not_bill": "DoNotBill", "no_charge": "NoCharge"}


def connectwise_write(operation: Mapping[str, Any]) -> Sent:
    """Return the write that an operation, as the API shows it, must become."""
    path = _ADDITIONS.format(operation["agreement_id"])
    name = operation["operation"]
    if name == "CreateLine":
        return Sent("POST", path, _json(_created(operation)))
    path = f"{path}/{operation['line_id']}"
    if name == "RemoveLine":
        return Sent("DELETE", path, b"")
    return Sent("PATCH", path, _json([_changed(name, operation)]))


def _created(operation: Mapping[str, Any]) -> dict[str, Any]:
    body = {
        "product": {"id": int(operation["product_id"])},
        "quantity": operation["quantity"],
        "billCustomer": _BILL_CUSTOMER[operation["billable"]],
        "effectiveDate": _midnight(operation["starts"]),
        "serialNumber": operation["marker"],
        "purchaseItemFlag": False,
        "specialOrderFlag": False,
    }
    optional = {
        "cancelledDate": operation["ends"] and _midnight(operation["ends"]),
        "unitPrice": operation["unit_price"],
        "invoiceDescription": operation["description"],
    }
    return body | {field: value for field, value in optional.items() if value is not None}


def _changed(name: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    field, value = {
        "SetQuantity": ("quantity", operation.get("after")),
        "SetPrice": ("unitPrice", operation.get("after")),
        "SetDescription": ("invoiceDescription", operation.get("text")),
        "EndLine": ("cancelledDate", operation.get("last_day")),
    }[name]
    if name == "EndLine":
        if value is None:
            return {"op": "remove", "path": field}
        value = _midnight(value)
    return {"op": "replace", "path": field, "value": value}


def _midnight(day: str) -> str:
    return f"{day}T00:00:00Z"


def _json(value: object) -> bytes:
    return exact_json.dumps(value).encode()
