"""Identifiers: one type for each thing, and the forms that are accepted from outside."""

import hashlib
import re
from typing import NewType

from shared.domain.errors import InvalidInputError

TenantId = NewType("TenantId", str)  # Entra directory, a lower-case GUID
CustomerId = NewType("CustomerId", str)  # ours
RowId = NewType("RowId", str)  # sku-<guid> | sub-<subscription id> | custom-<id>
SkuId = NewType("SkuId", str)  # lower-case GUID
SubscriptionId = NewType("SubscriptionId", str)  # directory subscription id, lower-case GUID
CustomLicenseId = NewType("CustomLicenseId", str)  # ours, lower-case letters and digits
ProfileId = NewType("ProfileId", str)  # ours
CompanyId = NewType("CompanyId", str)  # the PSA's
AgreementId = NewType("AgreementId", str)  # the PSA's
LineId = NewType("LineId", str)  # the PSA's
ProductId = NewType("ProductId", str)  # the PSA's
GroupId = NewType("GroupId", str)  # ours, of a line group
RunId = NewType("RunId", str)  # ours, sorts newest first
ConnectionName = NewType("ConnectionName", str)  # from the settings

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KEY = re.compile(r"-?[A-Za-z0-9][A-Za-z0-9_.-]{0,98}")  # HaloPSA counts some of its ids downwards
_ROW = re.compile(rf"(?:sku|sub)-{_GUID.pattern}|custom-[a-z0-9]{{1,40}}")


def guid(text: str, field: str) -> str:
    """Return the GUID in lower case.

    Raises:
        InvalidInputError: The text is not a GUID.
    """
    lowered = text.strip().lower()
    if not _GUID.fullmatch(lowered):
        raise InvalidInputError({field: "must be a GUID"})
    return lowered


def is_guid(text: str) -> bool:
    """Return whether the text is a GUID in lower case."""
    return _GUID.fullmatch(text) is not None


def key(text: str, field: str) -> str:
    """Return the text if it can be part of a storage key and of an address.

    Letters, digits, ``_``, ``.`` and ``-``; at most 99 characters and a minus before them; no
    ``..``.

    Raises:
        InvalidInputError: It cannot.
    """
    if not _KEY.fullmatch(text) or ".." in text:
        raise InvalidInputError(
            {field: "must be 1 to 100 letters, digits, '_', '.' or '-', without '..'"}
        )
    return text


def row_id(text: str, field: str = "row_id") -> RowId:
    """Return the row id in lower case.

    Raises:
        InvalidInputError: It is not ``sku-<guid>``, ``sub-<guid>`` or ``custom-<id>``.
    """
    lowered = text.lower()
    if not _ROW.fullmatch(lowered):
        raise InvalidInputError({field: "must be sku-<guid>, sub-<guid> or custom-<id>"})
    return RowId(lowered)


def sku_row(sku_id: SkuId) -> RowId:
    """Return the id of the merged row of a SKU."""
    return RowId(f"sku-{sku_id}")


def subscription_row(subscription_id: SubscriptionId) -> RowId:
    """Return the id of the split row of a subscription."""
    return RowId(f"sub-{subscription_id}")


def custom_row(license_id: CustomLicenseId) -> RowId:
    """Return the id of the row of a custom licence."""
    return RowId(f"custom-{license_id}")


def is_custom(row_id: RowId) -> bool:
    """Return whether the row is a custom licence's."""
    return row_id.startswith("custom-")


def digest(*parts: str, length: int = 16) -> str:
    """Return a short stable name for the parts, in hexadecimal digits."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:length]
