"""Builds what is deployed: ``python -m local package [--output dist/seatsync.zip]``.

The same files that ``func azure functionapp publish`` and ``azd deploy`` take, which leave out what
``.funcignore`` names: the app, its library, the host's settings and the pins. Azure installs the
pins itself (remote build). Two packages of one commit are equal byte by byte.
"""

import argparse
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEPLOYED = ("LICENSE", "function_app.py", "functions", "host.json", "requirements.txt", "shared")
OUTPUT = ROOT / "dist" / "seatsync.zip"
LEFT_OUT = frozenset({"__pycache__"})
SAME_MOMENT = (2020, 1, 1, 0, 0, 0)
READABLE = 0o644 << 16


def deployed_files(root: Path = ROOT) -> Iterator[Path]:
    """Return the files that are deployed, relative to the project, sorted."""
    for name in DEPLOYED:
        top = root / name
        found = (
            [top] if top.is_file() else sorted(path for path in top.rglob("*") if path.is_file())
        )
        for path in found:
            relative = path.relative_to(root)
            if not LEFT_OUT & set(relative.parts) and relative.suffix != ".md":
                yield relative


def build(output: Path, root: Path = ROOT) -> int:
    """Write the package and return how many files it has."""
    output.parent.mkdir(parents=True, exist_ok=True)
    files = tuple(deployed_files(root))
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as package:
        for path in files:
            entry = zipfile.ZipInfo(path.as_posix(), SAME_MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = READABLE
            package.writestr(entry, (root / path).read_bytes())
    return len(files)


def main(argv: Sequence[str]) -> int:
    """Build the package and say where it is."""
    parser = argparse.ArgumentParser(prog="python -m local package")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    output: Path = parser.parse_args(argv).output
    count = build(output)
    print(f"{output}: {count} files, {output.stat().st_size / 1024:.0f} KiB")
    return 0
