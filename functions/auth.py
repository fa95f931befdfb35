"""Who is calling, and what they may do.

In Azure, App Service Authentication stands in front of the app and says who signed in by headers.
It strips such headers from outside only while it is on, so they are believed only when the
platform says so. On somebody's own machine everybody who talks to the loopback address is a
developer.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from urllib.parse import urlsplit

from shared.bootstrap import Environment

PRINCIPAL_HEADER = "x-ms-client-principal"
LONGEST_HEADER = 64 * 1024
LONGEST_NAME = 200

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_ROLE_TYPES = frozenset({"roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"})
_NAME_TYPES = (
    "preferred_username",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    "name",
    # A program that signed in by itself has no name, only the id of its app registration.
    "appid",
    "azp",
    "http://schemas.microsoft.com/identity/claims/objectidentifier",
    "oid",
)


class Role(IntEnum):
    """App roles; each may do what those before it may."""

    VIEWER = 1
    EDITOR = 2
    ADMIN = 3


_ROLES = {f"seatsync.{role.name.lower()}": role for role in Role}


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who signed in.

    Attributes:
        name: As history and approvals record it.
        role: The highest one; ``None`` for somebody without any.
    """

    name: str
    role: Role | None

    def may(self, needed: Role) -> bool:
        """Return whether the principal has this role or a higher one."""
        return self.role is not None and self.role >= needed


DEVELOPER = Principal("developer", Role.ADMIN)


def principal(headers: Mapping[str, str], environment: Environment) -> Principal | None:
    """Return who sent a request with these headers, or ``None`` when nobody signed in."""
    found = {name.lower(): value for name, value in headers.items()}
    if environment.auth_enabled:
        return _signed_in(found.get(PRINCIPAL_HEADER, ""))
    if environment.development and _is_local(found):
        return DEVELOPER
    return None


def comes_from_elsewhere(headers: Mapping[str, str]) -> bool:
    """Return whether a page of another site made the browser send this request.

    Browsers add the header by themselves and pages cannot change it; other clients don't send it.
    """
    found = {name.lower(): value for name, value in headers.items()}
    return found.get("sec-fetch-site", "").strip().lower() == "cross-site"


def _is_local(headers: Mapping[str, str]) -> bool:
    """Whether a program of this machine talks to us under a name that means this machine.

    A page of another site cannot: its browser says where it comes from, and a name of its own
    that it lets point at this machine is not a loopback name.
    """
    host = headers.get("host", "").strip().lower()
    if _host_name(f"//{host}") not in _LOOPBACK:
        return False
    origin = headers.get("origin")
    return origin is None or origin.strip().lower() in {f"http://{host}", f"https://{host}"}


def _host_name(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # refuses what is not a port
    except ValueError:
        return None
    # Whatever stands before an @ is a name to sign in with, and no browser sends one.
    return None if "@" in parts.netloc or parts.path else parts.hostname


def _signed_in(header: str) -> Principal | None:
    claims = _claims(header)
    if claims is None:
        return None
    typed, role_type, name_type = claims
    wanted_roles = _ROLE_TYPES | {role_type}
    roles = [
        role
        for kind, value in typed
        if kind in wanted_roles and (role := _ROLES.get(value.strip().lower())) is not None
    ]
    return Principal(_name(typed, name_type), max(roles, default=None))


def _name(typed: list[tuple[str, str]], name_type: str) -> str:
    first = dict(reversed(typed))
    for kind in (*_NAME_TYPES[:3], name_type, *_NAME_TYPES[3:]):
        name = "".join(c for c in first.get(kind, "") if c.isprintable()).strip()
        if name:
            return name[:LONGEST_NAME]
    return "somebody without a name"


def _claims(header: str) -> tuple[list[tuple[str, str]], str, str] | None:
    """Return type and value of each claim, and which types mean roles and the name."""
    if not header or len(header) > LONGEST_HEADER:
        return None
    try:
        # What is missing at the end is only padding.
        decoded = base64.b64decode(header + "=" * (-len(header) % 4), validate=True)
        document: Any = json.loads(decoded)
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("claims"), list):
        return None
    typed = [
        (claim["typ"], claim["val"])
        for claim in document["claims"]
        if isinstance(claim, dict)
        and isinstance(claim.get("typ"), str)
        and isinstance(claim.get("val"), str)
    ]
    role_type, name_type = (
        value if isinstance(value := document.get(kind), str) and value else default
        for kind, default in (("role_typ", "roles"), ("name_typ", "name"))
    )
    return typed, role_type, name_type
