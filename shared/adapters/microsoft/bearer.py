"""Calls with a tenant's token, and once more with a new one when the first was refused."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TypeVar

from shared.adapters.microsoft.auth import TenantTokens
from shared.domain.errors import OperatorActionError
from shared.domain.ids import TenantId

T = TypeVar("T")
Bearer = Mapping[str, str]


class DeniedError(OperatorActionError):
    """A service answered 401 or 403; becomes an ``AccessDeniedError`` once the tenant is known.

    Attributes:
        permission: What the token may lack.
    """

    def __init__(self, message: str, status: int, permission: str) -> None:
        self.status = status
        self.permission = permission
        super().__init__(message)


def with_token(tokens: TenantTokens, tenant_id: TenantId, work: Callable[[Bearer], T]) -> T:
    """Return what the work returns with the tenant's token, or with a new one after a 401.

    Raises:
        DeniedError: The service refuses a new token too, or the token lacks a permission.
    """
    try:
        return work(_bearer(tokens.token(tenant_id)))
    except DeniedError as denied:
        if denied.status != HTTPStatus.UNAUTHORIZED:
            # A token knows what was granted when it was made: after a grant, only a new one helps.
            tokens.forget(tenant_id)
            raise
    try:
        return work(_bearer(tokens.renewed(tenant_id)))
    except DeniedError:
        tokens.forget(tenant_id)
        raise


def _bearer(token: str) -> Bearer:
    return {"Authorization": f"Bearer {token}"}
