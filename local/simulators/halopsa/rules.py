"""The rules for writing recurring invoices, their lines and the lines' pro-rata rows.

Everything is written by ``POST`` of an array. An object with an id changes what it names and keeps
the fields that it does not name; one without an id is created. All of an array is done, or nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from local.simulators.common.records import Record
from local.simulators.common.refusals import RefusedError
from local.simulators.halopsa.state import PsaState, Who, day

LINE_FIELDS = frozenset(
    {
        "item_shortdescription",
        "item_longdescription",
        "qty_order",
        "unit_price",
        "unit_cost",
        "startdate",
        "enddate",
        "isinactive",
        "item_internal_reference",
        "item_external_reference",
        "contract_id",
        "sequenceid",
        "_itemid",
        "recurring_invoice_quantity_type",
    }
)
HEADER_FIELDS = frozenset({"reference", "notes_1", "disabled", "enddate", "contract_id"})
ROW_FIELDS = frozenset({"date", "quantity", "unitprice", "shortdescription", "longdescription"})
_DATES = frozenset({"startdate", "enddate", "date"})


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes on behalf of somebody; every method raises ``RefusedError`` and changes nothing."""

    state: PsaState
    who: Who
    by: str

    def post_invoices(self, body: object) -> list[Record]:
        """Change or create recurring invoices with their lines; return the headers."""
        return [self._post_invoice(one) for one in _array(body)]

    def post_lines(self, body: object) -> list[Record]:
        """Add lines (or change those with an id) and touch no others; return them."""
        return [self._post_line(one, None) for one in _array(body)]

    def update_lines(self, body: object) -> list[Record]:
        """Change lines that are there; return them."""
        given = _array(body)
        for one in given:
            if one.get("id") not in self.state.lines:
                raise RefusedError(f"there is no line {one.get('id')}")
        changed = [self._post_line(one, None) for one in given]
        if not self.state.switches.updatelines_keeps_others:
            named = {one["id"] for one in changed}
            for header in {int(one["ihid"]) for one in changed}:
                for line in self.state.lines_of(header):
                    if line["id"] not in named:
                        self.delete_line(int(line["id"]))
        return changed

    def delete_line(self, line_id: int) -> None:
        """Delete a line."""
        before = self.state.lines.pop(line_id, None)
        if before is None:
            raise RefusedError(f"there is no line {line_id}", HTTPStatus.NOT_FOUND)
        self.state.note("delete", "lines", line_id, before, None, who=self.who, by=self.by)

    def _post_invoice(self, given: Mapping[str, Any]) -> Record:
        number = given.get("id")
        if not number:
            header = self._new_header(given)
        else:
            found = self.state.recurring_invoices.get(number)
            if found is None:
                raise RefusedError(f"there is no recurring invoice {number}", HTTPStatus.NOT_FOUND)
            header = found
            changes = {name: given[name] for name in HEADER_FIELDS if name in given}
            if any(header.get(name) != value for name, value in changes.items()):
                before = dict(header)
                header.update(changes)
                self._note("recurring_invoices", before, header)
        if given.get("lines") is not None:
            self._replace_lines(int(header["id"]), _array(given["lines"]))
        return header

    def _new_header(self, given: Mapping[str, Any]) -> Record:
        if given.get("client_id") not in self.state.clients:
            raise RefusedError("client_id is required")
        header = {
            **{name: given[name] for name in HEADER_FIELDS if name in given},
            "client_id": given["client_id"],
            "startdate": given.get("startdate"),
            "periodname": given.get("periodname"),
            "nextcreationdate": given.get("nextcreationdate"),
            "period_start_date": given.get("period_start_date"),
            "id": self.state.next_header(),
        }
        self.state.recurring_invoices[int(header["id"])] = header
        self._note("recurring_invoices", None, header)
        return header

    def _replace_lines(self, header: int, given: list[Mapping[str, Any]]) -> None:
        named = {one["id"] for one in given if one.get("id")}
        left_out = [one["id"] for one in self.state.lines_of(header) if one["id"] not in named]
        for one in given:
            self._post_line(one, header)
        if self.state.switches.omitted_lines_are_lost:
            for number in left_out:
                self.delete_line(int(number))

    def _post_line(self, given: Mapping[str, Any], header: int | None) -> Record:
        number = given.get("id")
        if number:
            before = self.state.lines.get(number)
            if before is None or (header is not None and before["ihid"] != header):
                raise RefusedError(f"there is no line {number}")
            line = copy.deepcopy(before)
        else:
            before = None
            line = self._new_line(given, given.get("ihid") if header is None else header)
        self._set_fields(line, given, is_new=before is None)
        if before is None and not line["qty_order"] and not self.state.switches.zero_beside_row:
            line["qty_order"] = Decimal(1)
        if given.get("prorata_data") is not None:
            self._set_rows(line, _array(given["prorata_data"]))
        self.state.lines[line["id"]] = line
        if line != before:
            self._note("lines", before, line)
        return line

    def _new_line(self, given: Mapping[str, Any], header: int | None) -> Record:
        if header not in self.state.recurring_invoices:
            raise RefusedError(f"there is no recurring invoice {header}", HTTPStatus.NOT_FOUND)
        item = self._item(given.get("_itemid"))
        return {
            "id": self.state.next_id(),
            "ihid": header,
            "_itemid": item["id"],
            "item_shortdescription": item["name"],
            "qty_order": Decimal(1),
            "unit_price": item.get("recurringprice"),
            "unit_cost": item.get("recurringcost"),
            "recurring_invoice_quantity_type": 0,
            "prorata_data": [],
        }

    def _set_fields(self, line: Record, given: Mapping[str, Any], *, is_new: bool) -> None:
        computed = bool(line.get("recurring_invoice_quantity_type"))
        for name in LINE_FIELDS & given.keys():
            value = given[name]
            if name == "_itemid":
                if value != line["_itemid"]:
                    self._item(value)
            elif name in _DATES and value is not None:
                _readable(name, value)
            if name == "qty_order" and computed and not is_new and value != line.get(name):
                if self.state.switches.refuse_computed:
                    raise RefusedError(f"the quantity of line {line['id']} is calculated")
                continue
            line[name] = value

    def _set_rows(self, line: Record, given: list[Mapping[str, Any]]) -> None:
        rows = {row["id"]: row for row in line["prorata_data"]}
        for one in given:
            number = one.get("id")
            row = rows.get(number) if number else None
            if number and row is None:
                raise RefusedError(f"there is no pro-rata row {number}")
            if row is not None and row.get("isinvoiced"):
                continue  # what an invoice has seen stays
            fields = {name: one[name] for name in ROW_FIELDS if name in one}
            after = {**(row or {"id": self.state.next_id(), "isinvoiced": False}), **fields}
            if after == row:
                continue
            if line.get("recurring_invoice_quantity_type"):
                raise RefusedError(f"line {line['id']} is calculated: it takes no pro-rata rows")
            _readable("date", after.get("date"))
            if not isinstance(after.get("quantity"), int | Decimal):
                raise RefusedError("a pro-rata row needs a quantity")
            if after["quantity"] < 0 and not self.state.switches.negative_prorata:
                raise RefusedError("negative pro rata is not allowed")
            if not self.state.switches.rows_take_line_price:
                after.setdefault("unitprice", Decimal(0))
            rows[after["id"]] = after
        line["prorata_data"] = list(rows.values())

    def _item(self, number: object) -> Record:
        item = self.state.items.get(number) if isinstance(number, int) else None
        if item is None:
            raise RefusedError(f"there is no item {number}")
        if item.get("_inactive"):
            raise RefusedError(f"item {number} is inactive")
        return item

    def _note(self, kind: str, before: Record | None, after: Record) -> None:
        change = "create" if before is None else "update"
        number = int(after["id"])
        self.state.note(change, kind, number, before, after, who=self.who, by=self.by)


def written(state: PsaState, who: Who, by: str, method: str, body: object) -> list[Record]:
    """Carry out one of the writer's methods wholly, or not at all."""
    with state.lock:
        kept = state.dump()
        try:
            found: list[Record] = getattr(Writer(state, who, by), method)(body)
        except RefusedError:
            state.restore(kept)
            raise
        return found


def waiting(line: Mapping[str, Any]) -> Iterable[Record]:
    """Return the rows of a line that no invoice has seen."""
    return [row for row in line["prorata_data"] if not row.get("isinvoiced")]


def _array(body: object) -> list[Mapping[str, Any]]:
    if not isinstance(body, list) or not all(isinstance(one, Mapping) for one in body):
        raise RefusedError("an array of objects is needed")
    return body


def _readable(name: str, value: object) -> None:
    try:
        day(str(value))
    except ValueError as error:
        raise RefusedError(f"{name} is not a date") from error
