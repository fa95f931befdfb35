"""The planner: what a line group needs, against what the PSA has, becomes operations or a reason.

Every path to a write goes through ``plan``: the timer, the queue, Sync Now, a preview, an approval,
an undo. It is pure: the same request gives the same plan.
"""

from dataclasses import replace
from datetime import date

from shared.domain.agreements import (
    AddProrata,
    AdjustQuantity,
    AgreementLine,
    Operation,
    SetDescription,
    SetPrice,
    SetQuantity,
    is_dated_of,
    is_ours,
    standing_generation,
    standing_marker,
)
from shared.domain.changing.dated_lines import calendar_of
from shared.domain.changing.facts import GroupFacts, Stop, set_by_hand, spelled
from shared.domain.changing.kinds import KINDS, Kind
from shared.domain.changing.prorata_rows import can_bill_rows_later
from shared.domain.charging import has_unbilled_start, in_force_as_of, pruned
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
from shared.domain.recognition import is_blank, with_dated_lines, with_generation


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
        self.ledger = with_generation(self.ledger, self.request.lines, self.today)
        found = self._plan()
        if found.status is PlanStatus.IN_STEP and found.ledger is None:
            # Kept without a write: that the line is done.
            kept = self.ledger if self.ledger.generation != self.request.ledger.generation else None
            return replace(found, ledger=kept)
        return found

    def _line_is_done(self) -> bool:
        """Whether the standing line has ended and its last day is invoiced."""
        ends, first = self.ledger.line_ends, self.agreement.first_uninvoiced
        if ends is None or first is None or ends >= min(self.today, first):
            return False
        line = next((x for x in self.request.lines if x.line_id == self.ledger.line_id), None)
        return line is None or not can_bill_rows_later(
            line, ends, first, self.agreement, self.request.capabilities
        )

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
                f"{override.by} set {override.seats} until {spelled(override.until)}: "
                f"{override.note}"
            )

    # Lines ------------------------------------------------------------------------------------

    def _with_line(self) -> Plan:
        marked = [
            line
            for line in self.request.lines
            if line.bills_after(self.today)
            and self._is_standing(line.marker)
            # Half made, without any units yet, it is made again.
            and (line.steps != () or line.line_id == self.ledger.line_id)
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

    def _is_standing(self, marker: str | None) -> bool:
        """Whether a mark is the standing line's; any of the group's where nothing is remembered."""
        if is_blank(self.request.ledger):
            return standing_generation(marker, self.group.group_id) is not None
        return marker == standing_marker(self.group.group_id, self.ledger.generation)

    def _own_line(self) -> set[LineId]:
        return set() if self.ledger.line_id is None else {self.ledger.line_id}

    def _without_line(self) -> Plan:
        counts_on = self._facts().counts_on
        seats = self._seats_on(counts_on)
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
        all_here = all(
            self._started(m, self.today) and (m.mapping.effective_from or self.today) <= self.today
            for m in self.request.members
        )
        if len(fitting) == 1 and fitting[0].quantity and all_here:
            return self._existing_line(self.today)
        return None

    def _first_billed_move(self) -> date | None:
        """The day a row moves here from another line: its new line may be written ahead."""
        if not self.request.capabilities.has_dates:
            return None
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
            max(m.mapping.override_start or date.min, m.mapping.effective_from or date.min)
            for m in self.request.members
            if not self._started(m, self.today)
            or (m.billed.seats and (m.mapping.effective_from or self.today) > self.today)
        ]
        if waiting:
            text = f"starts on {spelled(min(waiting))}"
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
        begun = cycle.containing(self.today).start
        starts = line.starts or self.agreement.starts or min(cycle.anchor, begun)
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
            # Since when an empty line of ours is empty nobody knows: it is closed a period later.
            in_force=_in_force_of(
                line, line.quantity, self.today if ours and not line.quantity else starts
            ),
            first_uninvoiced=first,
        )
        found_again = is_blank(self.request.ledger) and (
            ours or any(is_dated_of(x.marker, self.group.group_id) for x in self.request.lines)
        )
        if found_again:
            self.ledger = with_dated_lines(
                self.ledger,
                self.request.lines,
                calendar_of(self._facts()),
                standing=line.quantity,
                needed=self._seats_on(self.today),
            )
        if ours:
            # What it says is what we wrote; a text is written again when it changes.
            self.ledger = replace(self.ledger, description=self._text(self.ledger.in_force))
        self.explanation.append(
            f"line {line.line_id} with {line.quantity} is "
            + ("ours by its mark" if ours else "taken over; what is invoiced stays as it is")
        )
        kept = self._keep(line, takes_over=True)
        if not found_again or not kept.operations or self.request.override:
            return kept
        if kept.status is not PlanStatus.CHANGE:
            return kept
        return kept.held(
            (
                Reason(
                    ReasonKind.FOUND_AGAIN,
                    f"line {line.line_id} and what is beside it were found again, and nobody "
                    "remembers what of it is invoiced; look at what would be written before it is",
                ),
            )
        )

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
        opened = self._kind().opened(self._facts(), self._given_day() if move is None else move)
        if isinstance(opened, Stop):
            return self._stopped(opened)
        if self.agreement.ends is not None and opened.starts > self.agreement.ends:
            return self._stop(
                PlanStatus.BLOCKED,
                Reason(
                    ReasonKind.AGREEMENT,
                    f"the agreement ends on {spelled(self.agreement.ends)}, before the line would "
                    f"start on {spelled(opened.starts)}",
                ),
            )
        self.explanation.extend(opened.explanation)
        rows = self._billed_rows(max(opened.starts, self.today))
        return Plan(
            group=self.group,
            status=PlanStatus.CHANGE,
            operations=opened.operations,
            reasons=(),
            needed=self._seats_on(self.today),
            previous=None,
            before=None,
            after=opened.quantity,
            explanation=tuple(self.explanation),
            ledger=replace(opened.ledger, rows=rows),
            credits_due=opened.credits_due,
            first_write=True,
            confirmed=self._confirmed(),
            back_dated=opened.back_dated,
        )

    def _given_day(self) -> date | None:
        """The day that the start dates of rows name for a new line."""
        overrides = [
            None if m.row_id in self.ledger.rows else m.mapping.override_start
            for m in self.request.members
            if m.mapping.bills_on(self.today) and self._started(m, self.today)
        ]
        given = [day for day in overrides if day is not None]
        # Rows that start together start on the latest of their days: none is billed too early.
        return max(given) if given and len(given) == len(overrides) else None

    def _removed_by_hand(self, line: AgreementLine | None) -> Plan:
        what = "is gone" if line is None else f"was given the end date {line.ends}"
        text = f"line {self.ledger.line_id} {what} in the PSA; it is not made again by itself"
        reason = Reason(ReasonKind.REMOVED_BY_HAND, text)
        if line is not None and line.bills_after(self.today):
            return self._stop(PlanStatus.HELD, reason)
        first, old = self._first_uninvoiced(), self.ledger
        if self._was_to_end(line):
            self.explanation.append(f"{text}; nothing was billed on it any more")
            return replace(self._stop(PlanStatus.IN_STEP, needed=0), ledger=old.ended())
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

    def _was_to_end(self, line: AgreementLine | None) -> bool:
        """Whether a person ended a line that needs no seats, where its PSA lets nobody else."""
        ends_by_hand = line is None and not self.request.capabilities.can_end
        return ends_by_hand and not self._seats_on(self.today) and not self._joins()

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
        written = known.last_written
        if line.less_included:
            return self._stop(
                PlanStatus.HELD,
                Reason(
                    ReasonKind.LESS_INCLUDED,
                    f"line {line.line_id} takes {line.less_included} off in the PSA, which would "
                    "be taken off twice; set it to 0 there",
                ),
            )
        facts = self._facts(known)
        change = self._kind().changed(facts, line, line.quantity)
        if isinstance(change, Stop):
            return self._stopped(change)
        if self._must_not_be_zero(line, change.operations):
            return self._to_be_ended_by_hand(line)
        observed, wanted = change.observed, change.wanted
        self.explanation.append(f"the PSA has {observed}")
        self.explanation.extend(change.explanation)
        stays = change.ledger.line_id is not None
        dress = self._dress_operations(line, known) if stays else []
        operations = (*change.operations, *dress)
        ledger = self._kept_ledger(change.ledger, operations, wanted)
        reported = bool(change.credits_due) and ledger != self.request.ledger
        by_hand = change.by_hand
        if by_hand is None:
            by_hand = set_by_hand(facts, observed, wanted)
        drifted = written not in {None, observed} and not by_hand
        touched = bool(operations or reported or by_hand or takes_over)
        quiet = PlanStatus.IN_STEP if change.waits is None else PlanStatus.WAITING
        plan = Plan(
            group=self.group,
            status=PlanStatus.CHANGE if touched else quiet,
            operations=operations,
            reasons=() if touched or change.waits is None else (change.waits,),
            needed=needed,
            previous=previous,
            before=observed,
            after=wanted,
            explanation=tuple(self.explanation),
            # A number of somebody else's that stays for now is known from here on: whoever agreed
            # to it is not asked again.
            ledger=ledger if touched or drifted or self._is_worth_keeping(ledger, known) else None,
            credits_due=change.credits_due,
            first_write=takes_over,
            confirmed=self._confirmed(),
            back_dated=change.back_dated,
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
        return self._with_price_told(plan, line)

    def _with_price_told(self, plan: Plan, line: AgreementLine) -> Plan:
        """The plan, held for a price that only a person can set where nothing else is to be done.

        Seats do not wait for a price, and what a quiet plan has to remember is not lost by it.
        """
        reason = self._price_to_set_by_hand(line)
        if reason is None:
            return plan
        plan = replace(plan, explanation=(*plan.explanation, reason.text))
        quiet = plan.status is PlanStatus.IN_STEP and plan.ledger is None
        return plan.held((reason,)) if quiet else plan

    def _is_worth_keeping(self, ledger: Ledger, known: Ledger) -> bool:
        """Whether the ledger learnt something without a write."""
        return known.in_force != self.ledger.in_force or ledger.retired != self.ledger.retired

    def _must_not_be_zero(self, line: AgreementLine, operations: tuple[Operation, ...]) -> bool:
        return not self.request.capabilities.can_reach_zero and any(
            isinstance(op, SetQuantity | AdjustQuantity | AddProrata)
            and op.line_id == line.line_id
            and op.after == 0
            for op in operations
        )

    def _to_be_ended_by_hand(self, line: AgreementLine) -> Plan:
        return self._stop(
            PlanStatus.HELD,
            Reason(
                ReasonKind.CANNOT_END,
                f"line {line.line_id} needs no seats any more, and the PSA lets nobody but a "
                "person end it: end it there",
            ),
            needed=self._seats_on(self.today),
        )

    def _kept_ledger(
        self, ledger: Ledger, operations: tuple[Operation, ...], wanted: int
    ) -> Ledger:
        texts = [op.text for op in operations if isinstance(op, SetDescription)]
        ending, stays = self._ending(), ledger.line_id is not None
        left = ending is not None and ending < self.today
        no_end = stays and not self.request.capabilities.can_end
        return replace(
            ledger,
            retired=no_end and left and wanted == 0,
            rows=tuple(sorted({*ledger.rows, *self._billed_rows(self.today)})),
            in_force=pruned(ledger.in_force, self._oldest_day(ledger)),
            first_uninvoiced=self._first_uninvoiced(),
            description=texts[-1] if texts else ledger.description,
        )

    def _in_force(self) -> tuple[InForce, ...]:
        starts = self.ledger.line_starts
        if starts is not None and starts > self.today:
            return self._facts().in_force_from(starts)
        return in_force_as_of(self.ledger.in_force, self.today, self._seats_on, self._joins())

    def _oldest_day(self, ledger: Ledger) -> date:
        """The first day that a later plan may ask the seats of, if an invoice is taken back too."""
        first = self._first_uninvoiced()
        if has_unbilled_start(ledger, first) and ledger.line_starts is not None:
            first = min(first, ledger.line_starts)
        cycle = self._cycle()
        return cycle.before(cycle.containing(min(self.today, first))).start

    # The PSA's kind of change -----------------------------------------------------------------

    def _kind(self) -> Kind:
        return KINDS[self.request.capabilities.change]

    def _facts(self, ledger: Ledger | None = None) -> GroupFacts:
        writes = self.request.credit_mode is CreditMode.WRITE and self.request.capabilities.credits
        return GroupFacts(
            group=self.group,
            agreement=self.agreement,
            cycle=self._cycle(),
            first_uninvoiced=self._first_uninvoiced(),
            today=self.today,
            capabilities=self.request.capabilities,
            lines=self.request.lines,
            ledger=ledger or self.ledger,
            credits_on=self.credits_on,
            writes_credits=writes,
            price=self.request.price,
            ending=self._ending(),
            joins=self._joins(),
            seats_on=self._seats_on,
            text=self._text,
        )

    def _joins(self) -> tuple[date, ...]:
        return days_of(self.request.members, self.ledger, self.today)

    def _text(self, in_force: tuple[InForce, ...]) -> str | None:
        """The invoice text, with the changes since the last invoiced period began."""
        if self.request.text is None:
            return None
        cycle = self._cycle()
        since = cycle.before(cycle.containing(min(self.today, self._first_uninvoiced()))).start
        return self.request.text.render(in_force, since)

    def _ending(self) -> date | None:
        """The last day any row bills here, when none goes on after it."""
        days = [m.mapping.effective_to for m in self.request.members]
        given = [day for day in days if day is not None]
        return max(given) if given and len(given) == len(days) else None

    def _dress_operations(self, line: AgreementLine, known: Ledger) -> list[Operation]:
        agreement_id = self.agreement.agreement_id
        operations: list[Operation] = []
        text, price = self._text(known.in_force), self.request.price
        if text is not None and text not in {self.ledger.description, line.description}:
            operations.append(SetDescription(agreement_id, line.line_id, text))
            self.explanation.append("the invoice text changed")
        may_price = self.request.capabilities.can_price
        if price is not None and price != line.unit_price and may_price:
            operations.append(SetPrice(agreement_id, line.line_id, line.unit_price, price))
            self.explanation.append(f"price of a seat from {line.unit_price} to {price}")
        return operations

    def _price_to_set_by_hand(self, line: AgreementLine) -> Reason | None:
        """Why a person has to see to the price: the PSA lets nobody else change it."""
        price = self.request.price
        if price in {None, line.unit_price} or self.request.capabilities.can_price:
            return None
        return Reason(
            ReasonKind.PRICE,
            f"a seat of line {line.line_id} costs {line.unit_price} in the PSA and {price} by the "
            "billing profile; set it there, or let the profile take the PSA's price",
        )

    # Answers ----------------------------------------------------------------------------------

    def _blocked(self) -> Reason | None:
        agreement = self.agreement
        if self.request.overlap is not None:
            return Reason(ReasonKind.OVERLAP, self.request.overlap)
        if agreement.problem is not None:
            return Reason(ReasonKind.AGREEMENT, agreement.problem)
        if not agreement.active:
            return Reason(
                ReasonKind.AGREEMENT, "the agreement is not active; choose another agreement"
            )
        if agreement.ends is not None and agreement.ends < self.today:
            return Reason(
                ReasonKind.AGREEMENT,
                f"the agreement ended on {spelled(agreement.ends)}; choose another agreement",
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

    def _stopped(self, stop: Stop) -> Plan:
        self.explanation.extend(stop.explanation)
        return self._stop(stop.status, stop.reason)

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


def _in_force_of(line: AgreementLine, quantity: int, starts: date) -> tuple[InForce, ...]:
    """The seats of a line that is taken over, by day; its waiting rows tell when they changed."""
    seats = quantity - sum(row.quantity for row in line.waiting)
    entries = {starts: seats}
    for row in sorted(line.waiting, key=lambda one: one.starts):
        seats += row.quantity
        entries[max(starts, row.starts)] = seats
    return tuple(InForce(day, entries[day]) for day in sorted(entries))


def _has_left(member: Member, today: date) -> bool:
    last = member.mapping.effective_to
    return last is not None and last < today
