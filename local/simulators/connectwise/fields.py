"""Which fields a record has, and of what kind: read from the published contract."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from local.simulators.connectwise.conditions import Kind

CONTRACT = Path(__file__).parent.parent / "contracts" / "connectwise" / "openapi.json"

_KIND_OF_TYPE = {"integer": Kind.NUMBER, "number": Kind.NUMBER, "boolean": Kind.FLAG}


@dataclass(frozen=True, slots=True)
class Found:
    """Where a path leads in a schema."""

    schema: Mapping[str, Any]
    through_array: bool


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one resource. Names are case-sensitive; a slash walks into a reference."""

    resource: str

    def find(self, path: str) -> Found | None:
        """Return the schema at the path, or None when there is no such field."""
        schema: Mapping[str, Any] = _schemas()[self.resource]
        through_array = False
        for name in path.split("/"):
            if schema.get("type") == "array":
                schema, through_array = _resolved(schema["items"]), True
            below = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            if not isinstance(below, Mapping):
                return None
            schema = _resolved(below)
        return Found(schema, through_array)

    def kind(self, path: str) -> Kind | None:
        """Return how ``conditions`` may compare the field; None for arrays and whole references."""
        found = self.find(path)
        return None if found is None or found.through_array else _kind(path, found.schema)

    def child_kind(self, path: str) -> Kind | None:
        """Return how ``childConditions`` may compare the field: only inside an array."""
        found = self.find(path)
        return _kind(path, found.schema) if found is not None and found.through_array else None


def _kind(path: str, schema: Mapping[str, Any]) -> Kind | None:
    declared = schema.get("type")
    if declared == "string":
        # The contract calls nextInvoiceDate and _info/lastUpdated plain strings; they hold moments.
        dated = path.endswith(("Date", "lastUpdated")) or schema.get("format") == "date-time"
        return Kind.MOMENT if dated else Kind.TEXT
    return _KIND_OF_TYPE.get(str(declared))


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    return _schemas()[reference.rpartition("/")[2]] if reference else schema


@cache
def _schemas() -> dict[str, Mapping[str, Any]]:
    document = json.loads(CONTRACT.read_text(encoding="utf-8"))
    schemas: dict[str, Mapping[str, Any]] = document["components"]["schemas"]
    return schemas
