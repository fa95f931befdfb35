"""The chart: how long a quiet cycle takes beside the ideal and the baselines, as an SVG.

The scale is logarithmic: one at a time takes some hundred times as long as the ideal.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bench.psa import PsaFigures
from bench.rig import AT_ONCE

_WIDTH, _LEFT, _RIGHT, _TOP = 860, 190, 90, 64
_BAR, _GAP, _BETWEEN = 18, 4, 20
_COLOURS = {"ideal": "#94a3b8", "Seatsync": "#2563eb"}
_OTHER = "#d97706"
_MARGIN = 1.5


@dataclass(frozen=True, slots=True)
class _Bar:
    label: str
    seconds: float


def chart(psas: Sequence[PsaFigures]) -> str:
    """Return the SVG."""
    groups = [(one.title, _bars(one)) for one in psas]
    seconds = [bar.seconds for _, bars in groups for bar in bars]
    low = 10 ** math.floor(math.log10(min(seconds)))
    scale = (_WIDTH - _LEFT - _RIGHT) / math.log10(max(seconds) * _MARGIN / low)
    tenants = psas[0].largest
    title = f"Seconds of a quiet cycle over {tenants:,} tenants with 8 licences each"
    drawn: list[str] = []
    y = _TOP
    for name, bars in groups:
        drawn.append(_text(12, y + _BAR - 4, name, weight="bold"))
        for bar in bars:
            width = max(1.0, math.log10(bar.seconds / low) * scale)
            colour = _COLOURS.get(bar.label, _OTHER)
            drawn += [
                _text(_LEFT - 8, y + _BAR - 5, bar.label, anchor="end"),
                f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>',
                _text(_LEFT + width + 6, y + _BAR - 5, f"{bar.seconds:,.1f} s"),
            ]
            y += _BAR + _GAP
        y += _BETWEEN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" '
            f'font-family="system-ui, sans-serif" font-size="12" role="img">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{_WIDTH}" height="{y}" fill="#ffffff"/>',
            _text(12, 26, title, weight="bold"),
            _text(12, 44, f"Logarithmic scale; {AT_ONCE} tenants at once. Shorter is better."),
            *drawn,
            "</svg>",
            "",
        ]
    )


def _bars(found: PsaFigures) -> list[_Bar]:
    tenants = found.largest
    quiet = found.cycles[tenants].quiet
    bars = [
        _Bar("ideal", found.floor(tenants, quiet).seconds(AT_ONCE)),
        _Bar("Seatsync", quiet.wall_seconds),
    ]
    if found.together is not None:
        label = f"licence by licence × {found.together.at_once}"
        bars.append(_Bar(label, found.together.seconds_for(tenants)))
    if found.one_at_a_time is not None:
        bars.append(_Bar("licence by licence", found.one_at_a_time.seconds_for(tenants)))
    return bars


def _text(x: float, y: float, words: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" '
        f'fill="#0f172a">{escape(words)}</text>'
    )
