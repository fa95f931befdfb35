"""Imports point one way, and import-linter would say so if one did not."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("functions", "local", "shared")
LINT = (
    "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
)

# Contract → (package to plant a module in, what the module says).
PLANTED = {
    "Triggers stand on the library, never the other way round": (
        "shared/usecases",
        "import functions",
    ),
    "The library's layers": ("shared/usecases", "import shared.adapters"),
    "Triggers reach adapters and settings through bootstrap only": (
        "functions",
        "import shared.settings",
    ),
    "Use cases, ports and rules do no I/O": ("shared/domain", "import os"),
    "The rules are plain dataclasses": ("shared/domain", "import pydantic"),
    "No PSA's package imports another's": (
        "shared/adapters/psa/other",
        "import shared.adapters.psa.connectwise.dates",
    ),
    "What is deployed never imports what is not": ("shared/adapters", "import local"),
}
# Package and what it must not import, directly or inside a function.
FORBIDDEN = [
    ("shared/domain", "shared.ports"),
    ("shared/domain", "shared.settings"),
    ("shared/domain", "requests"),
    ("shared/adapters", "shared.usecases"),
    ("shared/adapters", "shared.bootstrap"),
    ("shared/adapters", "shared.settings"),
    ("shared/usecases", "shared.settings"),
    ("shared/usecases", "shared.bootstrap"),
    *[
        ("shared/usecases", name)
        for name in ("azure", "requests", "msal", "jinja2", "os", "time", "logging")
    ],
    ("functions", "shared.adapters.psa.connectwise.gateway"),
    ("functions", "local.host"),
]


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """A copy of what the contracts speak of."""
    copy = tmp_path_factory.mktemp("original")
    for package in PACKAGES:
        for module in (ROOT / package).rglob("*.py"):
            target = copy / module.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(module, target)
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


@pytest.fixture
def tree(original, tmp_path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(original, tmp_path / "tree")


def plant(tree: Path, package: str, text: str, name: str = "planted") -> None:
    folder = tree / package
    if not folder.exists():
        folder.mkdir()
        (folder / "__init__.py").touch()
    (folder / f"{name}.py").write_text(text, "utf-8")


def lint(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def broken(output: str) -> list[str]:
    """Return the names of the broken contracts."""
    contracts = output.partition("dependencies.")[2].partition("Contracts:")[0]
    verdict = r" (KEPT|BROKEN)(?: \(\d+ ignored imports?\))? ?"
    parts = re.split(verdict, contracts.strip("- ") + " ")
    return [
        name.strip()
        for name, verdict in zip(parts[::2], parts[1::2], strict=False)
        if verdict == "BROKEN"
    ]


def test_the_contracts_hold(original):
    status, output = lint(original)

    assert status == 0, output
    assert f"Contracts: {len(PLANTED)} kept, 0 broken." in output


@pytest.mark.parametrize("contract", sorted(PLANTED))
def test_each_contract_catches_a_violation(tree, contract):
    plant(tree, *PLANTED[contract])

    status, output = lint(tree)

    assert status != 0
    assert any(name.startswith(contract) for name in broken(output)), output


def test_every_forbidden_import_is_told_where_it_stands(tree):
    for number, (package, name) in enumerate(FORBIDDEN):
        plant(tree, package, f"def use():\n    import {name}\n", f"planted_{number}")

    _, output = lint(tree)

    silent = [
        (package, name)
        for number, (package, name) in enumerate(FORBIDDEN)
        if f"{package.replace('/', '.')}.planted_{number} -> {name} (l.2)" not in output
    ]
    assert silent == []


def test_a_module_that_belongs_to_no_layer_is_told(tree):
    plant(tree, "shared", "x = 1")

    status, output = lint(tree)

    assert status != 0
    assert "planted" in output


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_the_app_knows_only_its_triggers():
    app = ROOT / "function_app.py"
    heads = {".".join(name.split(".")[:1]) for name in imports_of(app)}

    assert heads <= {"azure", "functions", "__future__"}


def modules() -> list[Path]:
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return sorted([*found, *ROOT.glob("*.py")])


def test_every_module_says_what_it_is():
    silent = [
        str(path.relative_to(ROOT))
        for path in modules()
        if not (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").strip()
    ]

    assert silent == []


def test_only_settings_reads_the_environment():
    def reads(path: Path) -> bool:
        tree = ast.parse(path.read_text("utf-8"))
        return any(
            isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
            for node in ast.walk(tree)
        )

    deployed = [path for path in modules() if path.relative_to(ROOT).parts[0] != "local"]

    assert [str(p.relative_to(ROOT)) for p in deployed if reads(p)] == ["shared/settings.py"]
