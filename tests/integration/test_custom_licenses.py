"""Custom licences and shared tenants on the real stack: what is counted, billed, and asked for."""

from local.simulators.connectwise.builders import a_company, a_product, an_agreement
from local.simulators.microsoft.builders import a_device, a_group, a_subscription, a_tenant, a_user
from local.simulators.microsoft.state import Tenant, User
from tests.integration.stack import BUSINESS_PREMIUM, Stack

ROW = f"sku-{BUSINESS_PREMIUM}"


def a_person(name: str, department: str, **fields: object) -> User:
    person = a_user(name, sku_ids=[BUSINESS_PREMIUM])
    return person.model_copy(update={"department": department, **fields})


def shared_tenant(stack: Stack) -> Tenant:
    """Three people of Sales, one of them disabled, and one of Labs; a group with odd members."""
    sales = [a_person("Ann Abel", "Sales"), a_person("Bob Baker", " sales")]
    gone = a_person("Cid Cook", "SALES", account_enabled=False)
    labs = a_person("Dee Dunn", "Labs")
    inner = a_group("Inner", [labs])
    devices = [a_device("Printer")]
    group = a_group("Backed up", [*sales, gone, inner, *devices])
    stack.psa.seed(
        companies=[a_company(251, name="Fabrikam")],
        products=[a_product(102)],
        agreements=[an_agreement(7002, company=251)],
    )
    return stack.add_tenant(
        a_tenant(
            "Shared",
            [a_subscription(BUSINESS_PREMIUM, 20)],
            users=[*sales, gone, labs],
            groups=[group, inner],
            things=devices,
        )
    )


def add_part(stack: Stack, tenant: Tenant, company_id: str, **user_filter: list[str]) -> str:
    body = {
        "name": " ".join(user_filter),
        "microsoft": "main",
        "tenant_id": tenant.id,
        "psa": "main",
        "company_id": company_id,
        "filter": user_filter,
    }
    answer = stack.post("/api/customers", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["customer_id"])


def people_calls(stack: Stack) -> list[str]:
    """Return the calls that ask for users or groups, and forget all calls so far."""
    calls = stack.microsoft_simulator.calls
    found = [one.path for one in calls.records() if "/users" in one.path or "/groups" in one.path]
    calls.clear()
    return found


def rows(stack: Stack, customer_id: str) -> dict[str, dict]:
    items = stack.get(f"/api/customers/{customer_id}/licenses").json()["items"]
    return {item["row_id"]: item for item in items}


def test_people_are_counted_billed_and_asked_for_only_where_that_is_needed(stack: Stack):
    plain = stack.mapped_contoso()
    tenant = shared_tenant(stack)
    stack.sync(plain.customer_id)
    assert people_calls(stack) == []

    sales = add_part(stack, tenant, "250", department=["Sales"])
    labs = add_part(stack, tenant, "251", department=["Labs"])
    backup = {
        "name": "Backed-up users",
        "source": {"kind": "group_members", "group_id": tenant.groups[0].id},
    }
    made = stack.post(f"/api/customers/{sales}/custom-licenses", backup)
    assert made.status_code == 201, made.text
    custom = made.json()["row_id"]
    stack.map_row(sales, ROW, stack.add_profile(), "7001")
    stack.map_row(sales, custom, stack.add_profile("102"), "7001")
    stack.map_row(labs, ROW, stack.add_profile(name="Again"), "7002")
    assert {row_id: row["active"] for row_id, row in rows(stack, sales).items()} == {
        ROW: 3,
        custom: 2,
    }
    people_calls(stack)

    stack.sync(sales)
    stack.sync(labs)

    asked = people_calls(stack)
    assert sorted(path.rpartition("/")[2] for path in asked) == ["$count", "users", "users"]
    # Contoso's own ten are the first line of the same agreement.
    assert sorted(seats for seats, _, ends in stack.lines(7001) if ends is None) == [2, 3, 10]
    assert [seats for seats, _, ends in stack.lines(7002) if ends is None] == [1]
    assert rows(stack, sales)[ROW]["held_by_disabled"] == 1

    stack.sync(sales)
    assert rows(stack, sales)[custom]["state"] == "in_step"
    coverage = stack.get(f"/api/customers/{labs}/coverage")
    [sku] = coverage.json()["skus"]
    assert (sku["consumed"], sku["in_customers"], sku["adds_up"]) == (4, 4, True)
    assert "Dee" not in coverage.text

    member = next(user for user in tenant.users if user.display_name == "Dee Dunn")
    tenant.groups[0].member_ids.append(member.id)
    answer = stack.host.call("PATCH", f"/api/customers/{labs}", json={"filter": {"state": ["NRW"]}})
    assert answer.status_code == 200, answer.text
    stack.sync(sales)
    assert rows(stack, sales)[custom]["active"] == 3
    uncovered = stack.get(f"/api/customers/{sales}/coverage").json()
    assert uncovered["users"] == {"licensed": 4, "in_none": 1, "in_several": 0}
