"""The package that is deployed: all of the app, and nothing else."""

import fnmatch
import zipfile
from pathlib import Path

from local.package import ROOT, build, deployed_files

FUNCIGNORE = [
    line
    for line in (ROOT / ".funcignore").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


def ignored(path: Path) -> bool:
    """Return whether .funcignore leaves a file out; a line that ends in ``/`` is a directory."""
    return any(
        fnmatch.fnmatch(part, pattern.rstrip("/"))
        for pattern in FUNCIGNORE
        for part in (path.parts[:-1] if pattern.endswith("/") else path.parts)
    )


def test_the_package_holds_the_app_its_library_and_its_pins(tmp_path):
    output = tmp_path / "app.zip"

    build(output)

    with zipfile.ZipFile(output) as package:
        names = set(package.namelist())
    assert {"function_app.py", "host.json", "requirements.txt"} <= names
    assert "shared/adapters/microsoft/sku_names.csv" in names
    assert any(name.startswith("functions/pages/templates/") for name in names)
    assert any(name.startswith("functions/pages/static/vendor/") for name in names)
    assert {name.partition("/")[0] for name in names} == {
        "LICENSE",
        "function_app.py",
        "functions",
        "host.json",
        "requirements.txt",
        "shared",
    }
    assert not [name for name in names if name.endswith(".pyc")]
    assert not [name for name in names if Path(name).name.startswith(("test_", "conftest"))]


def test_funcignore_leaves_out_exactly_the_same():
    packaged = set(deployed_files())
    kept = {
        path.relative_to(ROOT)
        for path in [*ROOT.glob("*"), *ROOT.glob("functions/**/*"), *ROOT.glob("shared/**/*")]
        if path.is_file() and not ignored(path.relative_to(ROOT))
    }

    assert {path for path in kept if path.suffix != ".pyc"} == packaged


def test_two_packages_are_equal_byte_by_byte(tmp_path):
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"

    build(first)
    build(second)

    assert first.read_bytes() == second.read_bytes()
