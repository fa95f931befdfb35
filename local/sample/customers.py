"""Who the sample's customers are: what each bought, and how the MSP bills it."""

from dataclasses import dataclass
from enum import Enum

from local.sample.agreements import Kind
from local.sample.skus import UNKNOWN_TO_MICROSOFTS_TABLE
from local.simulators.microsoft.state import Status


@dataclass(frozen=True, slots=True)
class Purchase:
    """A subscription.

    Attributes:
        annual: Renewed once a year; else once a month.
    """

    seats: int
    status: Status = Status.ENABLED
    trial: bool = False
    annual: bool = True


class Ending(Enum):
    """How the first sync of a licence ends."""

    BILLED = "billed"
    BLOCKED = "blocked"
    HELD = "held"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Billing:
    """How a licence is billed.

    Attributes:
        line: Quantity of the line that is on the agreement already; ``None`` without one.
        included, minimum: Options of the mapping.
        product: Part number of the SKU as whose product it is billed; its own when ``None``.
        other_tool: The line carries the mark of another tool.
    """

    agreement: Kind
    line: int | None = None
    included: int = 0
    minimum: int = 0
    product: str | None = None
    other_tool: bool = False
    ending: Ending = Ending.BILLED


@dataclass(frozen=True, slots=True)
class License:
    """What a customer holds of one SKU.

    Attributes:
        assigned: Seats that users have.
        billing: ``None`` for what is free: nobody maps it.
        spelled: The part number as this tenant's answers write it.
        company: Bought for the whole company, not for users.
    """

    part_number: str
    purchases: tuple[Purchase, ...]
    assigned: int
    billing: Billing | None
    spelled: str | None = None
    company: bool = False


@dataclass(frozen=True, slots=True)
class SampleCustomer:
    """A customer: one tenant, one company of the PSA.

    Attributes:
        story: What is special about it.
        withdraws_consent: After it was mapped, its tenant no longer lets the app in.
        empty_first_page: Graph answers its subscriptions with an empty page and a next link.
    """

    name: str
    story: str
    licenses: tuple[License, ...]
    withdraws_consent: bool = False
    empty_first_page: bool = False

    def kinds(self) -> tuple[Kind, ...]:
        """Return the kinds of agreement that its licences are billed on, in order."""
        used = {one.billing.agreement for one in self.licenses if one.billing}
        return tuple(kind for kind in Kind if kind in used)


def _bought(
    part_number: str, seats: int, billing: Billing | None, *, assigned: int | None = None
) -> License:
    """One subscription in good order."""
    used = seats if assigned is None else assigned
    return License(part_number, (Purchase(seats),), used, billing)


def _free(part_number: str, pool: int, assigned: int) -> License:
    return License(part_number, (Purchase(pool),), assigned, None)


CUSTOMERS = (
    SampleCustomer(
        "Aspen Sample Dental",
        "grows by two seats; a free pool of 10,000 is nobody's business",
        (
            _bought("SPB", 12, Billing(Kind.IN_ADVANCE, line=10), assigned=11),
            _bought("EXCHANGESTANDARD", 3, Billing(Kind.IN_ADVANCE, line=3)),
            _bought("MCOEV", 5, Billing(Kind.IN_ADVANCE)),
            _free("FLOW_FREE", 10_000, 4),
        ),
    ),
    SampleCustomer(
        "Birch Sample Bakery",
        "all seats of a licence are in grace: expired, and still used",
        (
            License(
                "O365_BUSINESS_ESSENTIALS",
                (Purchase(8, Status.WARNING),),
                8,
                Billing(Kind.IN_ADVANCE, line=8),
            ),
            _bought("O365_BUSINESS", 4, Billing(Kind.IN_ADVANCE)),
            _bought("EXCHANGEARCHIVE_ADDON", 2, Billing(Kind.IN_ADVANCE, line=1)),
        ),
    ),
    SampleCustomer(
        "Cedar Sample Legal",
        "bought 20 seats again while the old 20 are in grace; a trial beside paid seats",
        (
            License(
                "SPB",
                (Purchase(20), Purchase(20, Status.WARNING)),
                20,
                Billing(Kind.IN_ADVANCE, line=20),
            ),
            License(
                "Microsoft_365_Copilot",
                (Purchase(10), Purchase(25, trial=True, annual=False)),
                18,
                Billing(Kind.IN_ADVANCE, line=8),
            ),
            _bought("ATP_ENTERPRISE", 20, Billing(Kind.IN_ADVANCE, line=18)),
            _bought("RIGHTSMANAGEMENT", 20, Billing(Kind.IN_ADVANCE)),
        ),
    ),
    SampleCustomer(
        "Dogwood Sample Clinic",
        "suspended, locked-out and deleted subscriptions, which count for nothing",
        (
            License(
                "SPE_E3",
                (Purchase(15), Purchase(5, Status.SUSPENDED)),
                15,
                Billing(Kind.IN_ADVANCE, line=20),
            ),
            License(
                "EMS",
                (Purchase(2), Purchase(6, Status.SUSPENDED)),
                2,
                Billing(Kind.IN_ADVANCE, line=8),
            ),
            License(
                "DESKLESSPACK",
                (Purchase(3), Purchase(7, Status.DELETED)),
                3,
                Billing(Kind.IN_ADVANCE),
            ),
            License(
                "PROJECTPROFESSIONAL",
                (Purchase(2), Purchase(4, Status.LOCKED_OUT)),
                2,
                Billing(Kind.IN_ADVANCE, line=2),
            ),
        ),
    ),
    SampleCustomer(
        "Elder Sample Builders",
        "more seats in use than bought; a SKU so new that it has no name yet",
        (
            _bought("SPE_E5", 9, Billing(Kind.IN_ADVANCE, line=9), assigned=11),
            _bought("VISIOCLIENT", 4, Billing(Kind.IN_ADVANCE, line=2)),
            _bought(UNKNOWN_TO_MICROSOFTS_TABLE, 6, Billing(Kind.IN_ADVANCE)),
            _bought("DEFENDER_ENDPOINT_P1", 9, Billing(Kind.IN_ADVANCE, line=9)),
        ),
    ),
    SampleCustomer(
        "Fir Sample Logistics",
        "invoiced in arrears; a free pool of a million; storage bought for the whole company",
        (
            _bought("ENTERPRISEPACK", 30, Billing(Kind.IN_ARREARS, line=28)),
            _bought("POWER_BI_PRO", 7, Billing(Kind.IN_ARREARS, line=5)),
            _bought("PROJECT_P1", 3, Billing(Kind.IN_ARREARS, line=5)),
            License(
                "SHAREPOINTSTORAGE",
                (Purchase(500),),
                0,
                Billing(Kind.IN_ARREARS),
                company=True,
            ),
            _free("POWER_BI_STANDARD", 1_000_000, 23),
        ),
    ),
    SampleCustomer(
        "Ginkgo Sample Studios",
        "a monthly and an annual subscription of one SKU; invoiced once a year",
        (
            License(
                "SPB",
                (Purchase(5, annual=False), Purchase(10)),
                14,
                Billing(Kind.ANNUAL, line=12),
            ),
            _bought("PBI_PREMIUM_PER_USER", 3, Billing(Kind.ANNUAL)),
            _bought("POWERAPPS_PER_USER", 2, Billing(Kind.ANNUAL, line=2)),
        ),
    ),
    SampleCustomer(
        "Hazel Sample School",
        "part numbers in odd spellings; an agreement that does not prorate",
        (
            License(
                "EMSPREMIUM",
                (Purchase(14),),
                13,
                Billing(Kind.WITHOUT_PRORATION, line=12),
                spelled="EmsPremium\N{NO-BREAK SPACE}",
            ),
            License(
                "INTUNE_A",
                (Purchase(14),),
                14,
                Billing(Kind.WITHOUT_PRORATION),
                spelled="Intune_a",
            ),
            _bought("OFFICESUBSCRIPTION", 6, Billing(Kind.WITHOUT_PRORATION, line=8)),
            _free("WINDOWS_STORE", 25, 0),
        ),
    ),
    SampleCustomer(
        "Ivy Sample Housing",
        "withdrew its consent: its seats are unknown, which is not zero",
        (
            _bought("STANDARDPACK", 11, Billing(Kind.IN_ADVANCE, line=9, ending=Ending.UNKNOWN)),
            _bought(
                "EXCHANGEENTERPRISE", 2, Billing(Kind.IN_ADVANCE, line=2, ending=Ending.UNKNOWN)
            ),
        ),
        withdraws_consent=True,
    ),
    SampleCustomer(
        "Juniper Sample Museum",
        "Graph's first page is empty and has a next link; billed from the 15th",
        (
            _bought("SPE_F1", 18, Billing(Kind.MID_MONTH, line=15)),
            _bought("EXCHANGEDESKLESS", 6, Billing(Kind.MID_MONTH)),
            _bought("AAD_PREMIUM", 18, Billing(Kind.MID_MONTH, line=18)),
        ),
        empty_first_page=True,
    ),
    SampleCustomer(
        "Katsura Sample Travel",
        "an agreement that has ended, and a line that another tool looks after",
        (
            _bought("MCOMEETADV", 4, Billing(Kind.ENDED, line=3, ending=Ending.BLOCKED)),
            _bought(
                "AAD_PREMIUM_P2",
                10,
                Billing(Kind.IN_ADVANCE, line=8, other_tool=True, ending=Ending.HELD),
            ),
            _bought("WIN10_VDA_E3", 5, Billing(Kind.IN_ADVANCE)),
            _bought("CPC_B_2C_8RAM_128GB", 3, Billing(Kind.IN_ADVANCE, line=2)),
            _bought("FLOW_PER_USER", 2, Billing(Kind.IN_ADVANCE)),
        ),
    ),
    SampleCustomer(
        "Linden Sample Foods",
        "two seats are included, five are the minimum; two licences share a line",
        (
            _bought("SPB", 12, Billing(Kind.IN_ADVANCE, line=11, included=2)),
            _bought(
                "Office_365_w/o_Teams_Bundle_Business_Premium",
                4,
                Billing(Kind.IN_ADVANCE, line=11, product="SPB"),
            ),
            _bought("THREAT_INTELLIGENCE", 3, Billing(Kind.IN_ADVANCE, minimum=5)),
            _bought("O365_BUSINESS_PREMIUM", 7, Billing(Kind.IN_ADVANCE, line=7)),
            _bought("ENTERPRISEPREMIUM", 1, Billing(Kind.IN_ADVANCE)),
            _bought("Microsoft_Teams_Rooms_Pro", 2, Billing(Kind.IN_ADVANCE, line=1)),
        ),
    ),
)
