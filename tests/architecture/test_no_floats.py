"""No float touches a seat, a price or a fraction: the domain has none at all."""

import ast
from pathlib import Path

import pytest

DOMAIN = Path(__file__).parents[2] / "shared" / "domain"
MODULES = sorted(DOMAIN.glob("*.py"))
FORBIDDEN_NAMES = {"float", "round", "math", "statistics", "complex"}


def floats_in(source: str) -> list[str]:
    """Return what could make a float, with its line."""
    found = []
    for node in ast.walk(ast.parse(source)):
        what = None
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            what = f"the number {node.value}"
        elif isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
            what = node.id
        elif isinstance(node, ast.alias) and node.name.split(".")[0] in FORBIDDEN_NAMES:
            what = f"import of {node.name}"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            what = "a true division"
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            what = "a power"
        if what:
            found.append(f"line {node.lineno}: {what}")
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_the_domain_has_no_float(module):
    assert floats_in(module.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    ["a = 0.5", "a = float('1')", "a = 1 / 2", "a /= 2", "import math", "a = round(b)", "a = 2**b"],
)
def test_what_could_make_a_float_is_found(source):
    assert len(floats_in(source)) == 1


def test_there_are_modules_to_look_at():
    assert {"charging.py", "money.py", "planning.py"} <= {path.name for path in MODULES}
