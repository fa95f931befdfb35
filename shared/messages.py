"""Queue messages as JSON. What comes from a queue is checked before anything is done with it."""

from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from shared.domain.agreements import Agreement
from shared.domain.descriptions import LineText
from shared.domain.errors import BadMessageError, SeatsyncError
from shared.domain.foreign_lines import LineEnding
from shared.domain.ids import (
    AgreementId,
    ConnectionName,
    CustomerId,
    GroupId,
    RowId,
    RunId,
    TenantId,
)
from shared.ports import LicenseSync, TenantSync

_Model = TypeVar("_Model", bound=BaseModel)

_NOT_OURS = "not a message of this queue"


class TenantSyncMessage(BaseModel):
    """A ``TenantSync`` in the queue ``tenant-sync``."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    version: Literal[1]
    run_id: RunId
    tenant_id: TenantId
    microsoft: ConnectionName
    customer_ids: tuple[CustomerId, ...]
    row_id: RowId | None = None
    agreements: tuple[Agreement, ...] = ()
    attempt: PositiveInt = 1
    urgent: bool = False
    traceparent: str | None = None


class LicenseSyncMessage(BaseModel):
    """A ``LicenseSync`` in the queue ``license-sync``."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    version: Literal[1]
    run_id: RunId
    customer_id: CustomerId
    group_id: GroupId
    agreement_id: AgreementId
    agreement: Agreement | None = None
    text: LineText | None = None
    approval_id: str | None = None
    undo_of: str | None = None
    ending: LineEnding | None = None
    attempt: PositiveInt = 1
    urgent: bool = False
    traceparent: str | None = None


def encode(message: TenantSync | LicenseSync) -> str:
    """Return the message as JSON."""
    if isinstance(message, TenantSync):
        return TenantSyncMessage(
            version=1,
            run_id=message.run_id,
            tenant_id=message.tenant_id,
            microsoft=message.microsoft,
            customer_ids=message.customer_ids,
            row_id=message.row_id,
            agreements=message.agreements,
            attempt=message.attempt,
            urgent=message.urgent,
            traceparent=message.traceparent,
        ).model_dump_json()
    return LicenseSyncMessage(
        version=1,
        run_id=message.run_id,
        customer_id=message.customer_id,
        group_id=message.group_id,
        agreement_id=message.agreement_id,
        agreement=message.agreement,
        text=message.text,
        approval_id=message.approval_id,
        undo_of=message.undo_of,
        ending=message.ending,
        attempt=message.attempt,
        urgent=message.urgent,
        traceparent=message.traceparent,
    ).model_dump_json()


def decode_tenant(body: str | bytes) -> TenantSync:
    """Return the message of the queue ``tenant-sync``.

    Raises:
        BadMessageError: It is not one; the reason names the fields and quotes nothing.
    """
    message = _read(TenantSyncMessage, body)
    if any(one.read_at.tzinfo is None for one in message.agreements):
        raise BadMessageError(f"{_NOT_OURS}: agreements.read_at: without a time zone")
    return TenantSync(
        run_id=message.run_id,
        tenant_id=message.tenant_id,
        microsoft=message.microsoft,
        customer_ids=message.customer_ids,
        row_id=message.row_id,
        agreements=message.agreements,
        attempt=message.attempt,
        urgent=message.urgent,
        traceparent=message.traceparent,
    )


def decode_license(body: str | bytes) -> LicenseSync:
    """Return the message of the queue ``license-sync``.

    Raises:
        BadMessageError: It is not one; the reason names the fields and quotes nothing.
    """
    message = _read(LicenseSyncMessage, body)
    if message.agreement is not None and message.agreement.read_at.tzinfo is None:
        raise BadMessageError(f"{_NOT_OURS}: agreement.read_at: without a time zone")
    return LicenseSync(
        run_id=message.run_id,
        customer_id=message.customer_id,
        group_id=message.group_id,
        agreement_id=message.agreement_id,
        agreement=message.agreement,
        text=message.text,
        approval_id=message.approval_id,
        undo_of=message.undo_of,
        ending=message.ending,
        attempt=message.attempt,
        urgent=message.urgent,
        traceparent=message.traceparent,
    )


def decode_urgent(body: str | bytes) -> TenantSync | LicenseSync:
    """Return the message of the queue ``sync-now``, which holds both kinds.

    Raises:
        BadMessageError: It is neither; the reason names the fields and quotes nothing.
    """
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    return decode_license(body) if '"group_id"' in text else decode_tenant(body)


def _read(model: type[_Model], body: str | bytes) -> _Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        reasons = sorted({_reason(problem["loc"], problem["type"]) for problem in problems})
    except SeatsyncError:
        # The domain's own checks; their words may hold values of the body.
        reasons = ["agreement: contradicts itself"]
    # Outside the handlers, so that no cause carries the body into logs.
    raise BadMessageError(f"{_NOT_OURS}: {'; '.join(reasons)}")


def _reason(location: tuple[int | str, ...], problem: str) -> str:
    if problem in {"extra_forbidden", "unexpected_keyword_argument"}:
        # The unknown name is a part of the body too.
        location = (*location[:-1], "(unknown field)")
    return f"{'.'.join(str(part) for part in location) or 'body'}: {problem.replace('_', ' ')}"
