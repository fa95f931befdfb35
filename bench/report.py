"""What is kept of a benchmark: figures as JSON, docs/bench.md with its chart, and a history."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.chart import chart
from bench.psa import PsaFigures
from bench.rows import Row, as_markdown
from local.stack import ROOT

PAGE = ROOT / "docs" / "bench.md"
CHART = ROOT / "docs" / "images" / "bench.svg"
HISTORY = ROOT / "docs" / "bench-history.md"
_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured."""

    at: str
    processors: int
    processor: str
    memory_gb: float | None
    system: str
    python: str
    commit: str

    def in_words(self) -> str:
        """Return it as a sentence's beginning."""
        memory = "" if self.memory_gb is None else f", {self.memory_gb:.0f} GB"
        return (
            f"{self.at[:10]}, {self.processors} × {self.processor}{memory}, {self.system}, "
            f"Python {self.python}, commit {self.commit}"
        )


def this_machine() -> Machine:
    """Return what this machine is."""
    return Machine(
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        processors=os.cpu_count() or 1,
        processor=_processor(),
        memory_gb=_memory_gb(),
        system=platform.system(),
        python=platform.python_version(),
        commit=_commit(),
    )


def as_json(machine: Machine, rows: Sequence[Row], figures: Mapping[str, Any]) -> str:
    """Return everything that was measured."""
    whole = {"machine": machine, "rows": list(rows), **figures}
    return json.dumps(whole, indent=2, default=_plain)


def write_docs(machine: Machine, rows: Sequence[Row], psas: Sequence[PsaFigures]) -> None:
    """Write the figures into the page, the chart beside it, and a line into the history."""
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    measured = f"{_BEGIN}\n\nMeasured on {machine.in_words()}.\n{as_markdown(rows)}\n\n{_END}"
    PAGE.write_text(before + measured + after, "utf-8")
    if not psas:
        return
    CHART.parent.mkdir(parents=True, exist_ok=True)
    CHART.write_text(chart(psas), "utf-8")
    history = HISTORY.read_text("utf-8")
    lines = [_line(machine, one) for one in psas]
    HISTORY.write_text(history.rstrip() + "\n" + "\n".join(lines) + "\n", "utf-8")


def _line(machine: Machine, found: PsaFigures) -> str:
    cycles = found.cycles[found.largest]
    quiet, changed = cycles.quiet, cycles.changed
    cells = [
        machine.at[:10],
        machine.commit,
        f"{machine.processors} × {machine.processor}",
        found.title,
        f"{found.largest:,}",
        f"{quiet.wall_seconds:.1f}",
        f"{changed.wall_seconds:.1f}",
        _number(quiet.host_cpu_seconds),
        f"{quiet.storage.total / found.largest:.1f}",
        _number(None if quiet.peak_bytes is None else quiet.peak_bytes / 1e6, 0),
        f"{quiet.calls:,}",
        f"{changed.calls:,}",
    ]
    return f"| {' | '.join(cells)} |"


def _number(value: float | None, digits: int = 1) -> str:
    return "?" if value is None else f"{value:.{digits}f}"


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in fields(value)}
    raise TypeError(type(value).__name__)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_gb() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (ValueError, OSError):
        return None


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - whichever git the developer has
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
