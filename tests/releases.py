"""What a release leaves behind in queues and tables: ``python -m tests.releases``.

``make fixtures`` writes what this code stores to ``tests/data/releases/<version>/``, once for each
release; ``tests/unit/test_releases.py`` shows that later code reads all of them. Everything goes
through the real codecs and repositories, on tables in memory.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from shared.adapters.tables.repositories import Repositories, repositories
from shared.domain.agreements import (
    AddProrata,
    AdjustQuantity,
    EndLine,
    ProrataRow,
    QuantityStep,
    RemoveLine,
    SetDescription,
    SetPrice,
    SetQuantity,
)
from shared.domain.alerts import AlertKind
from shared.domain.approvals import ApprovalState
from shared.domain.commerce import PartnerReading
from shared.domain.commitments import BillingCycle, CommitmentStatus, PartnerSubscription
from shared.domain.custom import CopyOf, GroupMembers
from shared.domain.customers import StatedTerm, UserFilter
from shared.domain.descriptions import LineText, RowText, UserList
from shared.domain.digests import Claims, Frequency, Routing
from shared.domain.errors import LeaseTakenError
from shared.domain.foreign_lines import LineEnding
from shared.domain.guards import GuardSettings
from shared.domain.ids import AgreementId, CustomLicenseId, ProfileId, RunId
from shared.domain.ledger import SeatOverride
from shared.domain.mappings import DescriptionOptions, PriceKind, PricePolicy, Usernames
from shared.domain.movements import Movement, SeatChange
from shared.domain.preferences import DefaultView, Preferences
from shared.domain.runs import ItemState, RunState, Totals
from shared.domain.sharing import Held, Overlap, Share, UserTally
from shared.domain.terms import TermLength
from shared.domain.trends import LicenseSeats, Managed, TrendPoint
from shared.messages import encode
from shared.ports import (
    KeptLines,
    LicenseSync,
    ReconciliationFilter,
    RefreshToken,
    TenantSync,
    Versioned,
)
from shared.version import VERSION
from tests.builders import (
    AGREEMENT,
    BUSINESS_PREMIUM,
    BUSINESS_PREMIUM_ROW,
    CUSTOMER,
    E5,
    E5_ROW,
    EDITOR,
    GROUP,
    LINE,
    MAIN,
    NOW,
    OTHER_CUSTOMER,
    OTHER_GROUP,
    RUN,
    SUBSCRIPTION,
    TENANT,
    TODAY,
    a_change,
    a_create,
    a_custom_license,
    a_customer,
    a_delivery,
    a_dismissal,
    a_global_exclusion,
    a_ledger,
    a_license_sync,
    a_line,
    a_mapping,
    a_people_count,
    a_profile,
    a_reconciled_line,
    a_row_exclusion,
    a_run,
    a_snapshot,
    a_subscription,
    a_tenant_record,
    a_tenant_sync,
    an_agreement,
    an_alert,
    an_approval,
    an_intent,
    an_item,
    dollars,
)
from tests.fakes.clock import FakeClock
from tests.fakes.memory_tables import MemoryTables

RELEASES = Path(__file__).parent / "data" / "releases"
OTHER_RUN = RunId("run-0")
LATER = NOW + timedelta(hours=1)

_SALES = UserFilter(department=("Sales",), office=("North",), city=("Town",), state=("ST",))
_OPTIONS = DescriptionOptions(
    overwrite="Licences", usernames=Usernames.COMMA, term_and_end_date=True, changes=True
)
_TEXT = LineText(
    rows=(
        RowText(
            E5_ROW,
            "Microsoft 365 E5",
            _OPTIONS,
            term="Annual",
            ends=date(2027, 5, 12),
            unassigned=1,
            users=UserList(("Ann Abel",), 2),
        ),
    ),
    product_name="Microsoft 365 E5",
    limit=6000,
)
_BOUGHT = PartnerSubscription(
    commerce_id="commerce-0001",
    friendly_name="Microsoft 365 E5",
    term=TermLength.ANNUAL,
    billing_cycle=BillingCycle.MONTHLY,
    commitment_end=date(2027, 5, 12),
    auto_renew=True,
    quantity=10,
    status=CommitmentStatus.ACTIVE,
    is_trial=False,
    next_quantity=8,
)
_TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_ENDING = LineEnding(LINE, "ACME-501", None, date(2026, 3, 31), "E5 (ACME-501)", "moving")


# Messages ----------------------------------------------------------------------------------------


def tenant_messages() -> list[TenantSync]:
    """Return messages of the queue ``tenant-sync``: plain, and with every field."""
    both = (CUSTOMER, OTHER_CUSTOMER)
    full = a_tenant_sync(customer_ids=both, row_id=E5_ROW, agreements=(an_agreement(),), attempt=3)
    return [a_tenant_sync(), replace(full, urgent=True, traceparent=_TRACEPARENT)]


def license_messages() -> list[LicenseSync]:
    """Return messages of the queue ``license-sync``: plain, and with every field."""
    return [
        a_license_sync(),
        a_license_sync(agreement=an_agreement(), text=_TEXT, approval_id="contoso.1", attempt=2),
        a_license_sync(agreement=an_agreement(cycle=None, starts=None, problem="odd")),
        replace(
            a_license_sync(undo_of="change-1"),
            ending=_ENDING,
            urgent=True,
            traceparent=_TRACEPARENT,
        ),
    ]


# Tables ------------------------------------------------------------------------------------------


def write(stored: Repositories) -> None:
    """Store values in every table: with their defaults, and with every field."""
    _write_decisions(stored)
    _write_billing(stored)
    _write_attention(stored)


def _write_decisions(stored: Repositories) -> None:
    stored.customers.add(a_customer())
    term = StatedTerm(SUBSCRIPTION, TermLength.ANNUAL, EDITOR, NOW)
    full = a_customer(OTHER_CUSTOMER, user_filter=_SALES, split=[E5], accept_overlap=True)
    stored.customers.add(replace(full, merged=frozenset({BUSINESS_PREMIUM}), terms=(term,)))
    stored.profiles.add(a_profile())
    fixed = PricePolicy(PriceKind.FIXED, dollars("31.100"))
    stored.profiles.add(a_profile(ProfileId("fixed"), agreement_types=("Managed",), price=fixed))
    stored.mappings.put(
        None,
        a_mapping(effective_from=TODAY),
        [a_mapping(effective_to=TODAY - timedelta(days=1))],
    )
    full_mapping = a_mapping(
        BUSINESS_PREMIUM_ROW,
        included=2,
        minimum=5,
        negative_prorate=True,
        override_start=TODAY,
        description=_OPTIONS,
        count_trials=True,
    )
    stored.mappings.put(None, full_mapping)
    stored.mappings.exclude(a_row_exclusion(leave_line=True))
    stored.custom_licenses.add(a_custom_license())
    group = GroupMembers("00000000-0000-4000-8000-00000000cccc", include_disabled=True, nested=True)
    sources = {"group": group, "copy": CopyOf((E5_ROW,))}
    for name, source in sources.items():
        stored.custom_licenses.add(
            a_custom_license(CustomLicenseId(name), name=name, source=source, retired=True)
        )
    stored.exclusions.save(Versioned((), ""), (a_global_exclusion(),))
    preferences = Preferences(
        GuardSettings(fall_seats=7, freeze_days=2),
        DefaultView.SUBSCRIPTIONS,
        Routing({AlertKind.HELD: Frequency.DAILY}, hour=7),
    )
    stored.settings.save(Versioned(Preferences(), ""), preferences)


def _write_billing(stored: Repositories) -> None:
    held = (Held(E5, 10, disabled=1, guests=2),)
    share = Share(CUSTOMER, "Contoso", _SALES, 9, held)
    overlap = Overlap((CUSTOMER, OTHER_CUSTOMER), 1)
    tally = UserTally(NOW, 12, 2, 1, (share,), (overlap,), held, held, held)
    record = a_tenant_record(
        a_snapshot(subscriptions=[a_subscription()]),
        failures=2,
        failing_since=NOW,
        problem="no answer",
    )
    stored.snapshots.save(
        None,
        replace(
            record,
            users=tally,
            people=(a_people_count(),),
            failed_in=RUN,
            movements=(Movement(NOW, (SeatChange(E5_ROW, 10, 12),)),),
            partner=PartnerReading(NOW, (_BOUGHT,), "late"),
        ),
    )
    stored.ledgers.save(None, a_ledger())
    override = SeatOverride(9, TODAY, "agreed", EDITOR)
    full = replace(a_ledger(OTHER_GROUP), override=override, line_ends=TODAY, retired=True)
    stored.ledgers.save(None, replace(full, description="Licences"))
    operations = (
        a_create(unit_price=dollars("31.00"), description="Licences", ends=TODAY),
        SetQuantity(AGREEMENT, LINE, 10, 12),
        AdjustQuantity(AGREEMENT, LINE, 10, 12, TODAY),
        AddProrata(AGREEMENT, LINE, 10, 12, TODAY),
        SetPrice(AGREEMENT, LINE, dollars("1"), dollars("2")),
        SetDescription(AGREEMENT, LINE, "new"),
        RemoveLine(AGREEMENT, LINE),
        EndLine(AGREEMENT, LINE, TODAY),
    )
    stored.intents.open(an_intent(operations=operations))
    stored.leases.take(CUSTOMER, GROUP)
    stored.changes.add(a_change())
    stored.changes.add(a_change("change-2", before=None, at=LATER, actor=EDITOR))
    seats = LicenseSeats(E5_ROW, "Microsoft 365 E5", 12, 11)
    money = ((MAIN, dollars("310.00")),)
    managed = (Managed(MAIN, 3, 25, 1, dollars("310.00"), 2),)
    stored.trends.put(TrendPoint(CUSTOMER, TODAY, (seats,), money, managed))
    line = a_reconciled_line()
    for look in (line, replace(line, checked_at=LATER)):
        stored.reconciliation.replace(CUSTOMER, [look])
    stored.headers.put(RUN, MAIN, [an_agreement(parent_id=AgreementId("7000"))])
    line = replace(
        a_line(marker="SEATSYNC made up"),
        steps=(QuantityStep(TODAY, 10),),
        waiting=(ProrataRow(TODAY, 2),),
        computed=True,
    )
    stored.headers.put_lines(RUN, MAIN, [KeptLines(AGREEMENT, (a_line(), line), NOW)])


def _write_attention(stored: Repositories) -> None:
    stored.runs.add(a_run())
    done = a_run(OTHER_RUN, state=RunState.FINISHED, finished_at=LATER, stop_reason="many change")
    totals = Totals(1, changed=1, unchanged=0, held=0, blocked=0, failed=0, queued=0, seats=12)
    stored.runs.add(replace(done, changing=1, emptied=(CUSTOMER,), totals=totals))
    message = encode(a_license_sync())
    stored.runs.put_items(
        [
            an_item(message=message),
            an_item(run_id=OTHER_RUN, state=ItemState.CHANGED, before=10, after=12, detail="done"),
        ]
    )
    held = an_item(OTHER_GROUP, state=ItemState.HELD, before=10, after=7, detail="fewer")
    stored.runs.put_read(an_item(None, state=ItemState.READ), [held])
    decided = an_approval("plan-2", state=ApprovalState.REJECTED)
    decided = replace(decided, decided_by=EDITOR, decided_at=LATER, note="a mistake")
    stored.approvals.put([an_approval(), decided])
    alert = an_alert()
    cleared = an_alert(AlertKind.STALE, customer_id=None, row_id=None, cleared_at=LATER)
    stored.alerts.put([alert, replace(cleared, matter="48 hours")], [alert.alert_id])
    stored.dismissals.put(a_dismissal())
    claims = Claims({Frequency.DAILY: "2026-03-17"}, ("contoso.1",))
    stored.deliveries.open(Versioned(Claims(), ""), claims, [a_delivery()])
    pause = NOW + timedelta(minutes=5)
    stored.connection_states.pause("main", pause)
    stored.connection_states.tenants_listed(MAIN, NOW)
    stored.refresh_tokens.save(MAIN, None, RefreshToken("made-up", "made-up-origin", NOW))


def lists_of(stored: Repositories) -> dict[str, Callable[[], Iterable[object]]]:
    """What is stored, by table and kind; two names for one table where it holds two kinds."""
    return {
        "alerts": lambda: stored.alerts.list().items,
        "alerts, open": stored.alerts.open,
        "alerts, news": stored.alerts.news,
        "alerts, dismissals": lambda: stored.dismissals.all().values(),
        "approvals": lambda: stored.approvals.list(open_only=False).items,
        "approvals, open": lambda: stored.approvals.open_of(CUSTOMER),
        "changes": lambda: stored.changes.of_customer(CUSTOMER).items,
        "changes, of a row": lambda: stored.changes.of_customer(CUSTOMER, row_id=E5_ROW).items,
        "connections": lambda: [stored.connection_states.paused_until("main")],
        "connections, tenants": lambda: [stored.connection_states.tenants_listed_at(MAIN)],
        "connections, refresh tokens": lambda: [stored.refresh_tokens.get(MAIN).value],
        "customers": stored.customers.all,
        "books, custom licences": lambda: _values(stored.custom_licenses.of_customer(CUSTOMER)),
        "deliveries": lambda: _values(stored.deliveries.all()),
        "deliveries, claims": lambda: [stored.deliveries.claims().value],
        "exclusions": lambda: [stored.exclusions.get().value],
        "headers": lambda: stored.headers.get_many(RUN, MAIN, [AGREEMENT]).values(),
        "books, intents": lambda: stored.intents.of_customer(CUSTOMER),
        "leases": lambda: [_lease(stored)],
        "books, ledgers": lambda: _values(stored.ledgers.of_customer(CUSTOMER)),
        "lines": lambda: stored.headers.get_lines(RUN, MAIN, [AGREEMENT]).values(),
        "books": lambda: _values(stored.mappings.of_customer(CUSTOMER)),
        "books, exclusions": lambda: stored.mappings.exclusions(CUSTOMER),
        "profiles": lambda: _values(stored.profiles.all()),
        "reconciliation": lambda: stored.reconciliation.page(ReconciliationFilter()).items,
        "runitems": lambda: [*stored.runs.items(RUN), *stored.runs.items(OTHER_RUN)],
        "runs": lambda: stored.runs.list().items,
        "runs, unclosed": stored.runs.unclosed,
        "settings": lambda: [stored.settings.get().value],
        "snapshots": lambda: _values(filter(None, [stored.snapshots.get(TENANT)])),
        "trends": lambda: stored.trends.since(CUSTOMER, TODAY),
    }


def read(stored: Repositories) -> dict[str, list[Any]]:
    """Return all that is stored, as plain JSON values by table and kind."""
    return {name: [plain(one) for one in found()] for name, found in lists_of(stored).items()}


def on(tables: MemoryTables) -> Repositories:
    """Return the real repositories on these tables; it is ``NOW``."""
    return repositories(tables, FakeClock())  # type: ignore[arg-type]  # stands for Tables


def plain(value: object) -> Any:
    """Return a value as JSON would have it; sets become sorted lists."""
    if is_dataclass(value) and not isinstance(value, type):
        shown = {one.name: plain(getattr(value, one.name)) for one in fields(value)}
        return {"": type(value).__name__, **shown}
    if isinstance(value, frozenset):
        return sorted(plain(one) for one in value)
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    return to_jsonable_python(value)


def _lease(stored: Repositories) -> str:
    """How a lease is read: by who wants it too."""
    try:
        stored.leases.take(CUSTOMER, GROUP)
    except LeaseTakenError as error:
        return str(error)
    raise AssertionError("the lease was free")


def _values(found: Iterable[Versioned[Any]]) -> list[Any]:
    return [one.value for one in found]


def main(argv: Sequence[str]) -> int:
    """Write what this release stores. Once it is out, its files never change; ``--again`` is for
    before.
    """
    directory = RELEASES / VERSION
    if directory.exists() and "--again" not in argv:
        sys.stderr.write(f"{directory.name}: the fixtures of a release never change\n")
        return 1
    tables = MemoryTables()
    stored = on(tables)
    write(stored)
    messages = {
        "tenant-sync": [[encode(one), plain(one)] for one in tenant_messages()],
        "license-sync": [[encode(one), plain(one)] for one in license_messages()],
    }
    content = {"messages": messages, "tables": tables.dump(), "values": read(on(tables))}
    directory.mkdir(parents=True, exist_ok=True)
    for name, one in content.items():
        text = json.dumps(one, indent=1, ensure_ascii=False)
        (directory / f"{name}.json").write_text(text + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
