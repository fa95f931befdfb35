"""Names of SKUs for people, from Microsoft's table of product names.

The table lies beside this module and is read once, on first use. It is never complete: a SKU
without a name shows its part number.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from shared.domain.ids import SkuId
from shared.domain.mappings import GlobalExclusion


@dataclass(frozen=True, slots=True)
class FreeSku:
    """A SKU that costs nothing, or may.

    Attributes:
        category: Why it is in the list, such as ``trial`` or ``viral_self_service``.
        excluded_by_default: ``True`` for one that nobody wants on an invoice; ``None`` for one that
            a person should look at; ``False`` for a paid one that other tools leave out.
    """

    sku_id: SkuId
    sku_part_number: str
    name: str
    category: str
    excluded_by_default: bool | None


@cache
def _names() -> MappingProxyType[SkuId, str]:
    return MappingProxyType(
        {SkuId(row["sku_id"].lower()): row["display_name"] for row in _rows("sku_names.csv")}
    )


def sku_names() -> dict[SkuId, str]:
    """Return product names by SKU."""
    return dict(_names())


@cache
def free_skus() -> tuple[FreeSku, ...]:
    """Return the SKUs that seed the global exclusions, and those that a person should look at."""
    return tuple(
        FreeSku(
            sku_id=SkuId(row["sku_id"].lower()),
            sku_part_number=row["sku_part_number"],
            name=row["display_name"],
            category=row["category"],
            excluded_by_default=_DEFAULTS[row["exclude_default"]],
        )
        for row in _rows("free_skus.csv")
    )


def free_exclusions() -> tuple[GlobalExclusion, ...]:
    """Return the global exclusions of an MSP that never saved its own: what costs nothing.

    A free SKU whose id nobody has published cannot be told apart, and is left out.
    """
    return tuple(
        GlobalExclusion(one.sku_id, _why(one.category))
        for one in sorted(free_skus(), key=lambda one: one.sku_id)
        if one.excluded_by_default and one.sku_id
    )


def _why(category: str) -> str:
    return category if category == "free" else f"free ({category.replace('_', ' ')})"


_DEFAULTS = {"true": True, "review": None, "false": False}


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (files(__package__) / name).open(encoding="utf-8") as table:
        yield from csv.DictReader(table)
