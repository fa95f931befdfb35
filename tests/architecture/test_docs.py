"""What the documents, the Makefile and the lists of pins say is true."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]


def tracked(*patterns: str) -> list[Path]:
    """The project's own files, also before they are committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()]


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


DOCUMENTS = names(tracked("*.md", "docs/*.md"))
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_every_decision_that_is_cited_exists():
    cited = {
        (path.name, name)
        for path in tracked("*.py", "*.md")
        for name in re.findall(r"docs/adr/(\d{4}-[a-z0-9-]+\.md)", path.read_text("utf-8"))
    }
    known = {path.name for path in (ROOT / "docs" / "adr").glob("*.md")}

    assert cited
    assert sorted(one for one in cited if one[1] not in known) == []


def test_decisions_are_numbered_once_and_carry_their_number():
    found = sorted((ROOT / "docs" / "adr").glob("*.md"))

    numbers = [path.name[:4] for path in found]
    assert len(numbers) == len(set(numbers))
    for path in found:
        assert path.read_text("utf-8").startswith(f"# {int(path.name[:4])}. "), path.name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_between_documents_lead_somewhere(document):
    text = (ROOT / document).read_text("utf-8")

    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert ((ROOT / document).parent / unquote(target)).exists(), target


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_commands_that_are_told_exist(document):
    text = (ROOT / document).read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    told = set(re.findall(r"\bmake ([a-z-]+)\b(?=[\s`:]|$)", text))

    assert told
    assert told - targets == set()


def test_make_alone_lists_every_target_that_is_for_people():
    shown = subprocess.run(
        ["make", "--no-print-directory"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    explained = re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE)

    listed = [line.split()[1] for line in shown.stdout.splitlines()]
    assert listed == explained
    assert {"setup", "demo", "start", "test", "check", "unit", "integration", "lock", "clean"} <= {
        *listed
    }


def test_the_readme_names_what_there_is():
    table = re.findall(r"^\| `([^|]+)` \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)

    named = [one for cell in table for one in re.split(r"`, `", cell)]
    assert named
    assert [one for one in named if not (ROOT / one).exists()] == []


def pins(file: str) -> set[str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / file).read_text("utf-8"), re.MULTILINE)
    return {canonical(name) for name in found}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required(requirements: list[str]) -> set[str]:
    matches = (re.match(r"[A-Za-z0-9._-]+", one) for one in requirements)
    return {canonical(match[0]) for match in matches if match}


def test_every_direct_dependency_is_pinned():
    deployed = required(PROJECT["dependencies"])
    developing = required(PROJECT["optional-dependencies"]["dev"])

    assert deployed - pins("requirements.txt") == set()
    assert (deployed | developing) - pins("requirements-dev.txt") == set()
    assert pins("requirements.txt") <= pins("requirements-dev.txt")


def test_nothing_for_development_only_is_deployed():
    developing = required(PROJECT["optional-dependencies"]["dev"])

    assert developing & pins("requirements.txt") - required(PROJECT["dependencies"]) == set()


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_pins_say_where_they_come_from(file):
    assert (
        (ROOT / file)
        .read_text("utf-8")
        .startswith("# Compiled from pyproject.toml by `make lock`; edit that and run it again.\n")
    )


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_pin_has_the_hashes_of_its_files_and_names_no_place_to_get_them(file):
    text = (ROOT / file).read_text("utf-8")
    pinned = [one for one in re.split(r"\n(?=[A-Za-z0-9])", text) if not one.startswith("#")]

    assert len(pinned) == len(re.findall(r"^[A-Za-z0-9._-]+==", text, re.MULTILINE))
    assert [one for one in pinned if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", one)] == []
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--index|--extra-index|--find-links)", text, re.MULTILINE)


def test_every_node_package_has_the_hash_of_its_file():
    packages = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]
    installed = {name: one for name, one in packages.items() if name and not one.get("link")}

    assert installed
    assert [name for name, one in installed.items() if "integrity" not in one] == []


def test_every_direct_dependency_has_its_reason():
    told = (ROOT / "docs" / "adr" / "0011-dependencies.md").read_text("utf-8")
    rows = re.findall(r"^\| ([a-z0-9, -]+) \|", told, re.MULTILINE)
    explained = {canonical(name.strip()) for row in rows for name in row.split(",")}

    direct = required(PROJECT["dependencies"]) | required(PROJECT["optional-dependencies"]["dev"])
    assert direct - explained == set()


# Each is cut in two, so that this file does not hold what it looks for.
FOREIGN = re.compile(
    "|".join(
        [
            r"(?<![\w.])/ro" + r"ot/",
            r"(?<![\w.])/ho" + r"me/[a-z]",
            r"(?<![\w.])/wo" + r"rk/",
            r"(?<![\w.{}])/t" + r"mp/",
            r"/Us" + r"ers/[A-Za-z]",
            r"[A-Z]:\\\\?Us" + r"ers",
            r"://regi" + r"stry\.",
            r"://files\.pytho" + r"nhosted",
        ]
    )
)


def test_no_file_names_a_path_of_somebodys_machine_or_a_package_registry():
    found = []
    for path in tracked():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}: {match[0]}"
            for match in FOREIGN.finditer(text)
            if path.name != "openapi.json"
        ]

    assert found == []


def test_what_is_not_deployed_is_kept_out_of_the_package():
    ignored = (ROOT / ".funcignore").read_text("utf-8").splitlines()
    top = {path.relative_to(ROOT).parts[0] for path in tracked()}
    deployed = {"function_app.py", "functions", "host.json", "requirements.txt", "shared"}
    legal = {"LICENSE"}

    left = {
        name
        for name in top
        if name not in ignored and f"{name}/" not in ignored and not name.startswith(".")
    }
    assert left == deployed | legal


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell is needed")
def test_the_newest_python_that_can_make_an_environment_is_found(tmp_path):
    for version, works in (("3.13", False), ("3.12", True), ("3.11", True)):
        python = tmp_path / f"python{version}"
        python.write_text(f"#!/bin/sh\n{f'echo {version}' if works else 'exit 1'}\n", "utf-8")
        python.chmod(0o755)

    found = subprocess.run(
        ["/bin/sh", "local/newest-python.sh"],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout == f"{tmp_path / 'python3.12'}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell is needed")
def test_without_a_python_it_says_which_are_needed(tmp_path):
    found = subprocess.run(
        ["/bin/sh", "local/newest-python.sh"],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 1
    assert "3.13, 3.12 or 3.11" in found.stderr
