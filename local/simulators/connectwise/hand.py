"""What a person, or another tool, does to the site's agreements behind our back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.simulators.common.records import Record
from local.simulators.connectwise.additions import AdditionRules
from local.simulators.connectwise.errors import not_found
from local.simulators.connectwise.state import PsaState


@dataclass(frozen=True, slots=True)
class Hand:
    """Edits under the API's own rules, kept in the audit list as made by ``hand``.

    Fields have the vendor's names; a date may be written as ``2026-03-31``. Every method raises
    ``ApiError`` where the API would refuse.
    """

    state: PsaState

    def add(self, agreement_id: int, fields: Mapping[str, Any]) -> Record:
        """Put a line on an agreement, without any marker unless one is given."""
        with self.state.lock:
            body = {"billCustomer": "Billable", **_dated(fields)}
            record = self._rules(agreement_id).created(body)
            return self.state.put_addition(record, who="hand", by="hand")

    def edit(self, addition_id: int, fields: Mapping[str, Any]) -> Record:
        """Change fields of a line; null clears one (``cancelledDate``: it goes on again)."""
        with self.state.lock:
            before = self._addition(addition_id)
            operations = [
                {"op": "replace", "path": name, "value": value}
                for name, value in _dated(fields).items()
            ]
            record = self._rules(before["agreementId"]).patched(before, operations)
            return self.state.put_addition(record, who="hand", by="hand")

    def delete(self, addition_id: int) -> None:
        """Remove a line, and with it all trace of it outside the audit list and the invoices."""
        with self.state.lock:
            self._addition(addition_id)
            self.state.delete_addition(addition_id, who="hand", by="hand")

    def _addition(self, addition_id: int) -> Record:
        if addition_id not in self.state.additions:
            raise not_found("Addition", addition_id)
        return self.state.additions[addition_id]

    def _rules(self, agreement_id: int) -> AdditionRules:
        if agreement_id not in self.state.agreements:
            raise not_found("Agreement", agreement_id)
        return AdditionRules(self.state, self.state.agreements[agreement_id])


def _dated(fields: Mapping[str, Any]) -> Record:
    """Return the fields with plain dates in the form that the API wants."""
    return {name: _moment(name, value) for name, value in fields.items()}


def _moment(name: str, value: Any) -> Any:  # noqa: ANN401 - a field holds any JSON value
    plain = name.endswith("Date") and isinstance(value, str) and "T" not in value
    return f"{value}T00:00:00Z" if plain else value
