"""The planner: what a line group needs, against what the PSA has, becomes operations or a reason.

Every path to a write goes through ``plan``: the timer, the queue, Sync Now, a preview, an approval,
an undo. It is pure: the same request gives the same plan.
"""

from dataclasses import replace
from datetime import date

from shared.domain.agreements import (
    AgreementLine,
    ChangeKind,
    CreateLine,
    EndLine,
    LineKind,
    Operation,
    RemoveLine,
    SetDescription,
    SetPrice,
    SetQuantity,
    dated_marker,
    decided_prefix,
    is_ours,
    standing_marker,
)
from shared.domain.charging import (
    Calendar,
    Charges,
    DatedCharge,
    charges,
    has_unbilled_start,
    in_force_as_of,
    pruned,
    standing_quantity,
)
from shared.domain.ids import LineId, RowId
from shared.domain.ledger import Charged, InForce, Ledger, charged_for
from shared.domain.mappings import ExistingLine, OnDrift
from shared.domain.periods import DAY, Cycle
from shared.domain.plans import (
    CreditMode,
    Member,
    Plan,
    PlanRequest,
    PlanStatus,
    Reason,
    ReasonKind,
)


def plan(request: PlanRequest) -> Plan:
    """Return what to do for the group.

    Source:
        docs/adr/0002-absolute-planning-and-exactly-once-writes.md,
        docs/adr/0008-dated-lines-and-the-high-water-mark.md
    """
    return _Planner(request).plan()


def days_of(members: tuple[Member, ...], ledger: Ledger, today: date) -> tuple[date, ...]:
    """Return the days after today on which rows join or leave the group."""
    days = set()
    for member in members:
        mapping = member.mapping
        if mapping.effective_from is not None:
            days.add(mapping.effective_from)
        if mapping.effective_to is not None:
            days.add(mapping.effective_to + DAY)
        if mapping.override_start is not None and member.row_id not in ledger.rows:
            days.add(mapping.override_start)
    return tuple(sorted(day for day in days if day > today))


class _Planner:
    """One planning; its methods share the request and write nothing outside."""

    def __init__(self, request: PlanRequest) -> None:
        going_on = tuple(m for m in request.members if not _has_left(m, request.today))
        request = replace(request, members=going_on or request.members)
        self.request = request
        self.group = request.group
        self.agreement = request.agreement
        self.today = request.today
        self.ledger = request.ledger
        self.explanation: list[str] = []
        self.credits_on = bool(request.members) and all(
            m.mapping.negative_prorate for m in request.members
        )

    def plan(self) -> Plan:
        self._explain_members()
        if not self.request.members:
            return self._stop(PlanStatus.IN_STEP)
        if self._line_is_done():
            self.ledger = self.ledger.ended()
        found = self._plan()
        if found.status is PlanStatus.IN_STEP and found.ledger is None:
            # Kept without a write: that the line is done.
            kept = self.ledger if self.ledger.generation != self.request.ledger.generation else None
            return replace(found, ledger=kept)
        return found

    def _line_is_done(self) -> bool:
        """Whether the standing line has ended and its last day is invoiced."""
        ends, first = self.ledger.line_ends, self.agreement.first_uninvoiced
        return ends is not None and ends < self.today and first is not None and ends < first

    def _plan(self) -> Plan:
        blocked = self._blocked()
        if blocked is not None:
            return self._stop(PlanStatus.BLOCKED, blocked)
        unknown = [
            m
            for m in self.request.members
            if m.billed.seats is None and not _has_left(m, self.today)
        ]
        if unknown:
            return self._stop(
                PlanStatus.UNKNOWN,
                *(
                    Reason(ReasonKind.UNKNOWN_QUANTITY, f"{m.name}: {'; '.join(m.billed.steps)}")
                    for m in unknown
                ),
            )
        return self._with_line()

    # Seats ------------------------------------------------------------------------------------

    def _seats_on(self, day: date) -> int:
        override = self.ledger.override
        if override is not None and day <= override.until:
            return override.seats
        return sum(
            m.billed.seats or 0
            for m in self.request.members
            if m.mapping.bills_on(day) and self._started(m, day)
        )

    def _started(self, member: Member, day: date) -> bool:
        start = member.mapping.override_start
        return start is None or start <= day or member.row_id in self.ledger.rows

    def _explain_members(self) -> None:
        several = len(self.request.members) > 1
        for member in self.request.members:
            steps = "; ".join(member.billed.steps)
            self.explanation.append(f"{member.name}: {steps}" if several else steps)
        override = self.ledger.override
        if override is not None and self.today <= override.until:
            self.explanation.append(
                f"{override.by} set {override.seats} until {_day(override.until)}: {override.note}"
            )

    # Lines ------------------------------------------------------------------------------------

    def _with_line(self) -> Plan:
        marked = [
            line
            for line in self.request.lines
            if line.marker == standing_marker(self.group.group_id, self.ledger.generation)
            and line.bills_after(self.today)
        ]
        if len({line.line_id for line in marked} | self._own_line()) > 1:
            return self._stop(
                PlanStatus.HELD,
                Reason(
                    ReasonKind.DUPLICATE_MARKER,
                    f"lines {', '.join(line.line_id for line in marked)} carry the same mark; "
                    "end all but one of them in the PSA",
                ),
            )
        if self.ledger.line_id is not None:
            line = next((x for x in self.request.lines if x.line_id == self.ledger.line_id), None)
            if line is None or line.ends != self.ledger.line_ends:
                return self._removed_by_hand(line)
            return self._keep(line)
        if marked and self.ledger.line_starts is not None:
            self.ledger = replace(self.ledger, line_id=marked[0].line_id)
            return self._keep(marked[0])
        if marked:
            return self._adopt(marked[0], ours=True)
        return self._without_line()

    def _own_line(self) -> set[LineId]:
        return set() if self.ledger.line_id is None else {self.ledger.line_id}

    def _without_line(self) -> Plan:
        seats = self._seats_on(self.today)
        first_move = self._first_billed_move()
        adopts = any(m.mapping.existing_line is ExistingLine.ADOPT for m in self.request.members)
        if seats == 0 and first_move is None:
            return (self._emptied_line() if adopts else None) or self._nothing_yet()
        if adopts:
            adoption = self._existing_line(starts=self.today if seats else first_move or self.today)
            if adoption is not None:
                return adoption
        return self._create(first_move if seats == 0 else None)

    def _emptied_line(self) -> Plan | None:
        """Take over a line that goes on billing although its rows have no seats left."""
        fitting = self._fitting_lines(self.today)
        all_started = all(self._started(m, self.today) for m in self.request.members)
        if len(fitting) == 1 and fitting[0].quantity and all_started:
            return self._existing_line(self.today)
        return None

    def _first_billed_move(self) -> date | None:
        """The day a row moves here from another line: its new line may be written ahead."""
        days = [
            m.mapping.effective_from
            for m in self.request.members
            if m.mapping.effective_from is not None
            and m.mapping.effective_from > self.today
            and self._seats_on(m.mapping.effective_from) > 0
        ]
        return min(days, default=None)

    def _nothing_yet(self) -> Plan:
        waiting = [
            m.mapping.override_start
            for m in self.request.members
            if m.mapping.override_start is not None and not self._started(m, self.today)
        ]
        if waiting:
            text = f"starts on {_day(min(waiting))}"
            self.explanation.append(text)
            return self._stop(PlanStatus.WAITING, Reason(ReasonKind.OVERRIDE_START, text))
        self.explanation.append("nothing to bill and no line: nothing is created")
        return self._stop(PlanStatus.IN_STEP, needed=0)

    def _existing_line(self, starts: date) -> Plan | None:
        same = self._fitting_lines(starts)
        if not same:
            return None
        names = ", ".join(line.line_id for line in same)
        if len(same) > 1:
            return self._stop(
                PlanStatus.HELD,
                Reason(
                    ReasonKind.SEVERAL_LINES,
                    f"lines {names} of this product are on the agreement; end all but the one to "
                    "take over, or choose to create a new line",
                ),
            )
        line = same[0]
        if line.marker or line.ends is not None:
            whose = f"carries the mark {line.marker}" if line.marker else f"ends on {line.ends}"
            return self._stop(
                PlanStatus.HELD,
                Reason(
                    ReasonKind.OTHER_TOOL,
                    f"line {names} of this product {whose}; end it before the start date, or "
                    "choose to create a new line",
                ),
            )
        return self._adopt(line, ours=False)

    def _fitting_lines(self, starts: date) -> list[AgreementLine]:
        return [
            line
            for line in self.request.lines
            if line.product_id == self.group.product_id
            and line.bills_after(starts)
            and not is_ours(line)
            and line.line_id not in self.request.owned_elsewhere
        ]

    def _adopt(self, line: AgreementLine, *, ours: bool) -> Plan:
        if line.quantity is None:
            return self._not_whole(line)
        first = self._first_uninvoiced()
        cycle = self._cycle()
        starts = line.starts or self.agreement.starts or cycle.anchor
        begun = cycle.containing(self.today).start
        self.ledger = replace(
            self.ledger,
            line_id=line.line_id,
            adopted=not ours,
            last_written=line.quantity,
            line_starts=starts,
            # A line that began inside the current period, invoiced before, waits for its first
            # invoice: ADR 0008.
            started_under=first if begun < starts < first else None,
            line_ends=line.ends,
            in_force=(InForce(starts, line.quantity),),
            first_uninvoiced=first,
        )
        self.explanation.append(
            f"line {line.line_id} with {line.quantity} is "
            + ("ours by its mark" if ours else "taken over; what is invoiced stays as it is")
        )
        return self._keep(line, takes_over=True)

    def _create(self, move: date | None) -> Plan:
        product = self.request.product
        if product is not None and not product.active:
            return self._stop(
                PlanStatus.BLOCKED,
                Reason(
                    ReasonKind.PRODUCT,
                    f"product {product.code} is inactive in the PSA; activate it or choose "
                    "another billing profile",
                ),
            )
        starts = self._first_day(move)
        if self.agreement.ends is not None and starts > self.agreement.ends:
            return self._stop(
                PlanStatus.BLOCKED,
                Reason(
                    ReasonKind.AGREEMENT,
                    f"the agreement ends on {_day(self.agreement.ends)}, before the line would "
                    f"start on {_day(starts)}",
                ),
            )
        seats = self._seats_on(max(starts, self.today))
        first, ending = self._first_uninvoiced(), self._ending()
        ledger = replace(
            self.ledger,
            rows=self._billed_rows(max(starts, self.today)),
            last_written=seats,
            line_starts=starts,
            started_under=first if starts < first else None,
            line_ends=ending,
            in_force=self._in_force_from(starts, seats),
            as_of=self.today,
            first_uninvoiced=first,
        )
        ledger = replace(ledger, description=self._text(ledger))
        calendar = self._calendar(ending)
        standing = standing_quantity(ledger, calendar, self._seats_on)
        quantity = seats if standing is None else standing
        due = charges(
            ledger,
            calendar,
            self._seats_on,
            standing=quantity,
            credits_on=self.credits_on,
            adopted_by_hand=False,
        )
        operation = CreateLine(
            agreement_id=self.agreement.agreement_id,
            marker=standing_marker(self.group.group_id, self.ledger.generation),
            kind=LineKind.STANDING,
            product_id=self.group.product_id,
            quantity=quantity,
            starts=starts,
            ends=ending,
            unit_price=self.request.price,
            description=ledger.description,
            billable=self.group.billable,
        )
        self.explanation.append(f"new line of {quantity} from {_day(starts)}")
        dated, credits_due = self._dated_operations(due, ledger) if due.lines else ([], ())
        back = (starts,) if starts < self.today and starts < first else ()
        return Plan(
            group=self.group,
            status=PlanStatus.CHANGE,
            operations=(operation, *dated),
            reasons=(),
            needed=self._seats_on(self.today),
            previous=None,
            before=None,
            after=quantity,
            explanation=tuple(self.explanation),
            ledger=replace(ledger, last_written=quantity, charged=due.charged, opening=due.opening),
            credits_due=credits_due,
            first_write=True,
            confirmed=self._confirmed(),
            back_dated=back,
        )

    def _first_day(self, move: date | None) -> date:
        if move is not None:
            starts = move
        else:
            overrides = [
                None if m.row_id in self.ledger.rows else m.mapping.override_start
                for m in self.request.members
                if m.mapping.bills_on(self.today) and self._started(m, self.today)
            ]
            given = [day for day in overrides if day is not None]
            # Rows that start together start on the latest of their days: none is billed too early.
            if given and len(given) == len(overrides):
                starts = max(given)
            elif self.agreement.prorates:
                starts = self.today
            else:
                starts = self._cycle().first_starting(self.today).start
        if self.agreement.starts is not None:
            starts = max(starts, self.agreement.starts)
        return starts

    def _removed_by_hand(self, line: AgreementLine | None) -> Plan:
        what = "is gone" if line is None else f"was given the end date {line.ends}"
        text = f"line {self.ledger.line_id} {what} in the PSA; it is not made again by itself"
        reason = Reason(ReasonKind.REMOVED_BY_HAND, text)
        if line is not None and line.bills_after(self.today):
            return self._stop(PlanStatus.HELD, reason)
        first, old = self._first_uninvoiced(), self.ledger
        invoiced = first > self.today and not has_unbilled_start(old, first)
        # What the removed line was invoiced for stays paid: its successor starts after it.
        paid = self._paid_through(first - DAY) if invoiced else ()
        self.ledger = replace(old.ended(), charged=paid, opening=paid)
        fresh = (
            self._create(first if invoiced else None)
            if self._seats_on(self.today)
            else self._nothing_yet()
        )
        if self.request.override and fresh.status is PlanStatus.CHANGE:
            return fresh
        return replace(
            fresh,
            status=PlanStatus.HELD,
            reasons=(reason,),
            explanation=(*fresh.explanation, text),
        )

    def _paid_through(self, last: date) -> tuple[Charged, ...]:
        """What each period from today's to that day was charged, as the next line finds it."""
        entries = []
        for period in self._cycle().between(self.today, last):
            known = charged_for(self.ledger.charged, period.start)
            seats = self.ledger.last_written or 0 if known is None else known.seats
            entries.append(Charged(period.start, seats, 0))
        return tuple(entries)

    # An existing line -------------------------------------------------------------------------

    def _keep(self, line: AgreementLine, *, takes_over: bool = False) -> Plan:
        if line.quantity is None:
            return self._not_whole(line)
        needed, previous = self._seats_on(self.today), self.ledger.seats_on(self.today)
        known = replace(self.ledger, in_force=self._in_force())
        ending = self._ending()
        calendar = self._calendar(ending)
        observed, written = line.quantity, self.ledger.last_written
        wanted = standing_quantity(known, calendar, self._seats_on)
        if wanted is None:
            wanted = observed if written is None else written
        if line.less_included:
            return self._stop(
                PlanStatus.HELD,
                Reason(
                    ReasonKind.LESS_INCLUDED,
                    f"line {line.line_id} takes {line.less_included} off in the PSA, which would "
                    "be taken off twice; set it to 0 there",
                ),
            )
        by_hand = observed not in {written, None} and observed == wanted
        drifted = written is not None and observed not in {written, wanted}
        due = charges(
            known,
            calendar,
            self._seats_on,
            standing=wanted,
            credits_on=self.credits_on,
            adopted_by_hand=by_hand and needed == wanted,
        )
        self.explanation.append(f"the PSA has {observed}")
        operations, credits_due = self._dated_operations(due, known)
        if observed != wanted:
            change = SetQuantity(self.agreement.agreement_id, line.line_id, observed, wanted)
            # A stop between the two must not leave the first days billed twice.
            operations.insert(0 if due.compensates else len(operations), change)
            self.explanation.append(f"line {line.line_id} from {observed} to {wanted}")
        elif needed != wanted:
            self.explanation.append(f"line {line.line_id} stays at {wanted} until it is invoiced")
        operations.extend(self._end_operations(line, ending, due, wanted))
        operations.extend(self._dress_operations(line, known))
        ledger = self._kept_ledger(known, due, wanted, operations)
        reported = bool(credits_due) and ledger != self.request.ledger
        touched = bool(operations or reported or by_hand or takes_over)
        plan = Plan(
            group=self.group,
            status=PlanStatus.CHANGE if touched else PlanStatus.IN_STEP,
            operations=tuple(operations),
            reasons=(),
            needed=needed,
            previous=previous,
            before=observed,
            after=wanted,
            explanation=tuple(self.explanation),
            ledger=ledger if touched or known.in_force != self.ledger.in_force else None,
            credits_due=credits_due,
            first_write=takes_over,
            confirmed=self._confirmed(),
            back_dated=tuple(charge.starts for charge in due.catch_up),
        )
        enforce = self.request.override or all(
            m.mapping.on_drift is OnDrift.ENFORCE for m in self.request.members
        )
        if drifted and not enforce:
            return plan.held(
                (
                    Reason(
                        ReasonKind.DRIFT,
                        f"somebody set line {line.line_id} to {observed} in the PSA; Seatsync "
                        f"wrote {written} and would write {wanted}",
                    ),
                )
            )
        return plan

    def _in_force_from(self, starts: date, seats: int) -> tuple[InForce, ...]:
        """What a new line, or one that has not begun, needs from its first day on."""
        entries = [InForce(starts, seats)]
        for day in days_of(self.request.members, self.ledger, max(self.today, starts)):
            if self._seats_on(day) != entries[-1].seats:
                entries.append(InForce(day, self._seats_on(day)))
        return tuple(entries)

    def _calendar(self, ending: date | None) -> Calendar:
        return Calendar(
            cycle=self._cycle(),
            today=self.today,
            first_uninvoiced=self._first_uninvoiced(),
            first_day=self.agreement.starts,
            last_day=min((d for d in (self.agreement.ends, ending) if d is not None), default=None),
            dated_lines=self.agreement.prorates and self.request.capabilities.dated_lines,
        )

    def _kept_ledger(
        self, known: Ledger, due: Charges, wanted: int, operations: list[Operation]
    ) -> Ledger:
        first = self._first_uninvoiced()
        ended = next((op.last_day for op in operations if isinstance(op, EndLine)), None)
        reopened = any(isinstance(op, EndLine) and op.last_day is None for op in operations)
        texts = [op.text for op in operations if isinstance(op, SetDescription)]
        # Once an invoice came between two changes of a day, nothing tells the day's invoiced lines
        # from the others: what follows on that day is no longer merged.
        merges = self._todays_lines_are_editable() or not self._todays_lines()
        return replace(
            known,
            rows=tuple(sorted({*known.rows, *self._billed_rows(self.today)})),
            last_written=wanted,
            line_ends=None if reopened else ended or known.line_ends,
            in_force=pruned(known.in_force, self._oldest_day(known)),
            charged=due.charged,
            opening=due.opening,
            as_of=self.today if merges else None,
            first_uninvoiced=first,
            description=texts[-1] if texts else known.description,
        )

    def _in_force(self) -> tuple[InForce, ...]:
        starts = self.ledger.line_starts
        if starts is not None and starts > self.today:
            return self._in_force_from(starts, self._seats_on(starts))
        moves = days_of(self.request.members, self.ledger, self.today)
        return in_force_as_of(self.ledger.in_force, self.today, self._seats_on, moves)

    def _oldest_day(self, ledger: Ledger) -> date:
        """The first day that a later plan may ask the seats of, if an invoice is taken back too."""
        first = self._first_uninvoiced()
        if has_unbilled_start(ledger, first) and ledger.line_starts is not None:
            first = min(first, ledger.line_starts)
        cycle = self._cycle()
        return cycle.before(cycle.containing(min(self.today, first))).start

    def _dated_operations(
        self, due: Charges, known: Ledger
    ) -> tuple[list[Operation], tuple[DatedCharge, ...]]:
        writes_credits = (
            self.request.credit_mode is CreditMode.WRITE and self.request.capabilities.credits
        )
        wanted = [c for c in due.lines if c.seats > 0 or writes_credits]
        reported = tuple(c for c in due.lines if c.seats < 0 and not writes_credits)
        for charge in reported:
            self.explanation.append(f"credit of {_span(charge)} is due and not written")
        editable = self._todays_lines_are_editable()
        todays = self._todays_lines()
        operations: list[Operation] = []
        kept = set()
        for charge in wanted:
            marker = self._marker(charge, todays, editable=editable)
            line = todays.get(marker)
            self.explanation.append(f"line of {_span(charge)}")
            if line is None:
                operations.append(self._dated_line(charge, marker, self._text(known)))
                continue
            kept.add(marker)
            if line.quantity != charge.seats:
                operations.append(
                    SetQuantity(line.agreement_id, line.line_id, line.quantity or 0, charge.seats)
                )
        if editable:
            for marker, line in sorted(todays.items()):
                if marker not in kept and (line.starts or self.today) >= due.editable_from:
                    operations.append(RemoveLine(line.agreement_id, line.line_id))
                    self.explanation.append(f"today's line {line.line_id} is taken back")
        return operations, reported

    def _todays_lines(self) -> dict[str, AgreementLine]:
        """Dated lines that were decided today, by mark."""
        prefix = decided_prefix(self.group.group_id, self.today)
        return {
            line.marker: line
            for line in self.request.lines
            if line.marker and line.marker.startswith(prefix) and not line.never_bills
        }

    def _todays_lines_are_editable(self) -> bool:
        return (
            self.ledger.as_of == self.today
            and self.ledger.first_uninvoiced == self._first_uninvoiced()
        )

    def _marker(
        self, charge: DatedCharge, todays: dict[str, AgreementLine], *, editable: bool
    ) -> str:
        serial = 1
        while True:
            marker = dated_marker(
                self.group.group_id, self.today, charge.starts, charge.ends, serial
            )
            if editable or marker not in todays:
                return marker
            serial += 1  # that one is on an invoice already

    def _dated_line(self, charge: DatedCharge, marker: str, text: str | None) -> CreateLine:
        return CreateLine(
            agreement_id=self.agreement.agreement_id,
            marker=marker,
            kind=LineKind.DATED,
            product_id=self.group.product_id,
            quantity=charge.seats,
            starts=charge.starts,
            ends=charge.ends,
            unit_price=self.request.price,
            description=text,
            billable=self.group.billable,
        )

    def _text(self, ledger: Ledger) -> str | None:
        """The invoice text, with the changes since the last invoiced period began."""
        if self.request.text is None:
            return None
        cycle = self._cycle()
        since = cycle.before(cycle.containing(min(self.today, self._first_uninvoiced()))).start
        return self.request.text.render(ledger.in_force, since)

    def _ending(self) -> date | None:
        """The last day any row bills here, when none goes on after it."""
        days = [m.mapping.effective_to for m in self.request.members]
        given = [day for day in days if day is not None]
        return max(given) if given and len(given) == len(days) else None

    def _end_operations(
        self, line: AgreementLine, ending: date | None, due: Charges, wanted: int
    ) -> list[Operation]:
        agreement_id = self.agreement.agreement_id
        if ending is not None:
            if line.ends == ending:
                return []
            self.explanation.append(f"line {line.line_id} ends on {_day(ending)}")
            return [EndLine(agreement_id, line.line_id, ending)]
        if line.ends is not None and self.ledger.line_ends is not None:
            self.explanation.append(f"line {line.line_id} goes on after {_day(line.ends)}")
            return [EndLine(agreement_id, line.line_id, None)]
        period = self._cycle().containing(self.today)
        last = self.ledger.in_force[-1] if self.ledger.in_force else None
        if (
            wanted == 0
            and last is not None
            and last.seats == 0
            and last.day < period.start
            and self._seats_on(self.today) == 0
            and not any(charged.seats for charged in due.charged)
            and not days_of(self.request.members, self.ledger, self.today)
        ):
            self.explanation.append(f"0 since {_day(last.day)}: line {line.line_id} is closed")
            return [EndLine(agreement_id, line.line_id, period.start - DAY)]
        return []

    def _dress_operations(self, line: AgreementLine, known: Ledger) -> list[Operation]:
        agreement_id = self.agreement.agreement_id
        operations: list[Operation] = []
        text, price = self._text(known), self.request.price
        if text is not None and text not in {self.ledger.description, line.description}:
            operations.append(SetDescription(agreement_id, line.line_id, text))
            self.explanation.append("the invoice text changed")
        if price is not None and price != line.unit_price:
            operations.append(SetPrice(agreement_id, line.line_id, line.unit_price, price))
            self.explanation.append(f"price of a seat from {line.unit_price} to {price}")
        return operations

    # Answers ----------------------------------------------------------------------------------

    def _blocked(self) -> Reason | None:
        agreement = self.agreement
        if self.request.overlap is not None:
            return Reason(ReasonKind.OVERLAP, self.request.overlap)
        if self.request.capabilities.change is not ChangeKind.DATED_LINES:
            return Reason(
                ReasonKind.AGREEMENT,
                "this PSA changes quantities in a way that is not planned yet: its agreements are "
                "read, and nothing is written to them",
            )
        if agreement.problem is not None:
            return Reason(ReasonKind.AGREEMENT, agreement.problem)
        if not agreement.active:
            return Reason(
                ReasonKind.AGREEMENT, "the agreement is not active; choose another agreement"
            )
        if agreement.ends is not None and agreement.ends < self.today:
            return Reason(
                ReasonKind.AGREEMENT,
                f"the agreement ended on {_day(agreement.ends)}; choose another agreement",
            )
        if agreement.cycle is None:
            return Reason(
                ReasonKind.AGREEMENT,
                f"billing cycle '{agreement.cycle_name}' is not monthly, quarterly or annual",
            )
        if agreement.first_uninvoiced is None:
            return Reason(
                ReasonKind.AGREEMENT,
                "the PSA does not say through which day the agreement is invoiced; give it a next "
                "invoice date and bill it in advance or in arrears",
            )
        return None

    def _not_whole(self, line: AgreementLine) -> Plan:
        return self._stop(
            PlanStatus.HELD,
            Reason(
                ReasonKind.NOT_WHOLE,
                f"line {line.line_id} holds a fraction of a seat; set it to a whole number",
            ),
        )

    def _stop(self, status: PlanStatus, *reasons: Reason, needed: int | None = None) -> Plan:
        observed = next(
            (x.quantity for x in self.request.lines if x.line_id == self.ledger.line_id), None
        )
        return Plan(
            group=self.group,
            status=status,
            operations=(),
            reasons=reasons,
            needed=needed,
            previous=self.ledger.seats_on(self.today),
            before=observed,
            after=observed,
            explanation=tuple(self.explanation),
            ledger=None,
        )

    def _billed_rows(self, day: date) -> tuple[RowId, ...]:
        return tuple(
            sorted(
                m.row_id
                for m in self.request.members
                if m.mapping.bills_on(day) and self._started(m, day)
            )
        )

    def _confirmed(self) -> bool:
        written = self.ledger.written_at
        return any(written is None or m.mapping.saved_at > written for m in self.request.members)

    def _cycle(self) -> Cycle:
        if self.agreement.cycle is None:
            raise AssertionError("a blocked agreement is not planned")
        return self.agreement.cycle

    def _first_uninvoiced(self) -> date:
        if self.agreement.first_uninvoiced is None:
            raise AssertionError("a blocked agreement is not planned")
        return self.agreement.first_uninvoiced


def _has_left(member: Member, today: date) -> bool:
    last = member.mapping.effective_to
    return last is not None and last < today


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _span(charge: DatedCharge) -> str:
    return f"{charge.seats} from {_day(charge.starts)} to {_day(charge.ends)}"
