"""A site with one customer, and a session signed in to it, without a socket."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
import requests

from local.simulators.autotask.builders import (
    a_bundle,
    a_company,
    a_contract,
    a_contract_service,
    a_service,
)
from local.simulators.autotask.state import DEMO_USER, PsaState
from local.simulators.autotask.vendor import BASE_PATH, autotask_app
from local.simulators.common.inprocess import InProcessAdapter
from shared import exact_json

HOST = "http://autotask.test"
NOON = datetime(2026, 3, 17, 12, 0, tzinfo=UTC)
LINE = 501
KEYS = {
    "UserName": DEMO_USER.user_name,
    "Secret": DEMO_USER.secret,
    "ApiIntegrationCode": DEMO_USER.integration_code,
}


@dataclass
class Site:
    """What a test holds: the state, and ways to call the API and the control API."""

    state: PsaState
    session: requests.Session
    slept: list[float]

    def call(self, method: str, path: str, body: object = None, **options) -> requests.Response:
        headers = KEYS | options.pop("headers", {})
        if body is not None:
            options["data"] = exact_json.dumps(body)
            headers["Content-Type"] = "application/json"
        address = options.pop("base", BASE_PATH)
        return self.session.request(method, f"{HOST}{address}{path}", headers=headers, **options)

    def query(self, entity: str, *filters: dict, **more: object) -> list[dict]:
        answer = self.call("POST", f"/V1.0/{entity}/query", {"filter": list(filters), **more})
        assert answer.status_code == 200, answer.text
        return exact_json.loads(answer.content)["items"]

    def units(self, line: int = LINE) -> list[tuple[str, str, int, bool]]:
        """First day, last day, units, and whether they are posted."""
        rows = self.query("ContractServiceUnits", eq("contractServiceID", line))
        return [
            (
                row["startDate"][:10],
                row["endDate"][:10],
                row["units"],
                row["approveAndPostDate"] is not None,
            )
            for row in rows
        ]

    def adjust(self, change: int, effective: str, line: int = LINE) -> requests.Response:
        body = {
            "contractServiceID": line,
            "unitChange": change,
            "effectiveDate": f"{effective}T00:00:00",
        }
        return self.call("POST", "/V1.0/ContractServiceAdjustments", body)

    def control(self, method: str, path: str, body: object = None) -> requests.Response:
        data = None if body is None else exact_json.dumps(body)
        return self.session.request(method, f"{HOST}/_sim{path}", data=data)

    def post(self, through: str) -> list[dict]:
        """Approve and post, and return the new invoices."""
        run = self.control("POST", "/approve-and-post", {"through": through})
        assert run.status_code == 200, run.text
        return exact_json.loads(run.content)["invoices"]

    def violations(self) -> list[dict]:
        return self.control("GET", "/violations").json()["violations"]


def eq(field: str, value: object) -> dict:
    return {"op": "eq", "field": field, "value": value}


def refusal(answer: requests.Response) -> str:
    """What a refused record is told, as it comes: with the status 500."""
    assert answer.status_code == 500
    return "; ".join(json.loads(answer.content)["errors"])


@pytest.fixture
def site() -> Iterator[Site]:
    state = PsaState(now=lambda: NOON).seed(
        companies=[a_company()],
        services=[a_service(), a_service(102, name="Exchange Online", price="4.00")],
        bundles=[a_bundle()],
        contracts=[a_contract(ends=date(2026, 12, 31))],
        contract_services=[a_contract_service()],
    )
    slept: list[float] = []
    session = requests.Session()
    session.mount(HOST, InProcessAdapter(autotask_app(state), sleep=slept.append))
    yield Site(state, session, slept)
    session.close()
