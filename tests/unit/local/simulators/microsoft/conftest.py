"""A Microsoft with one customer, reached through ``requests`` without a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import requests

from local.simulators.common.app import simulator_of
from local.simulators.common.inprocess import InProcessAdapter
from local.simulators.common.messages import Json
from local.simulators.common.simulator import Simulator
from local.simulators.microsoft.builders import CLIENT_ID, CLIENT_SECRET, a_state
from local.simulators.microsoft.state import MicrosoftState, Tenant
from local.simulators.microsoft.vendor import Microsoft, microsoft_app

URL = "http://microsoft"
GRAPH_SCOPE = "https://graph.microsoft.com/.default"
EVENTUAL = {"ConsistencyLevel": "eventual"}


class Clock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 17, 2, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Cloud:
    """The simulator, and the calls a test makes to it."""

    simulator: Simulator
    vendor: Microsoft
    session: requests.Session
    clock: Clock

    def ask_token(self, tenant: str, **changed: str | None) -> requests.Response:
        """Ask for a token; a field that is None is left out."""
        form = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scope": GRAPH_SCOPE,
        } | changed
        given = {name: value for name, value in form.items() if value is not None}
        return self.session.post(f"{URL}/{tenant}/oauth2/v2.0/token", data=given)

    def sign_in(self, tenant: Tenant | str) -> None:
        """Let the session speak for the app in this tenant."""
        name = tenant if isinstance(tenant, str) else tenant.id
        token = self.ask_token(name).json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **arguments: object) -> requests.Response:
        url = path if "://" in path else f"{URL}/v1.0{path}"
        return self.session.get(url, **arguments)

    def value(self, path: str, **arguments: object) -> Json:
        response = self.get(path, **arguments)
        assert response.status_code == 200, response.text
        return response.json()["value"]

    def batch(self, *urls: str | Json) -> requests.Response:
        """Send a batch; a plain url becomes a GET whose id is the url."""
        parts = [
            {"id": url, "method": "GET", "url": url} if isinstance(url, str) else url
            for url in urls
        ]
        return self.session.post(f"{URL}/v1.0/$batch", json={"requests": parts})

    def break_with(self, *faults: Json) -> None:
        assert self.session.put(f"{URL}/_sim/faults", json=list(faults)).status_code == 200


def error_of(response: requests.Response) -> tuple[int, str]:
    """Return status and Graph's error code."""
    return response.status_code, response.json()["error"]["code"]


@pytest.fixture
def cloud_of() -> Iterator[Callable[[MicrosoftState], Cloud]]:
    sessions = []

    def make(state: MicrosoftState) -> Cloud:
        clock = Clock()
        app = microsoft_app(state, clock=clock)
        session = requests.Session()
        session.mount(URL, InProcessAdapter(app, sleep=lambda seconds: None))
        sessions.append(session)
        simulator = simulator_of(app)
        assert isinstance(simulator.vendor, Microsoft)
        return Cloud(simulator, simulator.vendor, session, clock)

    yield make
    for session in sessions:
        session.close()


@pytest.fixture
def cloud_with(cloud_of) -> Callable[..., Cloud]:
    """Return a cloud with these customers, signed in to the first."""

    def make(*customers: Tenant) -> Cloud:
        cloud = cloud_of(a_state(*customers))
        cloud.sign_in(customers[0])
        return cloud

    return make
