"""Each PSA is read through the whole app, whatever its own terms are."""

import pytest

from local.sites.known import SITES
from tests.integration.stack import stack_in

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("psa", SITES)
def test_an_agreement_of_each_psa_is_offered_and_can_be_mapped(tmp_path, psa):
    with stack_in(tmp_path, psa) as stack:
        contoso = stack.mapped_contoso(seats=12)

        offered = stack.get("/api/psa/main/agreements?company=250").json()["items"]
        shown = stack.get(f"/api/customers/{contoso.customer_id}/licenses").json()["items"]

        assert [one["agreement_id"] for one in offered] == [stack.site.agreement_id(7001)]
        assert shown[0]["row_id"] == contoso.row_id
        assert stack.psa_simulator.violations == []
