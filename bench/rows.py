"""What was wanted, what was measured, and whether that is enough."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

_NAMES = {True: "yes", False: "NO", None: ""}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the benchmark.

    Attributes:
        part: Of the benchmark.
        wanted: In words; empty where a figure is only told.
        met: ``None`` where nothing is wanted, or it could not be measured.
    """

    part: str
    what: str
    measured: str
    wanted: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        """Yes or NO, or nothing."""
        return _NAMES[self.met]

    def figures(self) -> dict[str, object]:
        """What is kept of it."""
        return asdict(self)


def told(part: str, what: str, measured: str) -> Row:
    """Return a row of which nothing is wanted."""
    return Row(part, what, measured)


def at_most(
    part: str, what: str, value: float | None, most: float, unit: str = "", *, more: str = ""
) -> Row:
    """Return a row of a figure that may be so large."""
    wanted = f"≤ {_figure(most)}{unit}"
    if value is None:
        return Row(part, what, "not measured", wanted)
    return Row(part, what, f"{_figure(value)}{unit}{more}", wanted, value <= most)


def at_least(
    part: str, what: str, value: float | None, least: float, unit: str = "", *, more: str = ""
) -> Row:
    """Return a row of a figure that has to be so large."""
    wanted = f"≥ {_figure(least)}{unit}"
    if value is None:
        return Row(part, what, "not measured", wanted)
    return Row(part, what, f"{_figure(value)}{unit}{more}", wanted, value >= least)


def as_text(rows: Sequence[Row]) -> str:
    """Return rows as lines for a terminal."""
    name = max((len(row.what) for row in rows), default=0)
    # Figures that are only told may be long, and nothing stands beside them.
    value = max((len(row.measured) for row in rows if row.wanted), default=0)
    lines = []
    part = ""
    for row in rows:
        if row.part != part:
            part = row.part
            lines += ["", part]
        line = f"  {row.what:{name}}  {row.measured:{value}}  {row.wanted:8}  {row.verdict}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def as_markdown(rows: Sequence[Row]) -> str:
    """Return rows as a table for each part."""
    lines = []
    part = ""
    for row in rows:
        if row.part != part:
            part = row.part
            lines += ["", f"### {part}", "", "| | Measured | Wanted | |", "|---|---|---|---|"]
        lines.append(f"| {row.what} | {row.measured} | {row.wanted} | {row.verdict} |")
    return "\n".join(lines)


def _figure(value: float) -> str:
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"  # noqa: PLR2004 - three digits say enough
