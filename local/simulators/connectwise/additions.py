"""The rules for writing an addition, and how the API shows one.

A body names fields as the vendor does, case-sensitively. A patch is the vendor's own dialect, not
RFC 6902: an array of ``{"op", "path", "value"}`` whose paths are field names, with or without a
slash before them; ``add`` and ``replace`` mean the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from local.simulators.common.billing import CENT
from local.simulators.common.records import Record
from local.simulators.connectwise.billing import billed_quantity
from local.simulators.connectwise.calendars import last_day
from local.simulators.connectwise.errors import FieldError, invalid
from local.simulators.connectwise.fields import Fields
from local.simulators.connectwise.state import PsaState, reference

FIELDS = Fields("Addition")
RESOURCE = "Addition"

REQUIRED = ("product", "billCustomer")
SETTABLE = frozenset(
    {
        "product",
        "quantity",
        "lessIncluded",
        "unitPrice",
        "unitCost",
        "billCustomer",
        "effectiveDate",
        "cancelledDate",
        "taxableFlag",
        "serialNumber",
        "invoiceDescription",
        "description",
        "purchaseItemFlag",
        "specialOrderFlag",
        "sequenceNumber",
        "customFields",
    }
)
CLEARABLE = frozenset({"cancelledDate", "serialNumber", "invoiceDescription", "sequenceNumber"})

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, slots=True)
class AdditionRules:
    """What may be written on an agreement of this site."""

    state: PsaState
    agreement: Mapping[str, Any]

    def created(self, body: object) -> Record:
        """Return the record that a POST of this body creates, with an id of its own.

        Raises:
            ApiError: The agreement takes no additions, or a field is wrong (400).
        """
        self._refuse_if_cancelled()
        if not isinstance(body, Mapping):
            raise invalid(RESOURCE, _error("InvalidObject", "an object is needed", ""))
        problems = [problem for name in body for problem in self._problems(name, body[name])]
        problems += [_missing(name) for name in REQUIRED if body.get(name) is None]
        if problems:
            raise invalid(RESOURCE, *problems)
        self._refuse_one_day(body)

        given = {name: value for name, value in body.items() if value is not None}
        product = self._product(given["product"]["id"])
        record = {
            "quantity": Decimal(1),
            "lessIncluded": Decimal(0),
            "unitPrice": product["price"],
            "unitCost": product["cost"],
            "effectiveDate": _midnight(self.state.now().date()),
            "taxableFlag": bool(product.get("taxableFlag")),
            "description": product["description"],
            "purchaseItemFlag": False,
            "specialOrderFlag": False,
            **given,
            "id": self.state.next_addition_id(),
            "agreementId": self.agreement["id"],
            "product": reference(product, "identifier"),
        }
        return _at_midnight(record)

    def patched(self, before: Mapping[str, Any], operations: object) -> Record:
        """Return the record after the operations; all of them apply, or none.

        Raises:
            ApiError: The agreement is cancelled, an operation cannot be understood, or a field is
                unknown, read-only or wrong (400).
        """
        self._refuse_if_cancelled()
        if not isinstance(operations, list) or not operations:
            raise invalid(RESOURCE, _error("InvalidPatch", "an array of operations is needed", ""))
        record: Record = {name: value for name, value in before.items() if name != "_info"}
        problems: list[FieldError] = []
        for operation in operations:
            problems += self._apply(operation, record)
        if problems:
            raise invalid(RESOURCE, *problems)
        self._refuse_one_day(record)
        return _at_midnight(record)

    def _apply(self, operation: object, record: Record) -> list[FieldError]:
        if not isinstance(operation, Mapping) or not isinstance(operation.get("path"), str):
            return [_error("InvalidPatch", "an operation needs op and path", "")]
        name, op = operation["path"].removeprefix("/"), operation.get("op")
        if op not in {"add", "replace", "remove"}:
            return [_error("InvalidPatch", f"op '{op}' is not supported", name)]
        if op != "remove" and "value" not in operation:
            return [_error("InvalidPatch", "a value is needed", name)]

        value = None if op == "remove" else operation["value"]
        problems = self._problems(name, value)
        if not problems and value is None and name not in CLEARABLE:
            problems = [_missing(name)]
        if problems:
            return problems
        if value is None:
            if name != "cancelledDate" or self.state.switches.remove_opens_lines:
                record.pop(name, None)
        elif name == "product":
            record[name] = reference(self._product(value["id"]), "identifier")
        else:
            record[name] = value
        return []

    def _problems(self, name: str, value: object) -> list[FieldError]:
        found = FIELDS.find(name)
        if found is None or "/" in name:
            return [_error("InvalidField", f"'{name}' is not a field of an addition", name)]
        if name not in SETTABLE:
            return [_error("ReadOnlyField", f"'{name}' cannot be written", name)]
        if value is None:
            return []
        reason = _wrong_value(found.schema, value) or self._wrong_quantity(name, value)
        return [_error("InvalidValue", f"'{name}' {reason}", name)] if reason else []

    def _wrong_quantity(self, name: str, value: Any) -> str | None:  # noqa: ANN401 - JSON value
        switches = self.state.switches
        if name != "quantity":
            return None
        if value < 0 and not switches.accept_negative_quantity:
            return "cannot be negative"
        if value % 1 and not switches.accept_fractional_quantity:
            return "must be a whole number"
        return None

    def _product(self, product_id: int) -> Record:
        product = self.state.products.get(product_id)
        if product is None:
            raise invalid(
                RESOURCE, _error("InvalidReference", f"no product {product_id}", "product")
            )
        if product.get("inactiveFlag"):
            raise invalid(
                RESOURCE, _error("InactiveProduct", f"product {product_id} is inactive", "product")
            )
        if product.get("productClass") == "Bundle":
            raise invalid(
                RESOURCE, _error("InvalidProduct", "a bundle cannot be an addition", "product")
            )
        return product

    def _refuse_one_day(self, record: Mapping[str, Any]) -> None:
        starts, ends = record.get("effectiveDate"), record.get("cancelledDate")
        if starts and ends and starts[:10] == ends[:10] and not self.state.switches.one_day_lines:
            reason = "'cancelledDate' must be after 'effectiveDate'"
            raise invalid(RESOURCE, _error("InvalidValue", reason, "cancelledDate"))

    def _refuse_if_cancelled(self) -> None:
        cancelled = self.agreement.get("cancelledFlag")
        if cancelled or self.agreement.get("agreementStatus") == "Cancelled":
            raise invalid(
                RESOURCE, _error("AgreementCancelled", "the agreement is cancelled", "agreementId")
            )


def shown(addition: Mapping[str, Any], agreement: Mapping[str, Any], today: date) -> Record:
    """Return the addition as the API answers it, with the fields that it works out."""
    quantity = billed_quantity(
        Decimal(addition["quantity"]), Decimal(addition.get("lessIncluded", 0))
    )
    price, cost = Decimal(addition["unitPrice"]), Decimal(addition["unitCost"])
    ext_price, ext_cost = (price * quantity).quantize(CENT), (cost * quantity).quantize(CENT)
    worked_out = {
        "billedQuantity": quantity,
        "uom": "Each",
        "extPrice": ext_price,
        "extCost": ext_cost,
        "margin": ext_price - ext_cost,
        "agreementStatus": status_of(agreement, today),
    }
    info = addition["_info"]
    return {**{k: v for k, v in addition.items() if k != "_info"}, **worked_out, "_info": info}


def status_of(agreement: Mapping[str, Any], today: date) -> str:
    """Return Cancelled, Expired, or what the record says."""
    if agreement.get("cancelledFlag"):
        return "Cancelled"
    ends = last_day(agreement)
    if ends is not None and ends < today:
        return "Expired"
    return str(agreement.get("agreementStatus", "Active"))


def _wrong_value(schema: Mapping[str, Any], value: object) -> str | None:
    """Return what is wrong with a value of a field, if anything."""
    check = _CHECKS.get(schema.get("type", "object"))
    reason = check(value) if check else None
    if reason:
        return reason
    if "enum" in schema and value not in schema["enum"]:
        return f"must be one of {', '.join(one for one in schema['enum'] if one)}"
    longest = schema.get("maxLength")
    if longest is not None and len(str(value)) > longest:
        return f"is longer than {longest} characters"
    if schema.get("format") == "date-time" and not _is_moment(str(value)):
        return "must look like 2026-03-17T00:00:00Z"
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _is_reference(value: object) -> bool:
    return isinstance(value, Mapping) and _is_number(value.get("id"))


def _is_moment(text: str) -> bool:
    if not _MOMENT.fullmatch(text):
        return False
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


_CHECKS: dict[str, Callable[[object], str | None]] = {
    "number": lambda value: None if _is_number(value) else "must be a number",
    "string": lambda value: None if isinstance(value, str) else "must be text",
    "boolean": lambda value: None if isinstance(value, bool) else "must be true or false",
    "object": lambda value: None if _is_reference(value) else "must be a reference with an id",
    "array": lambda value: None if isinstance(value, list) else "must be an array",
}


def _at_midnight(record: Record) -> Record:
    """Return the record with its dates cut to the day: their time of day means nothing."""
    dates: Record = {
        name: f"{record[name][:10]}T00:00:00Z"
        for name in ("effectiveDate", "cancelledDate")
        if name in record
    }
    return {**record, **dates}


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _missing(name: str) -> FieldError:
    return _error("MissingRequiredField", f"'{name}' is required", name)


def _error(code: str, message: str, field: str) -> FieldError:
    return FieldError(code, message, RESOURCE, field)
