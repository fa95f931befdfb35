"""Writing additions: POST, the patch dialect, DELETE, and what is refused."""

from datetime import date
from decimal import Decimal

import pytest

from local.simulators.connectwise.builders import a_product, an_agreement

ADDITIONS = "/finance/agreements/7001/additions"
STANDING = f"{ADDITIONS}/501"
BODY = {"product": {"id": 101}, "billCustomer": "Billable", "quantity": 2}


def replaced(path, value):
    return [{"op": "replace", "path": path, "value": value}]


def reasons(answer):
    return {(error["code"], error["field"]) for error in answer.json().get("errors", [])}


def test_a_new_addition_takes_price_and_cost_from_its_product(site, numbers_as_written):
    answer = site.call("POST", ADDITIONS, BODY | {"effectiveDate": "2026-03-17T00:00:00Z"})

    assert answer.status_code == 201
    created = numbers_as_written(answer)
    assert (str(created["unitPrice"]), str(created["unitCost"])) == ("20.00", "15.00")
    assert created["agreementId"] == 7001
    assert created["effectiveDate"] == "2026-03-17T00:00:00Z"
    assert site.get(f"{ADDITIONS}/{created['id']}").json() == answer.json()
    assert site.violations() == []


def test_a_new_addition_may_name_its_price(site):
    created = site.call("POST", ADDITIONS, BODY | {"unitPrice": 22, "unitCost": 0}).json()

    assert (created["unitPrice"], created["unitCost"]) == (22, 0)


def test_without_a_date_a_new_addition_begins_today(site):
    assert site.call("POST", ADDITIONS, BODY).json()["effectiveDate"] == "2026-03-17T00:00:00Z"


def test_two_posts_make_two_additions(site):
    first, second = (site.call("POST", ADDITIONS, BODY).json()["id"] for _ in range(2))

    assert site.ids(ADDITIONS) == [501, first, second]


@pytest.mark.parametrize("missing", ["product", "billCustomer"])
def test_product_and_bill_customer_are_required(site, missing):
    answer = site.call("POST", ADDITIONS, {k: v for k, v in BODY.items() if k != missing})

    assert answer.status_code == 400
    assert missing in answer.json()["message"]
    assert site.ids(ADDITIONS) == [501]


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({"product": {"id": 999}}, ("InvalidReference", "product")),
        ({"product": {"id": 102}}, ("InactiveProduct", "product")),
        ({"product": {"id": 103}}, ("InvalidProduct", "product")),
        ({"billedQuantity": 3}, ("ReadOnlyField", "billedQuantity")),
        ({"quantityy": 3}, ("InvalidField", "quantityy")),
        ({"effectiveDate": "2026-02-30T00:00:00Z"}, ("InvalidValue", "effectiveDate")),
    ],
)
def test_a_wrong_field_is_named(site, extra, reason):
    site.state.seed(
        products=[a_product(102, inactive=True), a_product(103, product_class="Bundle")]
    )

    answer = site.call("POST", ADDITIONS, BODY | extra)

    assert answer.status_code == 400
    assert answer.json()["code"] == "InvalidObject"
    assert reasons(answer) == {reason}
    assert set(answer.json()["errors"][0]) == {"code", "message", "resource", "field"}


@pytest.mark.parametrize(("name", "longest"), [("serialNumber", 50), ("invoiceDescription", 6000)])
def test_texts_have_limits(site, name, longest):
    assert site.call("POST", ADDITIONS, BODY | {name: "x" * longest}).status_code == 201
    assert site.call("POST", ADDITIONS, BODY | {name: "x" * (longest + 1)}).status_code == 400


def test_a_cancelled_agreement_takes_no_additions_and_no_changes(site):
    site.control("PATCH", "/records/agreements/7001", {"cancelledFlag": True})

    assert reasons(site.call("POST", ADDITIONS, BODY)) == {("AgreementCancelled", "agreementId")}
    assert site.call("PATCH", STANDING, replaced("quantity", 12)).status_code == 400


@pytest.mark.parametrize("path", ["quantity", "/quantity"])
@pytest.mark.parametrize("op", ["replace", "add"])
def test_a_quantity_is_patched_with_or_without_a_slash(site, path, op):
    answer = site.call("PATCH", STANDING, [{"op": op, "path": path, "value": 12}])

    assert answer.status_code == 200
    assert answer.json()["quantity"] == 12
    assert answer.json()["billedQuantity"] == 12
    assert site.get(STANDING).json()["quantity"] == 12
    assert site.violations() == []


def test_an_end_date_is_set_and_removed(site):
    ended = site.call("PATCH", STANDING, replaced("cancelledDate", "2026-03-31T23:15:00Z"))
    going_on = site.call("PATCH", STANDING, [{"op": "remove", "path": "cancelledDate"}])

    assert ended.json()["cancelledDate"] == "2026-03-31T00:00:00Z"
    assert "cancelledDate" not in going_on.json()


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        (replaced("Quantity", 12), "InvalidField"),
        (replaced("nope", 12), "InvalidField"),
        (replaced("product/id", 102), "InvalidField"),
        (replaced("billedQuantity", 12), "ReadOnlyField"),
        (replaced("prorateCurrentPeriodFlag", value=True), "ReadOnlyField"),
        (replaced("extPrice", 1), "ReadOnlyField"),
        (replaced("id", 1), "ReadOnlyField"),
        (replaced("quantity", "12"), "InvalidValue"),
        (replaced("quantity", value=True), "InvalidValue"),
        (replaced("quantity", None), "MissingRequiredField"),
        (replaced("billCustomer", "Sometimes"), "InvalidValue"),
        (replaced("cancelledDate", "2026-03-31"), "InvalidValue"),
        (replaced("serialNumber", "x" * 51), "InvalidValue"),
        ([{"op": "remove", "path": "product"}], "MissingRequiredField"),
        ([{"op": "replace", "path": "quantity"}], "InvalidPatch"),
        ([], "InvalidPatch"),
    ],
)
def test_a_patch_that_means_nothing_is_refused(site, operations, code):
    answer = site.call("PATCH", STANDING, operations)

    assert answer.status_code == 400
    assert {error["code"] for error in answer.json()["errors"]} == {code}
    assert site.get(STANDING).json()["quantity"] == 10


def test_all_operations_apply_or_none(site):
    operations = replaced("quantity", 12) + replaced("nope", 1)

    site.call("PATCH", STANDING, operations)

    assert site.get(STANDING).json()["quantity"] == 10


def test_the_contract_refuses_another_op(site):
    answer = site.call("PATCH", STANDING, [{"op": "move", "path": "quantity", "value": 1}])

    assert answer.status_code == 400
    assert site.violations()[0]["direction"] == "request"


@pytest.mark.parametrize(
    ("switch", "quantity"), [("accept_negative_quantity", -2), ("accept_fractional_quantity", 2.5)]
)
def test_odd_quantities_are_a_switch(site, switch, quantity):
    body = BODY | {"quantity": Decimal(str(quantity))}
    assert site.call("POST", ADDITIONS, body).status_code == 201

    site.control("PUT", "/switches", {switch: False})

    assert reasons(site.call("POST", ADDITIONS, body)) == {("InvalidValue", "quantity")}


def test_every_write_changes_the_stamp_even_within_one_second(site):
    stamps = [site.get(STANDING).json()["_info"]["lastUpdated"]]
    for quantity in (11, 12):
        answer = site.call("PATCH", STANDING, replaced("quantity", quantity))
        stamps.append(answer.json()["_info"]["lastUpdated"])

    assert stamps == sorted(set(stamps))


def test_a_deleted_addition_is_gone_and_its_id_stays_unused(site):
    created = site.call("POST", ADDITIONS, BODY).json()["id"]

    answer = site.call("DELETE", f"{ADDITIONS}/{created}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert site.call("DELETE", f"{ADDITIONS}/{created}").status_code == 404
    assert site.call("POST", ADDITIONS, BODY).json()["id"] == created + 1


def test_replacing_an_addition_whole_is_not_simulated(site):
    answer = site.call("PUT", STANDING, BODY)

    assert answer.status_code == 405


def test_an_ended_agreement_still_takes_changes(site):
    site.state.seed(agreements=[an_agreement(7002, ends=date(2026, 1, 31))])

    assert site.call("POST", "/finance/agreements/7002/additions", BODY).status_code == 201
