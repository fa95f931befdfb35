"""The hand pages: templates with autoescape, plain forms, one style for all simulators."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

_COMMON = Path(__file__).parent / "templates"


def page(templates: Path, name: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """Return a page from a vendor's template folder; its templates may extend ``base.html``."""
    return HTMLResponse(_environment(templates).get_template(name).render(**values), status)


async def posted(request: Request) -> dict[str, str]:
    """Return the fields of a posted form.

    Raises PermissionError when another site's page posted it: a simulator has no sign-in that
    would otherwise keep a stranger's form out.
    """
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        message = "the form came from another site"
        raise PermissionError(message)
    body = await request.body()
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def back_to(path: str) -> Response:
    """Return the redirect that follows a posted form."""
    return RedirectResponse(path, status_code=303)


@cache
def _environment(templates: Path) -> Environment:
    return Environment(
        loader=FileSystemLoader([templates, _COMMON]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
