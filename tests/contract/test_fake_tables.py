"""The repositories in memory keep the promises of the real ones."""

import pytest

from tests.contract.repositories.attention import (
    AlertsContract,
    ApprovalsContract,
    DeliveriesContract,
    DismissalsContract,
    SettingsContract,
)
from tests.contract.repositories.billing import (
    ChangesContract,
    HeadersContract,
    IntentsContract,
    LedgersContract,
    SnapshotsContract,
)
from tests.contract.repositories.books import BooksContract
from tests.contract.repositories.custom_licenses import CustomLicensesContract
from tests.contract.repositories.customers import CustomersContract, ProfilesContract
from tests.contract.repositories.leases import ConnectionsContract, LeasesContract
from tests.contract.repositories.mappings import ExclusionsContract, MappingsContract
from tests.contract.repositories.reconciliation import ReconciliationContract
from tests.contract.repositories.refresh_tokens import RefreshTokensContract
from tests.contract.repositories.runs import RunsContract
from tests.contract.repositories.trends import ForgettingContract, TrendsContract
from tests.fakes.clock import FakeClock
from tests.fakes.services import fake_services
from tests.fakes.tables import FakeRefreshTokens


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def stored(clock):
    return fake_services(clock=clock)


class TestCustomers(CustomersContract):
    pass


class TestProfiles(ProfilesContract):
    pass


class TestMappings(MappingsContract):
    pass


class TestBooks(BooksContract):
    pass


class TestCustomLicenses(CustomLicensesContract):
    pass


class TestExclusions(ExclusionsContract):
    pass


class TestSnapshots(SnapshotsContract):
    pass


class TestLedgers(LedgersContract):
    pass


class TestIntents(IntentsContract):
    pass


class TestChanges(ChangesContract):
    pass


class TestHeaders(HeadersContract):
    pass


class TestLeases(LeasesContract):
    pass


class TestConnections(ConnectionsContract):
    pass


class TestRuns(RunsContract):
    pass


class TestApprovals(ApprovalsContract):
    pass


class TestAlerts(AlertsContract):
    pass


class TestDismissals(DismissalsContract):
    pass


class TestDeliveries(DeliveriesContract):
    pass


class TestTrends(TrendsContract):
    pass


class TestForgetting(ForgettingContract):
    pass


class TestReconciliation(ReconciliationContract):
    pass


class TestSettings(SettingsContract):
    pass


class TestRefreshTokens(RefreshTokensContract):
    @pytest.fixture
    def refresh_tokens(self):
        return FakeRefreshTokens()
