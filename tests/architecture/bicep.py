"""A Bicep file as Python values: what it declares, and with which property names and values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_bicep.language()))


@dataclass(frozen=True)
class Expression:
    """Anything that is worked out at deployment; ``outcomes`` are what a condition may end in."""

    text: str
    outcomes: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Property:
    """A value with the line it stands on."""

    value: Value
    line: int


Object = dict[str, Property]
Value = Object | list["Value"] | str | int | bool | None | Expression


@dataclass
class Declared:
    """A resource or module."""

    symbol: str
    kind: str
    body: Object
    existing: bool
    line: int


@dataclass
class File:
    """What one file holds."""

    parameters: dict[str, frozenset[str]] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    variables: dict[str, Value] = field(default_factory=dict)
    resources: list[Declared] = field(default_factory=list)
    modules: list[Declared] = field(default_factory=list)
    outputs: set[str] = field(default_factory=set)
    used: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    members: set[tuple[str, str]] = field(default_factory=set)


def read(text: str) -> File:
    """Return what a file declares; ``faults`` names each line that is no Bicep."""
    root = _PARSER.parse(text.encode()).root_node
    file = File(faults=[f"line {node.start_point[0] + 1}" for node in _broken(root)])
    decorators: list[str] = []
    for node in root.children:
        if node.type == "decorators":
            decorators = [_text(one).lstrip("@").partition("(")[0] for one in node.children]
            continue
        _declare(file, node, frozenset(decorators))
        decorators = []
    declared = {*file.parameters, *file.variables}
    for node in _all(root):
        if node.type == "identifier":
            file.used.append(_text(node))
        if node.type == "member_expression" and _text(node.children[0]).endswith(".outputs"):
            symbol = _text(node.children[0]).removesuffix(".outputs")
            file.members.add((symbol, _text(node.children[-1])))
    for name in declared:
        file.used.remove(name)  # where it is declared
    return file


def _declare(file: File, node: Node, decorators: frozenset[str]) -> None:
    kind = node.type
    name = next((_text(one) for one in node.children if one.type == "identifier"), "")
    if kind == "parameter_declaration":
        file.parameters[name] = decorators
        if not any(one.type == "=" for one in node.children):
            file.required.add(name)
    elif kind == "variable_declaration":
        file.variables[name] = _value(node.children[-1])
    elif kind == "output_declaration":
        file.outputs.add(name)
    elif kind in {"resource_declaration", "module_declaration"}:
        what = next(_literal(one) for one in node.children if one.type == "string")
        body = next((one for one in _all(node.children[-1]) if one.type == "object"), None)
        found = Declared(
            symbol=name,
            kind=what,
            body={} if body is None else _object(body),
            existing=any(one.type == "existing" for one in node.children),
            line=node.start_point[0] + 1,
        )
        (file.modules if kind == "module_declaration" else file.resources).append(found)


def _value(node: Node) -> Value:
    match node.type:
        case "object":
            return _object(node)
        case "array":
            return [_value(one) for one in node.named_children if one.type != "comment"]
        case "string":
            inside = {one.type for one in node.children}
            return Expression(_text(node)) if "interpolation" in inside else _literal(node)
        case "number":
            return int(_text(node))
        case "boolean":
            return _text(node) == "true"
        case "null":
            return None
        case "ternary_expression":
            ends = node.named_children[1:]
            return Expression(_text(node), tuple(_value(one) for one in ends))
    return Expression(_text(node))


def _object(node: Node) -> Object:
    found: Object = {}
    for one in node.named_children:
        if one.type != "object_property":
            continue
        name = one.named_children[0]
        key = _text(name).strip("'")
        found[key] = Property(_value(one.named_children[-1]), one.start_point[0] + 1)
    return found


def _literal(node: Node) -> str:
    return _text(node)[1:-1].replace("\\'", "'")


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _all(child)


def _broken(root: Node) -> Iterator[Node]:
    return (node for node in _all(root) if node.type == "ERROR" or node.is_missing)
