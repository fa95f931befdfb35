"""Path templates: ``/groups/{group-id}/members/$count`` matched against a path."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Generic, TypeVar

Target = TypeVar("Target")

_PARAMETER = re.compile(r"\{([^}]+)\}")


class PathTable(Generic[Target]):
    """Templates with something behind each; the most literal template that fits wins.

    A parameter stands for anything but a slash, also inside a segment as in
    ``/subscriptions(id='{id}')``.
    """

    def __init__(self, entries: Iterable[tuple[str, Target]]) -> None:
        ordered = sorted(entries, key=lambda entry: _looseness(entry[0]))
        self._rows = [(_compiled(template), template, target) for template, target in ordered]

    def find(self, path: str) -> tuple[str, Target, dict[str, str]] | None:
        """Return the template, what stands behind it and the parameters, or None."""
        for (pattern, names), template, target in self._rows:
            matched = pattern.fullmatch(path)
            if matched:
                return template, target, dict(zip(names, matched.groups(), strict=True))
        return None


def _looseness(template: str) -> tuple[int, int]:
    literal = _PARAMETER.sub("", template)
    return len(_PARAMETER.findall(template)), -len(literal)


def _compiled(template: str) -> tuple[re.Pattern[str], list[str]]:
    names = _PARAMETER.findall(template)
    literals = _PARAMETER.split(template)[::2]
    return re.compile("([^/]+)".join(re.escape(literal) for literal in literals)), names
