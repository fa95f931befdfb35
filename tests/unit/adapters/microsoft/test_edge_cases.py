"""The awkward tenants that a naive reader gets wrong. The numbers are those of the list of edge
cases; cases 12 to 15 are in ``test_trouble``, 24 is among the tests of payloads.
"""

from datetime import UTC, datetime

import pytest

from local.simulators.microsoft.builders import a_contract, a_state, a_subscription, a_tenant
from local.simulators.microsoft.state import RawOverride, Sku, Status, Tenant
from shared.adapters.microsoft.sku_names import free_skus, sku_names
from shared.domain.errors import UnexpectedPayloadError
from shared.domain.ids import SkuId, TenantId
from shared.domain.licensing import Sku as DomainSku
from shared.domain.licensing import SubscriptionStatus, TenantSnapshot
from tests.builders import BUSINESS_PREMIUM, E5, OTHER_TENANT, TENANT
from tests.microsoft_site import microsoft_site

POWER_BI_FREE = SkuId("a403ebcc-fae0-4ca2-8c8c-7a907fd6c235")
STORAGE = SkuId("99049c9c-6011-4908-bf17-15f496e6519d")


def read(*subscriptions, **tenant) -> TenantSnapshot:
    contoso = a_tenant("Contoso", subscriptions, tenant_id=TENANT, **tenant)
    with microsoft_site(contoso) as site:
        return site.source.read_tenant(TENANT)


def only_sku(snapshot: TenantSnapshot) -> DomainSku:
    (sku,) = snapshot.skus
    return sku


def units(sku: DomainSku) -> tuple:
    return sku.enabled, sku.warning, sku.suspended, sku.locked_out


@pytest.mark.parametrize("status", [Status.ENABLED, Status.WARNING])
def test_case_1_a_sku_that_is_all_in_grace_keeps_its_seats(status):
    row = Sku(sku_id=E5, sku_part_number="SPE_E5", capability_status=status)

    sku = only_sku(read(a_subscription(E5, 11, status=Status.WARNING), skus=[row]))

    assert units(sku) == (0, 11, 0, 0)


def test_case_2_seats_bought_again_are_not_mixed_with_those_in_grace():
    snapshot = read(a_subscription(E5, 20), a_subscription(E5, 20, status=Status.WARNING))

    assert units(only_sku(snapshot)) == (20, 20, 0, 0)
    assert [one.status for one in snapshot.subscriptions] == [
        SubscriptionStatus.ENABLED,
        SubscriptionStatus.WARNING,
    ]


def test_case_3_suspended_seats_are_told_apart():
    snapshot = read(a_subscription(E5, 7, status=Status.SUSPENDED))

    assert units(only_sku(snapshot)) == (0, 0, 7, 0)
    assert snapshot.subscriptions[0].status is SubscriptionStatus.SUSPENDED


def test_case_4_more_assigned_than_bought_is_read_as_it_is():
    row = Sku(sku_id=E5, sku_part_number="SPE_E5", enabled=20, consumed=22)

    assert only_sku(read(skus=[row])).consumed == 22


def test_case_5_a_sku_in_two_accounts_is_added_up():
    rows = [
        Sku(sku_id=E5, sku_part_number="SPE_E5", enabled=20, warning=1, consumed=18),
        Sku(
            sku_id=E5.upper(),
            sku_part_number="SPE_E5",
            enabled=5,
            suspended=2,
            consumed=5,
            account_id=OTHER_TENANT,
        ),
    ]

    sku = only_sku(read(skus=rows))

    assert (units(sku), sku.consumed) == ((25, 1, 2, 0), 23)


def test_case_5_an_unknown_number_in_one_account_makes_the_sum_unknown():
    rows = [
        Sku(sku_id=E5, sku_part_number="SPE_E5", enabled=20),
        Sku(sku_id=E5.upper(), sku_part_number="SPE_E5", account_id=OTHER_TENANT),
    ]
    left_out = {E5: RawOverride(put={"prepaidUnits.enabled": None})}

    assert only_sku(read(skus=rows, raw_sku_overrides=left_out)).enabled is None


def test_case_5_a_row_that_comes_twice_is_refused_and_not_added_up():
    rows = [Sku(sku_id=E5, sku_part_number="SPE_E5", enabled=20)] * 2

    with pytest.raises(UnexpectedPayloadError, match=r"value\[1\]\.skuId: came twice"):
        read(skus=rows)


def test_a_subscription_that_comes_twice_is_refused_and_not_counted_twice():
    bought = a_subscription(E5, 20)

    with pytest.raises(UnexpectedPayloadError, match=r"value\[1\]\.id: came twice"):
        read(bought, bought)


def test_case_6_a_trial_beside_paid_seats_is_marked():
    snapshot = read(a_subscription(E5, 20), a_subscription(E5, 25, trial=True))

    assert only_sku(snapshot).enabled == 45
    assert {(s.total_licenses, s.is_trial) for s in snapshot.subscriptions} == {
        (20, False),
        (25, True),
    }


def test_case_6_without_the_mark_a_subscription_might_be_a_trial_of_any_size():
    bought = a_subscription(E5, 20)
    contoso = a_tenant("Contoso", [bought], tenant_id=TENANT)
    contoso.raw_subscription_overrides = {bought.id: RawOverride(put={"isTrial": None})}

    with microsoft_site(contoso) as site:
        (found,) = site.source.read_tenant(TENANT).subscriptions

    assert (found.is_trial, found.total_licenses) == (True, None)


@pytest.mark.parametrize("status", [Status.DELETED, Status.LOCKED_OUT])
def test_case_8_seats_of_a_subscription_at_its_end_are_not_enabled(status):
    snapshot = read(a_subscription(E5, 9, status=status))

    assert only_sku(snapshot).enabled == 0
    assert snapshot.subscriptions[0].status.value == status.value
    assert snapshot.subscriptions[0].total_licenses == 9


def test_case_9_company_skus_and_free_pools_are_told_apart():
    snapshot = read(
        skus=[
            Sku(
                sku_id=STORAGE, sku_part_number="SHAREPOINTSTORAGE", applies_to="Company", enabled=5
            ),
            Sku(sku_id=POWER_BI_FREE, sku_part_number="POWER_BI_STANDARD", enabled=1_000_000),
        ]
    )

    found = {sku.sku_id: sku for sku in snapshot.skus}
    assert found[STORAGE].applies_to == "Company"
    assert found[POWER_BI_FREE].enabled == 1_000_000


def test_case_9_free_skus_are_listed_and_paid_storage_is_not_excluded():
    by_id = {one.sku_id: one for one in free_skus()}

    assert len(by_id) == 45
    assert by_id[POWER_BI_FREE].excluded_by_default is True
    assert by_id[STORAGE].excluded_by_default is False


def test_case_10_a_renamed_product_has_its_new_name():
    assert sku_names()[POWER_BI_FREE] == "Microsoft Fabric (Free)"


def test_case_10_an_unknown_sku_is_read_all_the_same():
    unknown = SkuId("00000000-1111-4222-8333-444444444444")

    snapshot = read(a_subscription(unknown, 3, part_number="NEW_THING"))

    assert unknown not in sku_names()
    assert only_sku(snapshot).sku_part_number == "NEW_THING"


def test_case_11_ids_are_lower_case_and_part_numbers_clean():
    snapshot = read(
        a_subscription(E5.upper(), 20, part_number="\N{NO-BREAK SPACE}SPE_E5 \t"),
        a_subscription(BUSINESS_PREMIUM, 1, part_number="O365_w/o\N{NO-BREAK SPACE}Teams"),
    )

    assert [(s.sku_id, s.sku_part_number) for s in snapshot.skus] == [
        (E5, "SPE_E5"),
        (BUSINESS_PREMIUM, "O365_w/o Teams"),
    ]
    assert [s.sku_id for s in snapshot.subscriptions] == [E5, BUSINESS_PREMIUM]


def test_case_11_one_sku_written_in_two_ways_is_one():
    snapshot = read(
        a_subscription(E5.upper(), 20, account_id="one"),
        a_subscription(E5, 5, account_id="two"),
    )

    assert only_sku(snapshot).enabled == 25


def test_case_16_a_deleted_tenant_is_no_empty_one():
    with microsoft_site(a_tenant("Contoso", [a_subscription(E5, 20)], tenant_id=TENANT)) as site:
        site.source.read_tenant(TENANT)
        site.state.tenants = [one for one in site.state.tenants if one.id != TENANT]

        with pytest.raises(Exception, match=TENANT):
            site.source.read_tenant(TENANT)


def test_case_17_tenants_are_told_apart_by_id_whatever_their_stale_names_say():
    one, other = a_tenant("Contoso", tenant_id=TENANT), a_tenant("Contoso", tenant_id=OTHER_TENANT)
    state = a_state(one, other)
    state.contracts[0].customer_id = TENANT.upper()
    state.contracts[0].display_name = " Old\N{NO-BREAK SPACE}Name "
    one.name = "New Name"

    with microsoft_site(state=state) as site:
        listed = site.source.list_tenants()

    assert {tenant.tenant_id: tenant.name for tenant in listed} == {
        TENANT: "Old Name",
        OTHER_TENANT: "Contoso",
    }


def test_case_17_a_customer_with_two_contracts_is_listed_once():
    contoso = a_tenant("Contoso", tenant_id=TENANT)
    state = a_state(contoso)
    state.contracts.append(a_contract(contoso))

    with microsoft_site(state=state) as site:
        assert [one.tenant_id for one in site.source.list_tenants()] == [TENANT]


@pytest.mark.parametrize(
    ("kind", "listed"),
    [("ResellerPartner", 1), ("SyndicationPartner", 1), ("BreadthPartner", 0), ("Other", 0)],
)
def test_case_18_only_customers_of_a_reseller_are_listed(kind, listed):
    contoso = a_tenant("Contoso", tenant_id=TENANT)
    state = a_state(contoso)
    state.contracts = [a_contract(contoso, contract_type=kind)]

    with microsoft_site(state=state) as site:
        assert len(site.source.list_tenants()) == listed


# Values that the contract allows and nobody expects ---------------------------------------------


def a_broken_sku(path: str, value: object) -> Tenant:
    bought = a_subscription(E5, 20)
    override = RawOverride(put={path: value})
    return a_tenant("Contoso", [bought], tenant_id=TENANT, raw_sku_overrides={E5: override})


@pytest.mark.parametrize(
    "path",
    [
        "prepaidUnits.enabled",
        "prepaidUnits.warning",
        "prepaidUnits.suspended",
        "prepaidUnits.lockedOut",
        "consumedUnits",
    ],
)
@pytest.mark.parametrize("value", [2.5, -1, "20", True, [], {}])
def test_a_number_that_is_none_is_refused_by_name(path, value):
    broken = microsoft_site(a_broken_sku(path, value))
    with broken as site, pytest.raises(UnexpectedPayloadError) as caught:
        site.source.read_tenant(TENANT)

    assert str(caught.value).startswith(f"/subscribedSkus: $.value[0].{path}: expected a whole")


def test_a_sku_without_units_has_none_known():
    with microsoft_site(a_broken_sku("prepaidUnits", None)) as site:
        sku = only_sku(site.source.read_tenant(TENANT))

    assert units(sku) == (None, None, None, None)
    assert sku.consumed == 0


@pytest.mark.parametrize("value", [None, "", "E5", 5])
def test_a_sku_without_an_id_is_refused(value):
    broken = microsoft_site(a_broken_sku("skuId", value))
    with broken as site, pytest.raises(UnexpectedPayloadError, match=r"0\]\.skuId: expected"):
        site.source.read_tenant(TENANT)


def test_a_sku_without_a_part_number_is_called_by_its_id():
    with microsoft_site(a_broken_sku("skuPartNumber", None)) as site:
        assert only_sku(site.source.read_tenant(TENANT)).sku_part_number == E5


@pytest.mark.parametrize(
    ("field", "given", "attribute", "read_as"),
    [
        ("status", "Frozen", "status", None),
        ("status", None, "status", None),
        ("totalLicenses", None, "total_licenses", None),
        ("createdDateTime", None, "created_at", None),
        (
            "nextLifecycleDateTime",
            "2026-05-01T00:00:00.1234567",
            "next_lifecycle_at",
            datetime(2026, 5, 1, 0, 0, 0, 123456, UTC),
        ),
        ("commerceSubscriptionId", "ABC-DEF", "commerce_id", "abc-def"),
        ("commerceSubscriptionId", None, "commerce_id", None),
        ("ownerTenantId", OTHER_TENANT.upper(), "owner_tenant_id", OTHER_TENANT),
        ("ownerTenantId", None, "owner_tenant_id", None),
    ],
)
def test_a_subscriptions_fields(field, given, attribute, read_as):
    bought = a_subscription(E5, 20)
    contoso = a_tenant("Contoso", [bought], tenant_id=TENANT)
    contoso.raw_subscription_overrides = {bought.id: RawOverride(put={field: given})}

    with microsoft_site(contoso) as site:
        (found,) = site.source.read_tenant(TENANT).subscriptions

    assert getattr(found, attribute) == read_as


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("totalLicenses", -1),
        ("totalLicenses", 1.5),
        ("isTrial", "no"),
        ("id", "one"),
        ("skuId", ""),
    ],
)
def test_a_subscription_that_breaks_the_contract_is_refused(field, given):
    bought = a_subscription(E5, 20)
    contoso = a_tenant("Contoso", [bought], tenant_id=TENANT)
    contoso.raw_subscription_overrides = {bought.id: RawOverride(put={field: given})}

    with microsoft_site(contoso) as site, pytest.raises(UnexpectedPayloadError) as caught:
        site.source.read_tenant(TENANT)

    assert f"/directory/subscriptions: $.value[0].{field}: expected" in str(caught.value)


def test_names_are_read_once_and_copies_are_the_callers_own():
    names = sku_names()
    names.clear()

    assert len(sku_names()) == 619
    assert all(key == key.lower() for key in sku_names())


def test_a_tenant_is_asked_for_by_its_id_in_lower_case():
    with microsoft_site(a_tenant("Contoso", tenant_id=TENANT.upper())) as site:
        assert site.source.read_tenant(TenantId(TENANT)).tenant_id == TENANT
