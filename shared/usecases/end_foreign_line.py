"""End one foreign line, as exactly once as any other write: lease, intent, write, history."""

from shared.domain.agreements import EndLine, in_words
from shared.domain.customers import Customer
from shared.domain.errors import BadMessageError
from shared.domain.foreign_lines import LineEnding, not_as_shown
from shared.domain.history import Change
from shared.domain.intents import Intent, has_landed
from shared.domain.ledger import Ledger
from shared.domain.runs import ItemState
from shared.ports import Lease, LicenseSync, Services
from shared.usecases.write_operations import OperationWriter


def end_foreign_line(
    message: LicenseSync, ending: LineEnding, customer: Customer, lease: Lease, services: Services
) -> tuple[ItemState, str]:
    """End the line if it still is what a person saw, and return how that went, in words.

    Raises: as ``OperationWriter.write``, and what reading the PSA raises.
    """
    psa = services.connections.psa(customer.psa)
    gateway = psa.gateway
    header = gateway.get_agreement(message.agreement_id)
    if header.company_id != customer.company_id:
        raise BadMessageError(
            f"agreement {header.agreement_id} belongs to another company than the customer"
        )
    lines = gateway.list_lines(message.agreement_id)
    writer = OperationWriter(message, psa, services)
    finished = False
    intent = services.intents.get(message.customer_id, message.group_id)
    if intent is not None:
        finished = all(has_landed(operation, lines) for operation in intent.value.operations)
        if finished:
            writer.finish(intent)
        else:
            services.intents.close(intent)
    line = next((one for one in lines if one.line_id == ending.line_id), None)
    if line is not None and line.marker == ending.marker and line.ends == ending.last_day:
        text = f"line {line.line_id} ends on {line.ends}"
        return (ItemState.CHANGED if finished else ItemState.UNCHANGED), text
    owned = {one.value.line_id for one in services.ledgers.of_customer(message.customer_id)}
    refused = not_as_shown(ending, line)
    if line is None or refused is not None or line.line_id in owned:
        return ItemState.BLOCKED, refused or f"line {ending.line_id} was adopted since"
    if not gateway.capabilities.can_end:
        return ItemState.BLOCKED, "this PSA lets nobody end a line by its API; end it there"
    operation = EndLine(message.agreement_id, line.line_id, ending.last_day)
    run = services.runs.get(message.run_id).value
    now = services.clock.now()
    change = Change(
        change_id=services.ids.new(),
        customer_id=message.customer_id,
        group_id=message.group_id,
        rows=(),
        license_name=ending.name,
        agreement_id=message.agreement_id,
        at=now,
        actor=run.requested_by,
        run_id=message.run_id,
        before=line.quantity,
        after=line.quantity,
        why=(f"a line of another tool, marked {ending.marker}", ending.note),
        operations=(in_words(operation),),
        result="written",
    )
    # Nothing is billed through the line: no ledger, and a lone write either landed or did not,
    # whatever was invoiced in between.
    nothing = Ledger(message.customer_id, message.group_id)
    first = header.first_uninvoiced or ending.last_day
    writer.write(Intent(change, (operation,), nothing, first, now), None, lease)
    return ItemState.CHANGED, in_words(operation)
