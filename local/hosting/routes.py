"""Routes of HTTP triggers: ASP.NET templates, and which function answers a path.

There is no ranking by how specific a route is: functions are tried in the order of
their names, and the first whose template, constraints and methods match answers.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from urllib.parse import unquote
from uuid import UUID

Constraint = Callable[[str], bool]

PARAMETER = re.compile(
    r"\{(?P<catch_all>\*{0,2})(?P<name>\w+)(?P<constraints>(?::[^=?{}]+(?:\{\{.*?\}\}[^=?{}]*)*)*)"
    r"(?:=(?P<default>[^?{}]*))?(?P<optional>\?)?\}"
)
INT32 = 2**31
INT64 = 2**63


class InvalidRouteError(ValueError):
    """A route template cannot be read, or uses what the local host does not know."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a template between slashes."""

    pattern: re.Pattern[str]
    constraints: Mapping[str, tuple[Constraint, ...]]
    default: str | None = None
    optional: bool = False
    catch_all: bool = False

    @property
    def name(self) -> str:
        return next(iter(self.pattern.groupindex), "")

    def match(self, text: str) -> dict[str, str] | None:
        """Return the parameters in the text, or None when it does not fit."""
        found = self.pattern.fullmatch(text)
        if found is None:
            return None
        values = found.groupdict()
        for name, constraints in self.constraints.items():
            if not all(accepts(values[name]) for accepts in constraints):
                return None
        return values


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled route template."""

    text: str
    segments: tuple[Segment, ...]

    def match(self, parts: Sequence[str]) -> dict[str, str] | None:
        """Return the route parameters of a split path, or None when it does not match.

        A missing optional parameter and an empty catch-all are left out.
        """
        values: dict[str, str] = {}
        for index, segment in enumerate(self.segments):
            rest = parts[index:]
            if segment.catch_all:
                text: str | None = "/".join(rest) or segment.default
                rest = parts[len(parts) :]
            else:
                text = rest[0] if rest else segment.default
            if text is None:
                if not (segment.optional or segment.catch_all):
                    return None
                continue
            found = segment.match(text)
            if found is None:
                return None
            values.update(found)
            if segment.catch_all:
                return values
        return values if len(parts) <= len(self.segments) else None


def compile_template(text: str) -> Template:
    """Return the template, ready to match.

    Raises:
        InvalidRouteError: A parameter is malformed or repeated, a constraint is unknown, or
            an optional or catch-all parameter stands where it cannot.
    """
    parts = [part for part in text.strip("/").split("/") if part]
    segments = tuple(_segment(part, text) for part in parts)
    for position, segment in enumerate(segments):
        last = position == len(segments) - 1
        if segment.catch_all and not last:
            raise InvalidRouteError(f"'{text}': a catch-all must be the last segment")
        if segment.optional and not all(
            later.optional or later.catch_all or later.default is not None
            for later in segments[position:]
        ):
            raise InvalidRouteError(f"'{text}': an optional parameter must come last")
    names = [name.lower() for segment in segments for name in segment.pattern.groupindex]
    if len(names) != len(set(names)):
        raise InvalidRouteError(f"'{text}': a parameter is named twice")
    return Template(text, segments)


def split_path(raw_path: str) -> list[str]:
    """Return the decoded segments of a request's path, dot segments removed.

    As in the host's web server each segment is percent-decoded once, and ``%2F`` stays as it
    is. One trailing slash is ignored, and nothing climbs above the root. An empty segment
    stays, and only a catch-all accepts it.
    """
    parts: list[str] = []
    trimmed = raw_path.removeprefix("/").removesuffix("/")
    for raw in trimmed.split("/") if trimmed else []:
        part = "%2F".join(unquote(piece) for piece in re.split("%2[fF]", raw))
        if part == "..":
            del parts[-1:]
        elif part != ".":
            parts.append(part)
    return parts


@dataclass(frozen=True, slots=True)
class Route:
    """What an HTTP trigger listens to. No methods means every method."""

    function: str
    template: Template
    methods: frozenset[str]


class Router:
    """Finds the function for a request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = sorted(routes, key=lambda route: ordinal(route.function))

    def find(self, method: str, raw_path: str) -> tuple[str, dict[str, str]] | None:
        """Return the function's name and its route parameters, or None for a 404."""
        parts = split_path(raw_path)
        for route in self._routes:
            if route.methods and method.upper() not in route.methods:
                continue
            values = route.template.match(parts)
            if values is not None:
                return route.function, values
        return None


def ordinal(name: str) -> str:
    """Return the key that sorts as OrdinalIgnoreCase does: by upper case, so ``_`` follows z."""
    return name.upper()


def reserved(route: str) -> bool:
    """Return whether the host keeps the route for itself (a plain test of the first letters)."""
    return route.strip("/").lower().startswith(("admin", "runtime"))


def conflict(
    route: str, methods: frozenset[str], other: str, other_methods: frozenset[str]
) -> bool:
    """Return whether two functions ask for the same route text and share a method."""
    if route.strip("/").lower() != other.strip("/").lower():
        return False
    return not methods or not other_methods or bool(methods & other_methods)


def _segment(text: str, template: str) -> Segment:
    pattern = ""
    constraints: dict[str, tuple[Constraint, ...]] = {}
    position = 0
    parameters = list(PARAMETER.finditer(text))
    for parameter in parameters:
        pattern += _literal(text[position : parameter.start()], template)
        pattern += f"(?P<{parameter['name']}>.{'*' if parameter['catch_all'] else '+'})"
        constraints[parameter["name"]] = tuple(
            _constraint(constraint, template)
            for constraint in _split_constraints(parameter["constraints"])
        )
        position = parameter.end()
    pattern += _literal(text[position:], template)
    flags = re.IGNORECASE | re.DOTALL
    alone = len(parameters) == 1 and parameters[0].group() == text
    special = any(p["catch_all"] or p["optional"] or p["default"] is not None for p in parameters)
    if not alone and special:
        raise InvalidRouteError(
            f"'{template}': an optional, default or catch-all parameter must fill its segment"
        )
    if not alone:
        return Segment(re.compile(pattern, flags), constraints)
    only = parameters[0]
    return Segment(
        re.compile(pattern, flags),
        constraints,
        default=only["default"],
        optional=bool(only["optional"]),
        catch_all=bool(only["catch_all"]),
    )


def _literal(text: str, template: str) -> str:
    plain = text.replace("{{", "\0").replace("}}", "\1")
    if "{" in plain or "}" in plain:
        raise InvalidRouteError(f"'{template}': cannot read '{text}'")
    return re.escape(plain.replace("\0", "{").replace("\1", "}"))


def _split_constraints(text: str) -> list[str]:
    """Split ``:int:range(1,5)`` at the colons that stand outside brackets."""
    parts: list[str] = []
    depth = 0
    for character in text:
        if character == ":" and depth == 0:
            parts.append("")
            continue
        depth += (character == "(") - (character == ")")
        parts[-1] += character
    return parts


def _constraint(text: str, template: str) -> Constraint:
    name, bracket, argument_text = text.removesuffix(")").partition("(")
    try:
        if bracket:
            return _WITH_ARGUMENTS[name.lower()](argument_text)
        return _PLAIN[name.lower()]
    except (KeyError, ValueError, re.error) as error:
        raise InvalidRouteError(f"'{template}': unknown constraint '{text}'") from error


def _parses(parse: Callable[[str], object]) -> Constraint:
    def accepts(value: str) -> bool:
        try:
            parse(value)
        except (ValueError, InvalidOperation):
            return False
        return True

    return accepts


def _whole(limit: int) -> Constraint:
    def accepts(value: str) -> bool:
        return bool(re.fullmatch(r"[+-]?\d+", value, re.ASCII)) and -limit <= int(value) < limit

    return accepts


def _is_finite_decimal(value: str) -> bool:
    return bool(re.fullmatch(r"[+-]?[\d,]*\.?\d+", value)) and _parses(Decimal)(
        value.replace(",", "")
    )


def _guid(value: str) -> UUID:
    if not re.fullmatch(r"[({]?[0-9a-fA-F-]{32,36}[)}]?", value):
        raise ValueError("not a GUID")
    return UUID(value.strip("(){}"))


def _numbers(text: str, count: int) -> list[int]:
    numbers = [int(number) for number in text.split(",")]
    if len(numbers) > count:
        raise ValueError("too many numbers")
    return numbers


def _number_in(low: int, high: int) -> Constraint:
    whole = _whole(INT64)
    return lambda value: whole(value) and low <= int(value) <= high


def _length(text: str) -> Constraint:
    numbers = _numbers(text, 2)
    return _length_in(numbers[0], numbers[-1])


def _length_in(low: int, high: int) -> Constraint:
    return lambda value: low <= len(value) <= high


def _range(text: str) -> Constraint:
    low, high = _numbers(text, 2)
    return _number_in(low, high)


def _regex(text: str) -> Constraint:
    pattern = re.compile(text.replace("{{", "{").replace("}}", "}"), re.IGNORECASE)
    return lambda value: pattern.search(value) is not None


_PLAIN: dict[str, Constraint] = {
    "int": _whole(INT32),
    "long": _whole(INT64),
    "guid": _parses(_guid),
    "bool": lambda value: value.lower() in {"true", "false"},
    "alpha": lambda value: bool(re.fullmatch("[a-zA-Z]*", value)),
    "decimal": _is_finite_decimal,
    "double": _parses(float),
    "float": _parses(float),
    "datetime": _parses(datetime.fromisoformat),
    "required": bool,
}
_WITH_ARGUMENTS: dict[str, Callable[[str], Constraint]] = {
    "length": _length,
    "minlength": lambda text: _length_in(int(text), INT32),
    "maxlength": lambda text: _length_in(0, int(text)),
    "min": lambda text: _number_in(int(text), INT64),
    "max": lambda text: _number_in(-INT64, int(text)),
    "range": _range,
    "regex": _regex,
}
