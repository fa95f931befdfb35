"""``/static/…``: styles and scripts."""

from http import HTTPStatus

import azure.functions as func

from functions.endpoints import registered
from functions.pages.assets import served_at
from functions.pages.site import takes_gzip, told
from functions.responses import SECURITY_HEADERS
from shared.domain.errors import NotFoundError

blueprint = func.Blueprint()


def _file(request: func.HttpRequest) -> func.HttpResponse:
    found = served_at(f"/static/{request.route_params.get('file', '')}")
    if found is None:
        raise NotFoundError("there is no such file")
    headers = {
        **SECURITY_HEADERS,
        "Cache-Control": "public, max-age=31536000, immutable",
        "Content-Type": found.content_type,
        "Cross-Origin-Resource-Policy": "same-origin",
        "Vary": "Accept-Encoding",
    }
    body = found.content
    if takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        body = found.packed
    return func.HttpResponse(body, status_code=HTTPStatus.OK, headers=headers)


page_static_file = registered(
    blueprint,
    "GET",
    "static/{file}",
    "page_static_file",
    documentation="Return a style or a script to anybody; what an address holds never changes.",
    answer=_file,
    told=told,
)
