"""Billing profiles, and the mapping of a row to a profile and an agreement with its options."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from shared.domain.ids import (
    AgreementId,
    ConnectionName,
    CustomerId,
    GroupId,
    ProductId,
    ProfileId,
    RowId,
    SkuId,
    digest,
)
from shared.domain.money import rounded
from shared.domain.quantities import Grace


class PriceKind(StrEnum):
    """Who says what a seat costs."""

    PSA = "psa"
    FIXED = "fixed"
    PERCENT = "percent"


class Billable(StrEnum):
    """How the PSA treats the line on an invoice."""

    BILLABLE = "billable"
    DO_NOT_BILL = "do_not_bill"
    NO_CHARGE = "no_charge"


class Usernames(StrEnum):
    """How assigned users appear in the invoice description."""

    NONE = "none"
    COMMA = "comma"
    LIST = "list"
    NUMBERED = "numbered"


class UserLabel(StrEnum):
    """What an invoice shows of a user."""

    NAME = "name"
    ADDRESS = "address"


class ExistingLine(StrEnum):
    """What a new mapping does with one unmarked line of its product."""

    ADOPT = "adopt"
    CREATE = "create"


class OnDrift(StrEnum):
    """What happens when somebody changed our line in the PSA."""

    HOLD = "hold"
    ENFORCE = "enforce"


@dataclass(frozen=True, slots=True)
class PricePolicy:
    """Price of a seat for one period.

    Attributes:
        amount: The price itself when fixed; percent on top of the PSA's price (may be negative)
            for percent; ``None`` when the PSA says it.
    """

    kind: PriceKind
    amount: Decimal | None = None

    def price(self, of_product: Decimal | None) -> Decimal | None:
        """Return the price of a seat that this sets; ``None`` leaves it to the PSA.

        Args:
            of_product: The product's own; a percentage of an unknown price sets none.

        Source:
            docs/adr/0012-invoice-text-and-price.md
        """
        if self.kind is PriceKind.PSA or self.amount is None:
            return None
        if self.kind is PriceKind.FIXED:
            return self.amount
        if of_product is None:
            return None
        return rounded((of_product * (100 + self.amount)).scaleb(-2))


@dataclass(frozen=True, slots=True)
class BillingProfile:
    """What a customer agreed to pay for: a PSA product, at which price, billable how.

    Attributes:
        agreement_types: Names of agreement types offered when mapping; empty means all.
    """

    profile_id: ProfileId
    name: str
    psa: ConnectionName
    product_id: ProductId
    agreement_types: tuple[str, ...]
    price: PricePolicy
    billable: Billable


@dataclass(frozen=True, slots=True)
class DescriptionOptions:
    """What goes into the line's text on the invoice.

    Attributes:
        overwrite: Stands in place of the product's name.
        show_users_as: Names by default, so that no mail address gets on an invoice unasked.
        changes: A list such as "+2 on 17 Mar".
    """

    overwrite: str | None = None
    usernames: Usernames = Usernames.NONE
    show_users_as: UserLabel = UserLabel.NAME
    term_and_end_date: bool = False
    unassigned: bool = False
    changes: bool = False

    @property
    def manages_text(self) -> bool:
        """Whether Seatsync writes the description at all."""
        return (
            self.overwrite is not None
            or self.usernames is not Usernames.NONE
            or self.term_and_end_date
            or self.unassigned
            or self.changes
        )


@dataclass(frozen=True, slots=True)
class Mapping:
    """A row's way to a PSA line.

    Attributes:
        included: Seats that are not billed.
        minimum: Seats that are billed at least.
        override_start: No write before this day; a first line starts on it. PSA date.
        effective_from: First day on which this mapping bills; ``None`` from the beginning. Set
            when the row's line moved here from another one.
        effective_to: Last day on which it bills; set when the row moved away.
        saved_by, saved_at: The person who last confirmed it, after a preview.
    """

    customer_id: CustomerId
    row_id: RowId
    profile_id: ProfileId
    agreement_id: AgreementId
    included: int
    minimum: int
    negative_prorate: bool
    override_start: date | None
    description: DescriptionOptions
    grace: Grace
    count_trials: bool
    existing_line: ExistingLine
    on_drift: OnDrift
    saved_by: str
    saved_at: datetime
    effective_from: date | None = None
    effective_to: date | None = None

    def bills_on(self, day: date) -> bool:
        """Return whether the row bills through this mapping on the day."""
        return (self.effective_from is None or self.effective_from <= day) and (
            self.effective_to is None or day <= self.effective_to
        )


@dataclass(frozen=True, slots=True)
class RowExclusion:
    """A row that is never billed and raises no alert.

    Attributes:
        leave_line: Whether an owned line stays as it is in the PSA.
    """

    customer_id: CustomerId
    row_id: RowId
    leave_line: bool
    excluded_by: str
    excluded_at: datetime


@dataclass(frozen=True, slots=True)
class GlobalExclusion:
    """A SKU that no customer is billed for."""

    sku_id: SkuId
    reason: str


@dataclass(frozen=True, slots=True)
class LineGroup:
    """The rows that share one PSA line: one customer, agreement, product, price and billable kind.

    Source:
        docs/adr/0005-how-state-is-keyed.md
    """

    customer_id: CustomerId
    psa: ConnectionName
    agreement_id: AgreementId
    product_id: ProductId
    price: PricePolicy
    billable: Billable

    @property
    def group_id(self) -> GroupId:
        """The group's name in storage, messages and markers: 16 hexadecimal digits."""
        amount = "" if self.price.amount is None else format(self.price.amount.normalize(), "f")
        return GroupId(
            digest(
                self.customer_id,
                self.psa,
                self.agreement_id,
                self.product_id,
                self.price.kind,
                amount,
                self.billable,
            )
        )


def group_of(mapping: Mapping, profile: BillingProfile) -> LineGroup:
    """Return the line group that a mapping bills through."""
    return LineGroup(
        customer_id=mapping.customer_id,
        psa=profile.psa,
        agreement_id=mapping.agreement_id,
        product_id=profile.product_id,
        price=profile.price,
        billable=profile.billable,
    )
