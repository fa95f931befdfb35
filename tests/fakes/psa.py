"""A PSA in memory that keeps the promises of the gateway, and shows what was done to it."""

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from shared.domain.agreements import (
    AddProrata,
    AdjustQuantity,
    Agreement,
    AgreementLine,
    Capabilities,
    ChangeKind,
    Company,
    CreateLine,
    EndLine,
    Operation,
    Product,
    ProrataRow,
    QuantityStep,
    RemoveLine,
    SetDescription,
    SetPrice,
    SetQuantity,
    with_row,
)
from shared.domain.errors import (
    ConflictError,
    NotFoundError,
    RequestRefusedError,
    SeatsyncError,
    UnknownOutcomeError,
)
from shared.domain.ids import AgreementId, CompanyId, LineId, ProductId


@dataclass(frozen=True, slots=True)
class Failure:
    """How a call fails, and whether its work is done nevertheless."""

    error: SeatsyncError
    lands: bool = False


@dataclass(slots=True)
class FakePsa:
    """A ``PsaGateway`` without a PSA.

    Attributes:
        calls: Every call, in order: the name of the read, or the operation.
        read_at: When headers were read; as they were put there when ``None``.
    """

    name: str = "main"
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            ChangeKind.DATED_LINES, credits=True, description_limit=6000
        )
    )
    companies: dict[CompanyId, Company] = field(default_factory=dict)
    products: dict[ProductId, Product] = field(default_factory=dict)
    agreements: dict[AgreementId, Agreement] = field(default_factory=dict)
    lines: dict[LineId, AgreementLine] = field(default_factory=dict)
    calls: list[str | Operation] = field(default_factory=list)
    read_at: datetime | None = None
    _read_failures: deque[Failure] = field(default_factory=deque)
    _write_failures: deque[Failure] = field(default_factory=deque)
    _last_line: int = 9000

    # Arrange and look ------------------------------------------------------------------------

    def add(self, *things: Company | Product | Agreement | AgreementLine) -> "FakePsa":
        """Put things there by hand; the same id again replaces."""
        for thing in things:
            match thing:
                case Company():
                    self.companies[thing.company_id] = thing
                case Product():
                    self.products[thing.product_id] = thing
                case Agreement():
                    self.agreements[thing.agreement_id] = thing
                case AgreementLine():
                    self.lines[thing.line_id] = thing
        return self

    def edit(self, line_id: LineId, **changes: object) -> None:
        """Change a line by hand."""
        self.lines[line_id] = replace(self.lines[line_id], **changes)  # type: ignore[arg-type] # fields by name

    def remove(self, line_id: LineId) -> None:
        """Remove a line by hand."""
        del self.lines[line_id]

    def fold_rows(self) -> None:
        """Make all waiting rows part of their quantities, as an invoice does."""
        for line_id in list(self.lines):
            self.edit(line_id, waiting=())

    def post_through(self, first_uninvoiced: date) -> None:
        """Let an invoice have seen all steps from before the day."""
        for line_id, line in self.lines.items():
            if line.steps:
                seen = (step.unposted and step.starts >= first_uninvoiced for step in line.steps)
                steps = zip(line.steps, seen, strict=True)
                self.edit(line_id, steps=tuple(replace(s, unposted=late) for s, late in steps))

    def lines_of(self, agreement_id: AgreementId) -> tuple[AgreementLine, ...]:
        """Return an agreement's lines without counting a call."""
        return tuple(one for one in self.lines.values() if one.agreement_id == agreement_id)

    @property
    def writes(self) -> list[Operation]:
        """The operations that were sent, also those that failed."""
        return [call for call in self.calls if not isinstance(call, str)]

    @property
    def reads(self) -> list[str]:
        """The reads, by name."""
        return [call for call in self.calls if isinstance(call, str)]

    def next_read(self, *errors: SeatsyncError) -> None:
        """Let the next reads fail with these."""
        self._read_failures.extend(Failure(error) for error in errors)

    def next_write(self, *errors: SeatsyncError, lands: bool = False) -> None:
        """Let the next writes fail with these; with ``lands``, after they were carried out."""
        self._write_failures.extend(Failure(error, lands) for error in errors)

    def lose_next_answer(self) -> None:
        """Carry out the next write, and lose its answer."""
        self.next_write(UnknownOutcomeError(f"{self.name}: the connection broke"), lands=True)

    # The gateway -----------------------------------------------------------------------------

    def check(self) -> str:
        self._read("check")
        return "Fake PSA 1.0"

    def list_companies(self) -> tuple[Company, ...]:
        self._read("list_companies")
        return tuple(sorted(self.companies.values(), key=lambda one: one.name.casefold()))

    def list_products(self) -> tuple[Product, ...]:
        self._read("list_products")
        return tuple(sorted(self.products.values(), key=lambda one: one.name.casefold()))

    def get_product(self, product_id: ProductId) -> Product:
        self._read("get_product")
        if product_id not in self.products:
            raise NotFoundError(f"there is no product {product_id!r}")
        return self.products[product_id]

    def list_agreements(self, company_id: CompanyId | None) -> tuple[Agreement, ...]:
        self._read("list_agreements")
        return tuple(
            self._now(one)
            for one in self.agreements.values()
            if company_id in {None, one.company_id}
        )

    def get_agreement(self, agreement_id: AgreementId) -> Agreement:
        self._read("get_agreement")
        return self._now(self._agreement(agreement_id))

    def list_lines(self, agreement_id: AgreementId) -> tuple[AgreementLine, ...]:
        self._read("list_lines")
        self._agreement(agreement_id)
        return self.lines_of(agreement_id)

    def execute(self, operation: Operation) -> AgreementLine | None:
        self.calls.append(operation)
        failure = self._write_failures.popleft() if self._write_failures else None
        if failure is not None and not failure.lands:
            raise failure.error
        line = self._carried_out(operation)
        if failure is not None:
            raise failure.error
        return line

    def _carried_out(self, operation: Operation) -> AgreementLine | None:
        if operation.agreement_id not in self.agreements:
            raise RequestRefusedError(f"there is no agreement {operation.agreement_id!r}")
        match operation:
            case CreateLine():
                line = self._created(operation)
            case RemoveLine():
                self.lines.pop(operation.line_id, None)
                return None
            case AdjustQuantity():
                line = self._adjusted(self._line(operation.line_id), operation)
            case SetQuantity():
                line = replace(self._line(operation.line_id), quantity=operation.after)
            case AddProrata():
                line = with_row(self._line(operation.line_id), operation)
            case EndLine():
                line = replace(self._line(operation.line_id), ends=operation.last_day)
            case SetDescription():
                line = replace(self._line(operation.line_id), description=operation.text)
            case SetPrice():
                line = replace(self._line(operation.line_id), unit_price=operation.after)
        self.lines[line.line_id] = line
        return line

    def _created(self, create: CreateLine) -> AgreementLine:
        product = self.products.get(create.product_id)
        if product is None or not product.active:
            raise RequestRefusedError(f"there is no active product {create.product_id!r}")
        self._last_line += 1
        return AgreementLine(
            agreement_id=create.agreement_id,
            line_id=LineId(str(self._last_line)),
            product_id=create.product_id,
            quantity=create.quantity,
            starts=create.starts,
            ends=create.ends,
            marker=create.marker,
            description=create.description or "",
            less_included=0,
            unit_price=product.price if create.unit_price is None else create.unit_price,
            unit_cost=product.cost,
            billable=create.billable,
            product_name=product.name,
            steps=self._first_step(create),
            waiting=self._first_row(create),
        )

    def _first_step(self, create: CreateLine) -> tuple[QuantityStep, ...] | None:
        if self.capabilities.change is not ChangeKind.DATED_ADJUSTMENTS:
            return None
        return (QuantityStep(create.starts, create.quantity, unposted=True),)

    def _adjusted(self, line: AgreementLine, change: AdjustQuantity) -> AgreementLine:
        """The line with a change that nothing takes back: each after the last one."""
        if line.steps is None:
            return replace(line, quantity=change.after)
        if line.quantity_on(change.effective) != change.before:
            raise ConflictError(f"line {line.line_id} has not {change.before} units")
        if line.steps and line.steps[-1].starts >= change.effective:
            raise RequestRefusedError(f"line {line.line_id} has a change of that day, or after it")
        step = QuantityStep(change.effective, change.after, unposted=True)
        return replace(line, quantity=change.after, steps=(*line.steps, step))

    def _first_row(self, create: CreateLine) -> tuple[ProrataRow, ...]:
        rows = self.capabilities.change is ChangeKind.PRORATA_ROWS
        return (ProrataRow(create.starts, create.quantity),) if rows else ()

    def _read(self, name: str) -> None:
        self.calls.append(name)
        if self._read_failures:
            raise self._read_failures.popleft().error

    def _agreement(self, agreement_id: AgreementId) -> Agreement:
        if agreement_id not in self.agreements:
            raise NotFoundError(f"there is no agreement {agreement_id!r}")
        return self.agreements[agreement_id]

    def _line(self, line_id: LineId) -> AgreementLine:
        if line_id not in self.lines:
            raise RequestRefusedError(f"there is no line {line_id!r}")
        return self.lines[line_id]

    def _now(self, agreement: Agreement) -> Agreement:
        return agreement if self.read_at is None else replace(agreement, read_at=self.read_at)
