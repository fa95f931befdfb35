"""Write operations to a PSA exactly once: the intent first, the books last.

Source: docs/adr/0002-absolute-planning-and-exactly-once-writes.md
"""

from dataclasses import replace
from datetime import date

from shared.domain.agreements import AgreementLine, CreateLine, LineKind, Operation
from shared.domain.errors import LeaseTakenError, OperatorActionError, OutcomeInDoubtError
from shared.domain.intents import (
    Intent,
    abandoned,
    doubt,
    left_of,
    overtaken,
    recovery,
    with_standing_line,
)
from shared.domain.ledger import Ledger
from shared.ports import (
    Lease,
    LicenseSync,
    LinesRead,
    PsaConnection,
    Services,
    Versioned,
    WritesUponReads,
)
from shared.signals import ChangesWritten, ChangeWritten, GroupRecovering, GroupWriting


class OperationWriter:
    """Writes for one line group while its lease is held. Not safe for threads."""

    def __init__(self, message: LicenseSync, psa: PsaConnection, services: Services) -> None:
        self._unwritten = Ledger(message.customer_id, message.group_id)
        self._message = message
        self._psa = psa
        self._gateway = psa.gateway
        self._services = services

    def write(
        self,
        intent: Intent,
        ledger: Versioned[Ledger] | None,
        lease: Lease,
        read: LinesRead | None = None,
    ) -> None:
        """Store the intent, send its operations, and keep what came of them.

        Args:
            read: The lines that were planned upon, read under this lease.

        Raises:
            LeaseTakenError: Another worker took the line group; nothing was sent.
            StaleVersionError: The group has an open intent.
            UnknownOutcomeError: A write got no answer; the intent stays for ``recover``.
            OperatorActionError: The PSA refused an operation; what landed before it is kept.
        """
        message, operations = self._message, len(intent.operations)
        writing = GroupWriting(
            message.run_id, message.customer_id, message.group_id, self._psa.name, operations
        )
        with self._services.telemetry.span(writing):
            follows = self._before(ledger).last_change or ""
            opened = self._services.intents.open(replace(intent, follows=follows))
            self._still_ours(lease, opened)
            self._execute(opened, ledger, lease, read)

    def recover(
        self,
        intent: Versioned[Intent],
        ledger: Versioned[Ledger] | None,
        first_uninvoiced: date | None,
        lines: tuple[AgreementLine, ...],
        lease: Lease,
    ) -> tuple[Versioned[Ledger] | None, bool]:
        """Finish or forget what an earlier delivery began; return the ledger and whether it did.

        Args:
            first_uninvoiced: As the agreement says now.

        Raises:
            OutcomeInDoubtError: It is too early to say what landed.
            OperatorActionError: The PSA refused an operation, or nobody but a person can say what
                landed.
            LeaseTakenError, UnknownOutcomeError: as ``write``.
        """
        message = self._message
        recovering = GroupRecovering(
            message.run_id, message.customer_id, message.group_id, self._psa.name
        )
        with self._services.telemetry.span(recovering):
            return self._recover(intent, ledger, first_uninvoiced, lines, lease)

    def _recover(
        self,
        intent: Versioned[Intent],
        ledger: Versioned[Ledger] | None,
        first_uninvoiced: date | None,
        lines: tuple[AgreementLine, ...],
        lease: Lease,
    ) -> tuple[Versioned[Ledger] | None, bool]:
        # A worker that stalled past its lease would take the intent of the one who writes now for
        # an abandoned one, and judge it by lines from before that one's writes.
        lease.keep()
        before = self._before(ledger)
        saved = before.last_change == intent.value.change.change_id
        sent = not saved and not overtaken(intent.value, before)
        if sent and left_of(intent.value.operations, lines):
            self._without_doubt(intent.value, lines)
        found = recovery(intent.value, before, lines, first_uninvoiced)
        if found.ledger is None:
            self._services.intents.close(intent)
            return ledger, False
        rest = replace(
            intent.value,
            operations=found.remaining,
            ledger=with_standing_line(found.ledger, lines),
        )
        return self._execute(Versioned(rest, intent.version), ledger, lease), True

    def finish(self, intent: Versioned[Intent]) -> None:
        """Keep an intent that needs no ledger and whose operations have all landed."""
        self._complete(intent, None, intent.value.ledger)

    def _without_doubt(self, intent: Intent, lines: tuple[AgreementLine, ...]) -> None:
        """Go on only where what does not show was really not carried out."""
        if self._gateway.capabilities.reads_lag:
            shows = intent.created_at + self._services.leases.lasts
            now = self._services.clock.real_now()
            if now < shows:
                raise OutcomeInDoubtError(intent.ledger.group_id, shows - now)
        why = doubt(intent.operations, lines)
        if why is not None:
            raise OperatorActionError(why)

    def _still_ours(self, lease: Lease, intent: Versioned[Intent]) -> None:
        """Go on only if nobody took the line group since it was planned.

        A worker that stalled for longer than its lease would else send a plan that another one's
        writes have overtaken; an intent left behind would have it sent by the next delivery.

        Raises:
            LeaseTakenError: Somebody did; nothing was sent, and the intent is forgotten.
        """
        try:
            lease.keep()
        except LeaseTakenError:
            self._services.intents.close(intent)
            raise

    def _execute(
        self,
        intent: Versioned[Intent],
        ledger: Versioned[Ledger] | None,
        lease: Lease,
        read: LinesRead | None = None,
    ) -> Versioned[Ledger] | None:
        """Send what has not landed, save the ledger and the history, close the intent."""
        kept = intent.value.ledger
        for operation in intent.value.operations:
            lease.keep()
            try:
                line = self._sent(operation, read)
            except OperatorActionError:
                self._abandon(intent, ledger)
                raise
            if isinstance(operation, CreateLine) and operation.kind is LineKind.STANDING:
                kept = replace(kept, line_id=None if line is None else line.line_id)
            read = None  # the lines are others now
        return self._complete(intent, ledger, kept)

    def _sent(self, operation: Operation, read: LinesRead | None) -> AgreementLine | None:
        if read is not None and isinstance(self._gateway, WritesUponReads):
            return self._gateway.execute(operation, read)
        return self._gateway.execute(operation)

    def _complete(
        self, intent: Versioned[Intent], ledger: Versioned[Ledger] | None, kept: Ledger
    ) -> Versioned[Ledger] | None:
        if self._before(ledger) != kept:
            ledger = self._services.ledgers.save(ledger, kept)
        self._services.changes.add(intent.value.change)
        self._services.intents.close(intent)
        self._tell(intent.value)
        return ledger

    def _tell(self, intent: Intent) -> None:
        """Count and log what was written; an adoption writes nothing to the PSA."""
        change, telemetry = intent.change, self._services.telemetry
        if not change.operations:
            return
        telemetry.measure(ChangesWritten(1, self._psa.name))
        telemetry.tell(
            ChangeWritten(
                run_id=change.run_id,
                customer_id=change.customer_id,
                group_id=change.group_id,
                psa=self._psa.name,
                operations=len(change.operations),
                before=change.before,
                after=change.after,
            )
        )

    def _abandon(self, intent: Versioned[Intent], ledger: Versioned[Ledger] | None) -> None:
        """The PSA refused an operation: keep what landed before it, forget the rest."""
        lines = self._gateway.list_lines(self._message.agreement_id)
        left = left_of(intent.value.operations, lines)
        if len(left) == len(intent.value.operations):
            self._services.intents.close(intent)
            return
        before = self._before(ledger)
        kept = with_standing_line(abandoned(left, intent.value, before, lines), lines)
        self._complete(intent, ledger, kept)

    def _before(self, ledger: Versioned[Ledger] | None) -> Ledger:
        return self._unwritten if ledger is None else ledger.value
