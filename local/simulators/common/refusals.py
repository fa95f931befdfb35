"""How a PSA's own rules say no."""

from __future__ import annotations

from http import HTTPStatus


class RefusedError(Exception):
    """The PSA's own rules say no.

    Attributes:
        reason: In the PSA's words.
        status: How the API answers it.
    """

    def __init__(self, reason: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status

    @property
    def told_as(self) -> int:
        """How a control call answers it."""
        return HTTPStatus.CONFLICT

    @property
    def told(self) -> str:
        """What a person is told who tried it by hand."""
        return str(self)
