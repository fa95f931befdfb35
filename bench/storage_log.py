"""What the storage was asked, from the line that Azurite logs for each request.

A transaction of many entities is one request, and one transaction on Azure's bill.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r'"(?P<method>[A-Z]+) /devstoreaccount1/?(?P<path>[^? ]*)(?P<query>\S*) HTTP')
_QUEUES = ("tenant-sync", "license-sync", "sync-now")


@dataclass(frozen=True, slots=True)
class Transactions:
    """Requests by what they are.

    Attributes:
        tables, queues: Of the app and of the host's work with its messages.
        polls: Of the host, which looks into its queues whether they hold something or not.
    """

    tables: Counter[str]
    queues: Counter[str]
    polls: int

    @property
    def total(self) -> int:
        """All but the polls."""
        return self.tables.total() + self.queues.total()


class StorageLog:
    """Azurite's log, from a mark on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark = 0

    def mark(self) -> None:
        """Count from here."""
        self._mark = self._path.stat().st_size

    def transactions(self) -> Transactions:
        """Return what was asked since the mark."""
        tables: Counter[str] = Counter()
        queues: Counter[str] = Counter()
        polls = 0
        with self._path.open("rb") as log:
            log.seek(self._mark)
            for line in log:
                found = _LINE.search(line.decode("utf-8", "replace"))
                if found is None:
                    continue
                method, path, query = found["method"], found["path"], found["query"]
                if "comp=metadata" in query:
                    continue  # how deep a queue is: only the benchmark asks
                if path.startswith(_QUEUES):
                    if method == "GET":
                        polls += 1
                    else:
                        queues[f"{method} {path.partition('/')[0]}"] += 1
                else:
                    tables[f"{method} {path.partition('(')[0]}"] += 1
        return Transactions(tables, queues, polls)
