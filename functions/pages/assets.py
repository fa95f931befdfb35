"""Styles and scripts: served under a name that changes with what they hold, so kept for ever.

What comes from npm is copied into ``static/vendor`` by ``make assets``.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Asset:
    """A file.

    Attributes:
        name: Below ``static``, without a directory: names are told apart there.
        digest: Of what it holds.
        packed: The same, compressed with gzip.
    """

    name: str
    digest: str
    content_type: str
    content: bytes
    packed: bytes

    @property
    def address(self) -> str:
        """Where it is served."""
        stem, _, suffix = self.name.rpartition(".")
        return f"/static/{stem}.{self.digest}.{suffix}"


def asset(name: str) -> Asset:
    """Return a file by its name.

    Raises:
        KeyError: There is none.
    """
    return _assets()[name]


def served_at(address: str) -> Asset | None:
    """Return the file that is served at an address, if it still holds what its name says."""
    return next((one for one in _assets().values() if one.address == address), None)


@cache
def _assets() -> dict[str, Asset]:
    return {path.name: _read(path) for path in sorted(STATIC.rglob("*")) if path.is_file()}


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(
        name=path.name,
        digest=hashlib.sha256(content).hexdigest()[:_DIGITS],
        content_type=CONTENT_TYPES[path.suffix],
        content=content,
        packed=gzip.compress(content, mtime=0),
    )
