"""Forms: what a page sent, and the proof that it was one of ours that sent it.

Each browser gets a random secret in a cookie that no script and no other site can read. Each form
carries a token made from that secret and from who is signed in, fresh on every page. Another site
can make the browser send the cookie at most; it cannot make the token.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qsl

import azure.functions as func

from functions.bodies import LARGEST_BODY
from functions.endpoints import content_type
from functions.responses import NOT_FORM_TYPE, TOO_LARGE, UNPROVEN_FORM, HttpError
from shared.domain.errors import InvalidInputError

TOKEN_FIELD = "form_token"  # noqa: S105 - a field's name
TOKEN_HEADER = "x-form-token"  # noqa: S105 - a header's name
MOST_FIELDS = 5000
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, as text."""

    fields: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str:
        """Return a field without the blanks around it; empty when it was not sent."""
        return next((value.strip() for key, value in self.fields if key == name), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Return all values of a field, such as of ticked boxes."""
        return tuple(value for key, value in self.fields if key == name)

    def ticked(self, name: str) -> bool:
        """Return whether a box was ticked."""
        return any(key == name for key, _ in self.fields)

    def whole(self, name: str) -> int | str:
        """Return a whole number; an empty field counts as 0, and anything else stays text."""
        text = self.get(name)
        return int(text) if re.fullmatch(r"-?\d{1,9}", text, re.ASCII) else text or 0


def form_of(request: func.HttpRequest) -> Form:
    """Return what a page sent.

    Raises:
        HttpError: It is too large, or no form.
        InvalidInputError: It is not UTF-8, or has too many fields.
    """
    body = request.get_body()
    if len(body) > LARGEST_BODY:
        raise HttpError(TOO_LARGE, f"at most {LARGEST_BODY} bytes are read")
    if body and content_type(request) != "application/x-www-form-urlencoded":
        raise HttpError(NOT_FORM_TYPE, "send application/x-www-form-urlencoded")
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise InvalidInputError({"form": "cannot be read"}) from None
    # Browsers send line ends of text as CR LF.
    return Form(tuple((key, value.replace("\r\n", "\n")) for key, value in fields))


@dataclass(frozen=True, slots=True)
class Seal:
    """Makes and checks what only we can have said to this browser and this person.

    Attributes:
        secret: The browser's.
        fresh: The browser has to be given it yet.
        name: Who is signed in.
    """

    secret: str
    fresh: bool
    name: str

    def token(self) -> str:
        """Return a token for forms; each differs, so that compressed pages tell nothing of it."""
        nonce = secrets.token_urlsafe(12)
        return f"{nonce}.{self._mac('form', nonce)}"

    def check(self, token: str) -> None:
        """Return if the token is one of ours.

        Raises:
            HttpError: It is not.
        """
        nonce, _, mac = token.partition(".")
        if self.fresh or not hmac.compare_digest(
            mac.encode("utf-8", "replace"), self._mac("form", nonce).encode()
        ):
            raise HttpError(
                UNPROVEN_FORM,
                "this page was open for too long, or somebody else has signed in since; load it "
                "again and repeat what you did",
            )

    def say(self, text: str) -> str:
        """Return a text for the next page's address; only we can make one."""
        packed = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        return f"{packed}.{self._mac('say', packed)}"

    def said(self, sealed: str) -> str:
        """Return the text, or nothing when it is none of ours."""
        packed, _, mac = sealed.partition(".")
        good = self._mac("say", packed)
        if not hmac.compare_digest(mac.encode("utf-8", "replace"), good.encode()):
            return ""
        try:
            return base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
        except (binascii.Error, ValueError):
            return ""

    def _mac(self, purpose: str, text: str) -> str:
        message = "\x1f".join((purpose, self.name, text)).encode("utf-8", "replace")
        return hmac.new(self.secret.encode(), message, hashlib.sha256).hexdigest()


def cookie_name(*, development: bool) -> str:
    """Return the cookie's name; on somebody's own machine there is no https for the safer one."""
    return "seatsync-form" if development else "__Host-seatsync-form"


def seal_for(request: func.HttpRequest, name: str, *, development: bool) -> Seal:
    """Return the seal of the browser that sent a request; a new one if it has none."""
    wanted = cookie_name(development=development)
    for part in str(request.headers.get("cookie", "")).split(";"):
        key, _, value = part.strip().partition("=")
        if key == wanted and _SECRET.fullmatch(value):
            return Seal(value, fresh=False, name=name)
    return Seal(secrets.token_urlsafe(32), fresh=True, name=name)


def set_cookie(seal: Seal, *, development: bool) -> str:
    """Return the header that gives the browser its secret."""
    secure = "" if development else "; Secure"
    name = cookie_name(development=development)
    return f"{name}={seal.secret}; Path=/; HttpOnly; SameSite=Strict{secure}"
