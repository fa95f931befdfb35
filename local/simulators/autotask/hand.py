"""What a person, or another tool, does to the site's contracts behind our back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from local.simulators.autotask import rules
from local.simulators.autotask.billing import units_on
from local.simulators.autotask.rules import RefusedError
from local.simulators.autotask.state import BUNDLE, SERVICE, Line, PsaState, moment


@dataclass(frozen=True, slots=True)
class Hand:
    """Edits under the API's own rules, kept in the audit list as made by ``hand``.

    Every method raises ``RefusedError`` where the API would refuse.
    """

    state: PsaState

    def add(self, contract_id: int, product: int, units: int, effective: date) -> Line:
        """Put a service (or else the bundle of that id) on a contract, with units."""
        with self.state.lock:
            kind = SERVICE if product in self.state.services else BUNDLE
            body = {"contractID": contract_id, kind.product: product}
            line = rules.create_line(self.state, kind, body, who="hand", by="hand")
            if units:
                self.set_units(line.line_id, units, effective)
            return line

    def set_units(self, line_id: int, units: int, effective: date) -> Line:
        """Make the adjustment after which the line has so many units from that day on."""
        with self.state.lock:
            line = self._line(line_id)
            body = {
                line.kind.line: line_id,
                "unitChange": units - units_on(line.changes, effective),
                "effectiveDate": moment(effective),
            }
            rules.adjust(self.state, line.kind, body, who="hand", by="hand")
            return line

    def edit(self, line_id: int, changes: Mapping[str, Any]) -> Line:
        """Change a line's text or adjusted price."""
        with self.state.lock:
            line = self._line(line_id)
            body = {"id": line_id, **changes}
            contract = line.contract_id
            return rules.patch_line(self.state, line.kind, contract, body, who="hand", by="hand")

    def _line(self, line_id: int) -> Line:
        if line_id not in self.state.lines:
            raise RefusedError(f"There is no line {line_id}.")
        return self.state.lines[line_id]
