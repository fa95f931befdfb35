"""What every page has in common: who may see it, forms that are ours, errors for people.

    blueprint = func.Blueprint()


    @page(blueprint, "GET", "runs", role=Role.VIEWER)
    def page_runs(visit: Visit) -> func.HttpResponse:
        return visit.show("runs.html", runs=…)

The rules of names and routes are those of ``functions.endpoints``; page functions begin with
``page_``. A request that htmx makes for a part of a page is answered with that part.
"""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, urlencode

import azure.functions as func

from functions.auth import Principal, Role, principal
from functions.endpoints import READS, SignedRequest, Trigger, allowed, log_unexpected, registered
from functions.pages.forms import (
    TOKEN_FIELD,
    TOKEN_HEADER,
    Form,
    Seal,
    form_of,
    seal_for,
    set_cookie,
)
from functions.pages.rendering import render
from functions.responses import NOT_SIGNED_IN, SECURITY_HEADERS, detail_of, kind_of
from shared import bootstrap
from shared.domain.errors import InvalidInputError, SeatsyncError

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # the arrows and ticks in Tabler's styles
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

PAGE_HEADERS = {
    **SECURITY_HEADERS,
    # A page's own address may tell it where a form came from; other sites learn nothing.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

SAID = "said"
"""In the query: what the last page has to say, sealed."""
SMALLEST_PACKED = 1024


@dataclass(frozen=True, slots=True)
class Visit(SignedRequest):
    """A request of somebody who may make it, from a browser."""

    seal: Seal
    development: bool

    def query(self, name: str) -> str | None:
        """Return a value of the address's query; an empty one counts as absent."""
        return str(self.request.params.get(name, "")) or None

    @property
    def form(self) -> Form:
        """What the page sent; see ``forms.form_of``."""
        return form_of(self.request)

    @property
    def for_part(self) -> str:
        """The id of the element that htmx will put the answer into; empty for a whole page."""
        if self.request.headers.get("hx-request") != "true":
            return ""
        return str(self.request.headers.get("hx-target", "")) or "body"

    @property
    def in_drawer(self) -> bool:
        """Whether the answer goes into the drawer of the page that is open."""
        return self.for_part == "drawer-body"

    def may(self, role: str) -> bool:
        """Return whether a button that needs ``viewer``, ``editor`` or ``admin`` is shown."""
        return self.principal.may(Role[role.upper()])

    def show(
        self,
        template: str,
        *,
        status: HTTPStatus = HTTPStatus.OK,
        into: str = "",
        event: str = "",
        **context: object,
    ) -> func.HttpResponse:
        """Return a page, or a part of one.

        Args:
            into: The id of an element that the part replaces, in place of what htmx asked for.
            event: What htmx tells the page's script once the part is in its place.
        """
        found = {
            "principal": self.principal,
            "may": self.may,
            "form_token": self.seal.token(),
            "token_field": TOKEN_FIELD,
            "said": self.seal.said(self.query(SAID) or ""),
            "here": self._here,
            "layout": "drawer.html" if self.in_drawer else "base.html",
            "in_drawer": self.in_drawer,
            **context,
        }
        headers = {"HX-Trigger-After-Settle": event} if event else {}
        if into and into != self.for_part:
            headers |= {"HX-Retarget": f"#{into}", "HX-Reswap": "outerHTML"}
        if self.seal.fresh:
            headers["Set-Cookie"] = set_cookie(self.seal, development=self.development)
        return html(self.request, render(template, found), status, headers)

    def go(self, address: str, said: str = "") -> func.HttpResponse:
        """Return a redirection after something was done, and what the next page says of it.

        Args:
            address: Of ours, made by ``link``.
        """
        before, hash_sign, fragment = address.partition("#")
        if said:
            joint = "&" if "?" in before else "?"
            before += joint + urlencode({SAID: self.seal.say(said)})
        target = before + hash_sign + fragment
        headers = {**PAGE_HEADERS}
        if self.for_part:
            headers["HX-Redirect"] = target
            return func.HttpResponse(status_code=HTTPStatus.NO_CONTENT, headers=headers)
        headers["Location"] = target
        return func.HttpResponse(status_code=HTTPStatus.SEE_OTHER, headers=headers)

    @property
    def _here(self) -> str:
        """The first part of the address, by which the header marks where one is."""
        path = str(self.request.url).partition("://")[2].partition("/")[2]
        return "/" + path.partition("?")[0].partition("/")[0]


PageHandler = Callable[[Visit], func.HttpResponse]


def link(*parts: str, **query: str) -> str:
    """Return an address of a page, safe whatever the parts hold; empty values are left out."""
    address = "/" + "/".join(quote(part, safe="") for part in parts)
    given = {name: value for name, value in query.items() if value}
    return f"{address}?{urlencode(given)}" if given else address


def status_of(error: Exception | None) -> HTTPStatus:
    """Return the status of a form that is shown, again where there is an error."""
    return HTTPStatus.OK if error is None else kind_of(error).status


def page(
    blueprint: func.Blueprint, method: str, route: str, *, role: Role
) -> Callable[[PageHandler], Trigger]:
    """Register a handler for signed-in people who have the role; a POST is a form of ours."""

    def register(handler: PageHandler) -> Trigger:
        def answer(request: func.HttpRequest) -> func.HttpResponse:
            caller = allowed(request, role)
            development = bootstrap.environment().development
            seal = seal_for(request, caller.name, development=development)
            if request.method.upper() not in READS:
                header = str(request.headers.get(TOKEN_HEADER, ""))
                seal.check(header or form_of(request).get(TOKEN_FIELD))
            return handler(Visit(request, caller, seal, development))

        return registered(
            blueprint,
            method,
            route,
            handler.__name__,
            documentation=handler.__doc__ or "",
            answer=answer,
            told=told,
        )

    return register


def html(
    request: func.HttpRequest, text: str, status: HTTPStatus, headers: dict[str, str]
) -> func.HttpResponse:
    """Return HTML with everything a page's answer carries, compressed where that is understood."""
    body = text.encode()
    found = {**PAGE_HEADERS, "Vary": "Accept-Encoding, HX-Request, HX-Target", **headers}
    if len(body) >= SMALLEST_PACKED and takes_gzip(request):
        body = gzip.compress(body, compresslevel=5, mtime=0)
        found["Content-Encoding"] = "gzip"
    return func.HttpResponse(
        body, status_code=status, headers=found, mimetype="text/html", charset="utf-8"
    )


def takes_gzip(request: func.HttpRequest) -> bool:
    """Return whether the browser understands gzip."""
    accepted = str(request.headers.get("accept-encoding", "")).lower().split(",")
    return any(
        one.strip().partition(";")[0] == "gzip" and not one.replace(" ", "").endswith(";q=0")
        for one in accepted
    )


def told(error: Exception, request: func.HttpRequest, name: str) -> func.HttpResponse:
    """Return an error as a page, or as a note on the page that is open."""
    log_unexpected(error, name)
    kind = kind_of(error)
    caller = _caller(request)
    context: dict[str, object] = {
        "title": kind.title,
        "detail": detail_of(error),
        "errors": error.errors if isinstance(error, InvalidInputError) else {},
        "status": int(kind.status),
        "principal": caller,
        "may": lambda role: caller is not None and caller.may(Role[role.upper()]),
        "said": "",
        "here": "",
        "form_token": "",
        "token_field": TOKEN_FIELD,
        "layout": "base.html",
        "in_drawer": False,
    }
    if request.headers.get("hx-request") == "true":
        headers = {"HX-Retarget": "#toasts", "HX-Reswap": "beforeend"}
        return html(request, render("problem_note.html", context), kind.status, headers)
    found = html(request, render("error.html", context), kind.status, {})
    if kind is NOT_SIGNED_IN:
        found.headers["WWW-Authenticate"] = "Bearer"
    return found


def _caller(request: func.HttpRequest) -> Principal | None:
    try:
        return principal(request.headers, bootstrap.environment())
    except SeatsyncError:
        return None  # the settings are wrong, which is what the page will say
