"""The repositories on real tables: the contract suites, and what only the storage can show."""

import secrets
import traceback
from dataclasses import replace
from datetime import timedelta

import pytest

from local.azurite import azurite as run_azurite
from shared.adapters.storage import StorageAccount, Transactions, table_service
from shared.adapters.tables.repositories import repositories
from shared.adapters.tables.table import Entity, Tables
from shared.domain.errors import (
    AccessDeniedError,
    LeaseTakenError,
    OperatorActionError,
    StaleVersionError,
    UpstreamUnavailableError,
)
from shared.domain.ids import CustomerId, GroupId
from shared.domain.runs import ItemState, RunState
from tests.builders import (
    CUSTOMER,
    E5_ROW,
    GROUP,
    MAIN,
    NOW,
    RUN,
    TENANT,
    a_change,
    a_customer,
    a_ledger,
    a_mapping,
    a_reconciled_line,
    a_run,
    a_sku,
    a_snapshot,
    a_tenant_record,
    an_alert,
    an_item,
)
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
from tests.contract.repositories.refresh_tokens import RefreshTokensContract, a_refresh_token
from tests.contract.repositories.runs import RunsContract
from tests.contract.repositories.stored import at_once
from tests.contract.repositories.trends import ForgettingContract, TrendsContract
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.stack


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture(scope="module")
def transactions():
    return Transactions()


@pytest.fixture(scope="module")
def service(azurite, transactions):
    with table_service(StorageAccount(azurite.connection_string), transactions) as client:
        yield client


@pytest.fixture
def tables(service):
    """Tables of this test's own; none of them exists yet."""
    return Tables(service, prefix=f"t{secrets.token_hex(6)}")


@pytest.fixture
def stored(tables, clock):
    return repositories(tables, clock)


@pytest.fixture
def spent(transactions):
    """Return what a call costs in requests."""

    def count(call):
        before = transactions.total
        call()
        return transactions.total - before

    return count


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
    def test_a_tenant_that_is_too_large_is_refused_in_words(self, stored):
        record = a_tenant_record(a_snapshot([a_sku()] * 3000))

        with pytest.raises(OperatorActionError, match="too large to store"):
            stored.snapshots.save(None, record)
        assert stored.snapshots.get(TENANT) is None

    def test_characters_that_take_two_units_fit_a_property(self, stored):
        record = a_tenant_record(problem="🏥" * 100_000)
        stored.snapshots.save(None, record)

        assert stored.snapshots.get(TENANT).value == record


class TestLedgers(LedgersContract):
    pass


class TestIntents(IntentsContract):
    pass


class TestChanges(ChangesContract):
    pass


class TestHeaders(HeadersContract):
    pass


class TestLeases(LeasesContract):
    def test_a_lease_whose_answer_was_lost_is_ours(self, stored, monkeypatch):
        table = stored.leases._entries.table

        def lose_the_answer(entity, create=table.create):
            create(entity)
            return create(entity)  # as the library sends it once more

        monkeypatch.setattr(table, "create", lose_the_answer)
        lease = stored.leases.take(CUSTOMER, GROUP)

        lease.release()
        monkeypatch.undo()
        stored.leases.take(CUSTOMER, GROUP)

    def test_a_renewal_whose_answer_was_lost_counts(self, stored, clock, monkeypatch):
        table = stored.leases._entries.table
        lease = stored.leases.take(CUSTOMER, GROUP)
        clock.pass_time(timedelta(seconds=30))

        def lose_the_answer(entity, version, replace=table.replace):
            replace(entity, version)
            return replace(entity, version)

        monkeypatch.setattr(table, "replace", lose_the_answer)
        lease.keep()
        monkeypatch.undo()

        clock.pass_time(timedelta(seconds=30))
        lease.keep()
        with pytest.raises(LeaseTakenError):
            stored.leases.take(CUSTOMER, GROUP)


class TestConnections(ConnectionsContract):
    def test_another_worker_sees_a_pause_within_two_seconds(self, stored, tables, clock):
        other = repositories(tables, clock)
        assert other.connection_states.paused_until("psa-main") is None
        stored.connection_states.pause("psa-main", NOW + timedelta(seconds=60))

        clock.pass_time(timedelta(seconds=2))

        assert other.connection_states.paused_until("psa-main") == NOW + timedelta(seconds=60)


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


class TestCost:
    """Requests that each call takes, once its table is there."""

    def test_reads_take_one_request(self, stored, spent):
        stored.customers.add(a_customer())
        stored.mappings.put(None, a_mapping())
        stored.ledgers.save(None, a_ledger())
        stored.runs.add(a_run())
        stored.alerts.put([an_alert()])
        stored.changes.add(a_change())

        assert spent(lambda: stored.customers.get(CUSTOMER)) == 1
        assert spent(stored.customers.all) == 2
        assert spent(stored.customers.all) == 1  # as long as nobody changes one
        assert spent(stored.alerts.open) == 2
        assert spent(stored.alerts.open) == 1
        assert spent(stored.customers.list) == 1
        assert spent(lambda: stored.mappings.of_customer(CUSTOMER)) == 1
        assert spent(lambda: stored.ledgers.of_customer(CUSTOMER)) == 1
        assert spent(lambda: stored.books.of_customer(CUSTOMER)) == 1
        assert spent(stored.runs.unclosed) == 1
        assert spent(lambda: stored.alerts.open_of(CUSTOMER)) == 1
        assert spent(lambda: stored.changes.of_customer(CUSTOMER, row_id=E5_ROW)) == 1

    def test_writes_take_one_request(self, stored, spent):
        read = stored.ledgers.save(None, a_ledger())
        run = stored.runs.add(a_run())
        mapping = stored.mappings.put(None, a_mapping())
        done = replace(run.value, state=RunState.FINISHED)
        left = a_mapping(effective_to=NOW.date())
        stored.alerts.put([an_alert(subject="other")])

        assert spent(lambda: stored.ledgers.save(read, a_ledger())) == 1
        assert spent(lambda: stored.runs.save(run, done)) == 1
        assert spent(lambda: stored.mappings.put(mapping, a_mapping(), [left])) == 1
        assert spent(lambda: stored.alerts.put([an_alert()])) == 1
        assert spent(lambda: stored.alerts.put([])) == 0

    def test_a_lease_takes_two_requests(self, stored, spent):
        stored.leases.take(CUSTOMER, GROUP).release()

        assert spent(lambda: stored.leases.take(CUSTOMER, GROUP).release()) == 2

    def test_items_are_written_a_hundred_at_a_time(self, stored, spent):
        stored.runs.put_items([an_item()])
        items = [an_item(customer_id=CustomerId(f"c{number}")) for number in range(250)]

        assert spent(lambda: stored.runs.put_items(items)) == 3

    def test_what_a_read_found_in_step_is_one_request(self, stored, spent):
        own = an_item(None, state=ItemState.READ)
        groups = [an_item(GroupId(f"{n:016x}"), state=ItemState.UNCHANGED) for n in range(8)]
        stored.runs.put_items([an_item()])

        assert spent(lambda: stored.runs.put_read(own, groups)) == 1

    def test_lines_that_are_as_they_were_are_looked_at_in_two_requests(self, stored, spent):
        lines = [a_reconciled_line(group_id=f"{n:016x}") for n in range(8)]
        looks = [
            [replace(line, checked_at=line.checked_at + timedelta(days=day)) for line in lines]
            for day in range(3)
        ]
        stored.reconciliation.replace(CUSTOMER, looks[0])

        assert spent(lambda: stored.reconciliation.replace(CUSTOMER, looks[1])) == 2
        changed = [replace(looks[2][0], billed=1), *looks[2][1:]]
        assert spent(lambda: stored.reconciliation.replace(CUSTOMER, changed)) == 3

    def test_large_items_are_written_in_smaller_transactions(self, stored, spent):
        large = [an_item(customer_id=CustomerId(f"c{n}"), message="x" * 200_000) for n in range(30)]
        stored.runs.put_items([an_item()])

        assert spent(lambda: stored.runs.put_items(large)) == 2
        assert len(list(stored.runs.items(RUN))) == 31

    def test_a_pause_is_not_asked_for_at_every_call(self, stored, spent):
        asked = spent(
            lambda: [stored.connection_states.paused_until("psa-main") for _ in range(100)]
        )

        assert asked == 1


class TestTables:
    def test_tables_are_created_by_the_first_write_and_not_by_reads(self, tables, service):
        table = tables.table("things")

        assert table.get("p", "r") is None
        assert table.query("p") == []
        table.delete("p", "r")
        with pytest.raises(StaleVersionError):
            table.replace(Entity("p", "r", {}), 'W/"x"')
        assert not list(service.query_tables(f"TableName eq '{table.name}'"))

        table.create(Entity("p", "r", {"n": 1}))

        assert table.get("p", "r").properties["n"] == 1

    def test_a_table_that_workers_create_at_once_has_all_they_wrote(self, tables):
        table = tables.table("things")

        answers = at_once(
            *[lambda n=n: table.put_all([Entity("p", f"r{n}", {})]) for n in range(8)]
        )

        assert answers == [None] * 8
        assert len(table.query("p")) == 8

    def test_more_than_a_thousand_entities_come_in_one_list(self, tables):
        table = tables.table("things")
        table.put_all(Entity("p", f"{number:04d}", {}) for number in range(1050))

        assert len(table.query("p")) == 1050
        assert len(table.query("p", limit=1020)) == 1020

    def test_a_newer_form_is_refused_in_words(self, stored, tables):
        table = tables.table("customers")
        table.create(Entity("customers", CUSTOMER, {"schema": 2, "data": "{}"}))

        with pytest.raises(OperatorActionError, match="newer version"):
            stored.customers.get(CUSTOMER)

    def test_damage_names_the_field_and_quotes_nothing(self, stored, tables):
        table = tables.table("customers")
        table.create(Entity("customers", CUSTOMER, {"schema": 1, "data": '{"name": "secret"}'}))

        with pytest.raises(OperatorActionError, match="tenant_id") as caught:
            stored.customers.get(CUSTOMER)
        assert "secret" not in str(caught.value)

    # The library looks at a refusal's XML in a way that Python 3.12 and later warn of.
    @pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")
    def test_a_wrong_key_is_access_denied(self, azurite, clock):
        wrong = azurite.connection_string.replace("AccountKey=", "AccountKey=AAAA")
        with table_service(StorageAccount(wrong)) as client:
            stored = repositories(Tables(client), clock)
            with pytest.raises(AccessDeniedError) as caught:
                stored.customers.get(CUSTOMER)
        assert "Storage Table Data Contributor" in caught.value.remedy

    def test_storage_that_is_down_is_unavailable(self, clock):
        with run_azurite() as gone:
            account = StorageAccount(gone.connection_string)
        with table_service(account) as client:
            stored = repositories(Tables(client), clock)
            calls = [
                lambda: stored.customers.get(CUSTOMER),
                stored.customers.all,
                lambda: stored.customers.add(a_customer()),
                lambda: stored.leases.take(CUSTOMER, GROUP),
                lambda: stored.runs.put_items([an_item()]),
                lambda: stored.mappings.include(CUSTOMER, E5_ROW),
                lambda: stored.headers.get_many(RUN, MAIN, [a_ledger().group_id]),
            ]
            for call in calls:
                with pytest.raises(UpstreamUnavailableError, match="storage"):
                    call()


class TestRefreshTokens(RefreshTokensContract):
    @pytest.fixture
    def refresh_tokens(self, stored):
        return stored.refresh_tokens

    def test_a_damaged_token_is_not_told(self, tables, stored):
        value = "made-up-token"
        damaged = {"schema": 1, "data": f'{{"value": "{value}", "origin": 5'}
        tables.table("connections").create(Entity("refresh-tokens", MAIN, damaged))

        with pytest.raises(OperatorActionError) as caught:
            stored.refresh_tokens.get(MAIN)

        told = "".join(traceback.format_exception(caught.value))
        assert "main: a refresh token is stored damaged" in told
        assert value not in told

    def test_pauses_and_tokens_of_one_name_stand_apart(self, stored):
        stored.connection_states.pause(MAIN, NOW + timedelta(seconds=30))
        kept = stored.refresh_tokens.save(MAIN, None, a_refresh_token())

        assert stored.refresh_tokens.get(MAIN) == kept
        assert stored.connection_states.paused_until(MAIN) is not None
