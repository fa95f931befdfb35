"""All repositories on one storage account."""

from dataclasses import dataclass
from datetime import timedelta

from shared.adapters.tables.alerts import AlertTable
from shared.adapters.tables.approvals import ApprovalTable
from shared.adapters.tables.books import BookTable
from shared.adapters.tables.changes import ChangeTable
from shared.adapters.tables.connections import ConnectionTable
from shared.adapters.tables.custom_licenses import CustomLicenseTable
from shared.adapters.tables.customers import CustomerTable
from shared.adapters.tables.deliveries import DeliveryTable
from shared.adapters.tables.dismissals import DismissalTable
from shared.adapters.tables.exclusions import ExclusionTable
from shared.adapters.tables.headers import HeaderTable
from shared.adapters.tables.intents import IntentTable
from shared.adapters.tables.leases import LASTS, LeaseTable
from shared.adapters.tables.ledgers import LedgerTable
from shared.adapters.tables.mappings import MappingTable
from shared.adapters.tables.profiles import ProfileTable
from shared.adapters.tables.reconciliation import ReconciliationTable
from shared.adapters.tables.refresh_tokens import RefreshTokenTable
from shared.adapters.tables.runs import RunTable
from shared.adapters.tables.settings import SettingsTable
from shared.adapters.tables.snapshots import SnapshotTable
from shared.adapters.tables.table import Tables
from shared.adapters.tables.trends import TrendTable
from shared.ports import (
    AlertRepository,
    ApprovalRepository,
    BookRepository,
    ChangeRepository,
    Clock,
    ConnectionStates,
    CustomerRepository,
    CustomLicenseRepository,
    DeliveryRepository,
    DismissalRepository,
    ExclusionRepository,
    HeaderRepository,
    IntentRepository,
    LeaseRepository,
    LedgerRepository,
    MappingRepository,
    ProfileRepository,
    ReconciliationRepository,
    RefreshTokens,
    RunRepository,
    SettingsRepository,
    SnapshotRepository,
    TrendRepository,
)


@dataclass(frozen=True, slots=True)
class Repositories:
    """One of each; the names are those of ``Services``, where use cases need it."""

    connection_states: ConnectionStates
    customers: CustomerRepository
    profiles: ProfileRepository
    books: BookRepository
    mappings: MappingRepository
    custom_licenses: CustomLicenseRepository
    exclusions: ExclusionRepository
    snapshots: SnapshotRepository
    ledgers: LedgerRepository
    intents: IntentRepository
    leases: LeaseRepository
    changes: ChangeRepository
    runs: RunRepository
    trends: TrendRepository
    headers: HeaderRepository
    approvals: ApprovalRepository
    alerts: AlertRepository
    reconciliation: ReconciliationRepository
    dismissals: DismissalRepository
    deliveries: DeliveryRepository
    settings: SettingsRepository
    refresh_tokens: RefreshTokens


def repositories(tables: Tables, clock: Clock, lease: timedelta = LASTS) -> Repositories:
    """Return the repositories on these tables; nothing is read or created yet.

    Args:
        lease: How long a lease lasts unless it is renewed.
    """
    mappings, custom_licenses = MappingTable(tables), CustomLicenseTable(tables)
    ledgers, intents, trends = LedgerTable(tables), IntentTable(tables), TrendTable(tables)
    return Repositories(
        connection_states=ConnectionTable(tables, clock),
        customers=CustomerTable(tables),
        profiles=ProfileTable(tables),
        books=BookTable(mappings, custom_licenses, ledgers, intents, trends),
        mappings=mappings,
        custom_licenses=custom_licenses,
        exclusions=ExclusionTable(tables),
        snapshots=SnapshotTable(tables),
        ledgers=ledgers,
        intents=intents,
        leases=LeaseTable(tables, clock, lease),
        changes=ChangeTable(tables),
        runs=RunTable(tables),
        trends=trends,
        headers=HeaderTable(tables),
        approvals=ApprovalTable(tables),
        reconciliation=ReconciliationTable(tables),
        alerts=AlertTable(tables),
        dismissals=DismissalTable(tables),
        deliveries=DeliveryTable(tables),
        settings=SettingsTable(tables),
        refresh_tokens=RefreshTokenTable(tables),
    )
