"""The access tokens in circulation: opaque, bound to a tenant and an audience, short-lived."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a bearer may do: ``permissions`` are application roles or delegated scopes."""

    tenant_id: str
    client_id: str
    audience: str  # a resource's host, such as graph.microsoft.com
    permissions: frozenset[str]
    expires_at: datetime


class TokenStore:
    """The tokens in circulation."""

    def __init__(self) -> None:
        self._tokens: dict[str, AccessToken] = {}

    def issue(self, token: AccessToken) -> str:
        """Return the opaque text that stands for the token."""
        text = f"sim.{secrets.token_urlsafe(32)}"
        self._tokens[text] = token
        return text

    def find(self, text: str) -> AccessToken | None:
        return self._tokens.get(text)

    def forget_expired(self, now: datetime) -> None:
        """Drop tokens a day past their expiry; until then they are refused as expired."""
        gone = [
            text
            for text, token in self._tokens.items()
            if (now - token.expires_at).total_seconds() > _KEPT_SECONDS
        ]
        for text in gone:
            del self._tokens[text]

    def revoke_all(self) -> None:
        self._tokens.clear()


_KEPT_SECONDS = 86_400
