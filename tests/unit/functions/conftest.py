"""The registered functions on services in memory: only ``services`` and ``environment`` differ."""

import pytest

from shared import bootstrap
from tests.api_client import IN_AZURE, ON_A_LAPTOP, Api
from tests.house import House


@pytest.fixture
def house() -> House:
    """An MSP with one customer whose tenant holds ten seats, which are mapped."""
    return House().with_customer().with_mapping().holds(10)


@pytest.fixture
def api(house: House, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The app on a laptop."""
    monkeypatch.setattr(bootstrap, "services", lambda: house.services)
    monkeypatch.setattr(bootstrap, "telemetry", lambda: house.services.telemetry)
    monkeypatch.setattr(bootstrap, "environment", lambda: ON_A_LAPTOP)
    return Api(house)


@pytest.fixture
def in_azure(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The app in Azure, behind App Service Authentication."""
    monkeypatch.setattr(bootstrap, "environment", lambda: IN_AZURE)
    api.headers = {"host": "seatsync.example"}
    return api
