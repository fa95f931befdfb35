"""Copies what the pages are made of from node_modules: ``python -m local.assets``.

The copies are kept with the sources, so that a deployment needs no Node; a test compares them.
"""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "functions" / "pages" / "static" / "vendor"
SOURCES = {
    "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "uplot.min.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.min.css": "uplot/dist/uPlot.min.css",
}


def main() -> None:
    """Copy each file."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name, source in SOURCES.items():
        shutil.copyfile(ROOT / "node_modules" / source, VENDOR / name)
        print(f"{name}: {(VENDOR / name).stat().st_size} bytes")


if __name__ == "__main__":
    main()
