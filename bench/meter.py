"""What a process has used: processor time and memory, as Linux tells it."""

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS_A_SECOND = 100  # USER_HZ, whatever the kernel's own clock
_USER, _SYSTEM = 13, 14
_FORGET_PEAK = "5"


@dataclass(frozen=True, slots=True)
class Process:
    """A process by its id. Elsewhere than on Linux everything is ``None``."""

    pid: int

    def cpu_seconds(self) -> float | None:
        """Return the processor time it has used, user and system together."""
        text = _read(_PROC / str(self.pid) / "stat")
        if text is None:
            return None
        # The name stands in brackets and may hold spaces.
        parts = ("x " + text.rpartition(")")[2]).split()
        user, system = (int(parts[number - 1]) for number in (_USER, _SYSTEM))
        return (user + system) / _TICKS_A_SECOND

    def forget_peak(self) -> None:
        """Let the peak of memory begin at what it holds now."""
        try:
            (_PROC / str(self.pid) / "clear_refs").write_text(_FORGET_PEAK, "ascii")
        except OSError:
            return  # the peak since its start is told then

    def peak_bytes(self) -> int | None:
        """Return the most memory it held, pages in RAM, since the peak was forgotten."""
        text = _read(_PROC / str(self.pid) / "status")
        for line in (text or "").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return None


def own_process() -> Process:
    """Return this process."""
    return Process(os.getpid())


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return None
