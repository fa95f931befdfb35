"""A partner with one customer, Contoso, before the simulator."""

from collections.abc import Iterator

import pytest

from local.simulators.microsoft.builders import a_subscription, a_tenant
from tests.builders import E5, TENANT
from tests.microsoft_site import MicrosoftSite, microsoft_site


@pytest.fixture(autouse=True)
def no_network(socket_disabled):
    """Nothing here may open a socket."""


@pytest.fixture
def site() -> Iterator[MicrosoftSite]:
    """Contoso has 20 seats of E5."""
    seats = a_subscription(E5, 20, part_number="SPE_E5")
    with microsoft_site(a_tenant("Contoso", [seats], tenant_id=TENANT)) as made:
        yield made
