"""Valid records for tests and demonstrations: say only what the story is about.

    state = PsaState().seed(
        companies=[a_company()], services=[a_service()], contracts=[a_contract()],
        contract_services=[a_contract_service(units=10)],
    )

Dates are ``date``; money is text or ``Decimal``. Everything returned is plain data, so that it can
also be sent to a simulator in another process (``POST /_sim/seed``).
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from local.simulators.autotask.state import (
    ACTIVE,
    BILLING,
    PERIOD_TYPES,
    POSTED_THROUGH,
    RECURRING_SERVICE,
    UNITS,
    ApiUser,
    moment,
)
from local.simulators.common.records import Record


def a_company(
    company_id: int = 250, *, name: str = "Contoso Demo", active: bool = True, website: str = ""
) -> Record:
    """A company that is billed."""
    return {
        "id": company_id,
        "companyName": name,
        "companyNumber": f"C{company_id}",
        "companyType": 1,
        "isActive": active,
        "webAddress": website or None,
    }


def a_service(
    service_id: int = 101,
    *,
    name: str = "M365 Business Premium",
    price: str | Decimal = "20.00",
    cost: str | Decimal = "15.00",
    active: bool = True,
) -> Record:
    """A service of the catalogue that can be put on a contract."""
    return {
        "id": service_id,
        "name": name,
        "description": name,
        "invoiceDescription": name,
        "billingCodeID": 1,
        "periodType": 1,
        "unitPrice": Decimal(price),
        "unitCost": Decimal(cost),
        "isActive": active,
    }


def a_bundle(
    bundle_id: int = 301,
    *,
    name: str = "Workplace bundle",
    price: str | Decimal = "45.00",
    cost: str | Decimal = "30.00",
    active: bool = True,
) -> Record:
    """A bundle of services that is sold as one."""
    return a_service(bundle_id, name=name, price=price, cost=cost, active=active)


def a_contract(
    contract_id: int = 7001,
    *,
    company: int = 250,
    name: str = "Microsoft 365",
    starts: date = date(2026, 1, 1),
    ends: date = date(2027, 12, 31),
    period: str = "Monthly",
    first_unposted: date | None = date(2026, 4, 1),
    billing: str = "advance",
    status: int = ACTIVE,
    contract_type: int = RECURRING_SERVICE,
) -> Record:
    """A contract for recurring services; as it stands, monthly, posted up to March 2026.

    Args:
        first_unposted: First day of the first period that is not posted; None: none is.
        billing: ``advance``: a period is posted on its first day. ``arrears``: on its last.
    """
    numbers = {label: number for number, (label, _) in PERIOD_TYPES.items()}
    through = None if first_unposted is None else first_unposted - timedelta(days=1)
    return {
        "id": contract_id,
        "companyID": company,
        "contractName": name,
        "contractType": contract_type,
        "contractCategory": 1,
        "contractPeriodType": numbers.get(period, 99),
        "startDate": moment(starts),
        "endDate": moment(ends),
        "status": status,
        "timeReportingRequiresStartAndStopTimes": 0,
        BILLING: billing,
        POSTED_THROUGH: None if through is None or through < starts else through.isoformat(),
    }


def a_contract_service(
    line_id: int = 501,
    *,
    contract: int = 7001,
    service: int = 101,
    units: int | dict[date, int] | None = 10,
    starts: date = date(2026, 1, 1),
    price: str | Decimal | None = None,
    invoice_description: str | None = None,
    internal_description: str | None = None,
) -> Record:
    """A service of a contract.

    Args:
        units: In force from ``starts`` on, or by first day; None: it has none yet.
    """
    by_day = units if isinstance(units, dict) else {} if units is None else {starts: units}
    record: Record = {
        "id": line_id,
        "contractID": contract,
        "serviceID": service,
        UNITS: {first.isoformat(): total for first, total in by_day.items()},
    }
    if price is not None:
        record["unitPrice"] = Decimal(price)
    if invoice_description is not None:
        record["invoiceDescription"] = invoice_description
    if internal_description is not None:
        record["internalDescription"] = internal_description
    return record


def a_contract_bundle(line_id: int = 601, *, bundle: int = 301, **more: object) -> Record:
    """A bundle of a contract; what else can be said is as for ``a_contract_service``."""
    record = a_contract_service(line_id, **more)  # type: ignore[arg-type]  # passed on as it came
    del record["serviceID"]
    return {**record, "serviceBundleID": bundle}


def a_user(
    user_name: str = "readonly@contoso.example",
    *,
    secret: str = "other-secret",  # noqa: S107 - made up
    integration_code: str = "OTHERCODE",
    denied: tuple[str, ...] = (),
) -> ApiUser:
    """An API user with keys of its own; ``denied`` names what it may not: ``read``, ``write``."""
    return ApiUser(user_name, secret, integration_code, frozenset(denied))
