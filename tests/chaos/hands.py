"""Somebody changes a line in the PSA by hand: its standing quantity, by some seats."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from local.simulators.autotask import rules as autotask

Hand = Callable[[Any, int, int, date], bool]
"""Changes the line of a product in a PSA's state by so many seats on a day, and says whether it
did: a line that is not there, or would have none left, stays as it is. Hold the state's lock.
"""


def _connectwise(psa: Any, product: int, by: int, day: date) -> bool:
    found = [
        one
        for one in psa.additions.values()
        if one["product"]["id"] == product and not one.get("cancelledDate")
    ]
    if len(found) != 1 or found[0]["quantity"] + by <= 0:
        return False
    changed = {**found[0], "quantity": found[0]["quantity"] + by}
    psa.put_addition(changed, who="hand", by="hand")
    return True


def _autotask(psa: Any, product: int, by: int, day: date) -> bool:
    found = [one for one in psa.lines.values() if one.record["serviceID"] == product]
    if len(found) != 1:
        return False
    body = {
        "contractServiceID": found[0].line_id,
        "unitChange": by,
        "effectiveDate": day.isoformat(),
    }
    try:
        autotask.adjust(psa, autotask.SERVICE, body, who="hand", by="hand")
    except autotask.RefusedError:
        return False
    return True


def _halopsa(psa: Any, product: int, by: int, day: date) -> bool:
    found = [one for one in psa.lines.values() if one["_itemid"] == product]
    if len(found) != 1 or (found[0].get("qty_order") or 0) + by <= 0:
        return False
    psa.change_record("lines", found[0]["id"], {"qty_order": found[0]["qty_order"] + by})
    return True


def _syncro(psa: Any, product: int, by: int, day: date) -> bool:
    found = [one for one in psa.lines.values() if one["product_id"] == product]
    if len(found) != 1 or int(found[0]["quantity"]) + by <= 0:
        return False
    changed = {"quantity": int(found[0]["quantity"]) + by}
    psa.save_line(found[0]["schedule_id"], changed, found[0]["id"], who="hand")
    return True


HANDS: Mapping[str, Hand] = {
    "autotask": _autotask,
    "connectwise": _connectwise,
    "halopsa": _halopsa,
    "syncro": _syncro,
}
