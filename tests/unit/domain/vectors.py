"""The vector files, as parameters with names."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[2] / "data"
DECISIONS: dict[str, list[dict[str, Any]]] = json.loads(
    (DATA / "billing_decisions.json").read_text(encoding="utf-8")
)
PRORATION: dict[str, list[dict[str, Any]]] = json.loads(
    (DATA / "proration.json").read_text(encoding="utf-8")
)


def each(cases: list[dict[str, Any]], *names: str) -> Any:
    """Parametrise ``case``, named by these fields, or by its place."""
    ids = [
        " ".join(f"{n} {c[n]}" if n not in {"id", "case"} else str(c[n]) for n in names if n in c)
        or str(place)
        for place, c in enumerate(cases)
    ]
    return pytest.mark.parametrize("case", cases, ids=ids)


def day(text: str) -> date:
    return date.fromisoformat(text)
