"""A digest as plain text and as HTML."""

from collections.abc import Iterator
from html import escape

from shared.domain.digests import Digest, DigestSection

WHERE = "All alerts, and how to dismiss one"


def plain(digest: Digest) -> str:
    """Return the digest as text, one alert a line."""
    return "\n".join(_lines(digest))


def html(digest: Digest) -> str:
    """Return the digest as a page; whatever the alerts hold is text in it."""
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>{escape(digest.subject)}</title></head>",
            '<body style="font-family:sans-serif;line-height:1.4">',
            f"<h1 style='font-size:1.2em'>{escape(digest.subject)}</h1>",
            *(_section(one) for one in digest.sections),
            _link(digest),
            "</body></html>",
        ]
    )


def more(section: DigestSection) -> str:
    """Return the words for what a section leaves out; empty when it is complete."""
    return f"and {section.more} more" if section.more else ""


def _lines(digest: Digest) -> Iterator[str]:
    for section in digest.sections:
        yield section.title
        for line in section.lines:
            yield f"- {line}"
        if section.more:
            yield f"- {more(section)}"
        yield ""
    if digest.link:
        yield f"{WHERE}: {digest.link}"


def _section(section: DigestSection) -> str:
    lines = [*section.lines, *([more(section)] if section.more else [])]
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h2 style='font-size:1em'>{escape(section.title)}</h2><ul>{items}</ul>"


def _link(digest: Digest) -> str:
    if not digest.link:
        return ""
    return f'<p><a href="{escape(digest.link)}">{WHERE}</a></p>'
