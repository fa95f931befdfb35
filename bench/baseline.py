"""What public scripts do, against the same simulators: licence by licence, read and written always.

For each tenant one call of Microsoft; then for each of its licences the line is read from the PSA
and its number is written, whether it changed or not. Only Autotask's scripts compare first, as a
difference is sent there, and write nothing here: nothing has changed.
"""

import base64
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests

from bench.fleet import SEATS
from bench.rig import Rig
from local.simulators.microsoft.builders import CLIENT_ID, CLIENT_SECRET

_SECONDS = 30
Json = Any


@dataclass(frozen=True, slots=True)
class Baseline:
    """What it took.

    Attributes:
        tenants: So many were worked on; each of them takes the same.
        at_once: Tenants that were worked on together.
    """

    tenants: int
    at_once: int
    wall_seconds: float
    calls: int
    writes: int

    def calls_for(self, tenants: int) -> int:
        """Return the calls that so many tenants take."""
        return round(self.calls / self.tenants * tenants)

    def seconds_for(self, tenants: int) -> float:
        """Return the seconds that so many tenants take."""
        return self.wall_seconds / self.tenants * tenants


class Script(ABC):
    """A script for one PSA; one for each thread.

    Attributes:
        credentials: The settings of the connection, by the last part of their names.
    """

    def __init__(self, url: str, credentials: Mapping[str, str]) -> None:
        self.url = url
        self.credentials = credentials
        self.http = requests.Session()
        self.http.trust_env = False
        self.sign_in()

    @abstractmethod
    def sign_in(self) -> None:
        """Set the headers of every call."""

    @abstractmethod
    def read(self, agreement: str, product: int) -> Json:
        """Return the line of a product."""

    @abstractmethod
    def write(self, agreement: str, line: Json) -> None:
        """Write the number of seats."""

    def call(self, method: str, path: str, **options: Any) -> Json:  # noqa: ANN401 - requests' own
        """Return what a call answers."""
        answer = self.http.request(method, self.url + path, timeout=_SECONDS, **options)
        answer.raise_for_status()
        return answer.json() if answer.content else None


class _ConnectWise(Script):
    _LINES = "/v4_6_release/apis/3.0/finance/agreements/{}/additions"

    def sign_in(self) -> None:
        one = self.credentials
        user = f"{one['COMPANY_ID']}+{one['PUBLIC_KEY']}:{one['PRIVATE_KEY']}"
        self.http.headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
        self.http.headers["clientId"] = one["CLIENT_ID"]

    def read(self, agreement: str, product: int) -> Json:
        params = {"conditions": f"product/id={product}"}
        return self.call("GET", self._LINES.format(agreement), params=params)[0]

    def write(self, agreement: str, line: Json) -> None:
        change = [{"op": "replace", "path": "quantity", "value": SEATS}]
        self.call("PATCH", f"{self._LINES.format(agreement)}/{line['id']}", json=change)


class _Autotask(Script):
    def sign_in(self) -> None:
        one = self.credentials
        self.http.headers["UserName"] = one["USERNAME"]
        self.http.headers["Secret"] = one["SECRET"]
        self.http.headers["ApiIntegrationCode"] = one["INTEGRATION_CODE"]

    def read(self, agreement: str, product: int) -> Json:
        line = self._records("ContractServices", contractID=int(agreement), serviceID=product)[0]
        return self._records("ContractServiceUnits", contractServiceID=line["id"])

    def write(self, agreement: str, line: Json) -> None:
        del agreement, line  # compared with what it was told last, and nothing to send

    def _records(self, entity: str, **wanted: int) -> Json:
        conditions = [{"op": "eq", "field": name, "value": value} for name, value in wanted.items()]
        path = f"/atservicesrest/v1.0/{entity}/query"
        return self.call("POST", path, json={"filter": conditions})["items"]


class _HaloPsa(Script):
    _PATH = "/api/RecurringInvoice"

    def sign_in(self) -> None:
        one = self.credentials
        given = {
            "grant_type": "client_credentials",
            "client_id": one["CLIENT_ID"],
            "client_secret": one["CLIENT_SECRET"],
            "scope": "all",
        }
        found = self.call("POST", "/auth/token", params={"tenant": one["TENANT"]}, data=given)
        self.http.headers["Authorization"] = f"Bearer {found['access_token']}"

    def read(self, agreement: str, product: int) -> Json:
        del product  # an invoice is read whole
        return self.call("GET", f"{self._PATH}/{agreement}", params={"includedetails": "true"})

    def write(self, agreement: str, line: Json) -> None:
        self.call("POST", self._PATH, json=[{"id": int(agreement), "lines": line["lines"]}])


class _Syncro(Script):
    _PATH = "/api/v1/schedules"

    def sign_in(self) -> None:
        self.http.headers["Authorization"] = f"Bearer {self.credentials['API_TOKEN']}"

    def read(self, agreement: str, product: int) -> Json:
        found = self.call("GET", f"{self._PATH}/{agreement}")["schedule"]["lines"]
        return next(line for line in found if line["product_id"] == product)

    def write(self, agreement: str, line: Json) -> None:
        path = f"{self._PATH}/{agreement}/line_items/{line['id']}"
        self.call("PUT", path, json={"quantity": SEATS})


SCRIPTS: dict[str, Callable[[str, Mapping[str, str]], Script]] = {
    "connectwise": _ConnectWise,
    "autotask": _Autotask,
    "halopsa": _HaloPsa,
    "syncro": _Syncro,
}


MOST_AT_ONCE = {"autotask": 3}


def baseline(rig: Rig, tenants: int, at_once: int) -> Baseline:
    """Work on the first so many tenants of a rig, as a script does; sign-ins are not counted.

    Autotask takes three calls at once of one kind, so no more tenants are worked on together.
    """
    work = _Work(rig)
    at_once = min(at_once, MOST_AT_ONCE.get(rig.fleet.site.name, at_once))
    numbers = range(min(tenants, rig.fleet.tenants))
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(work.let_in, numbers))
        rig.forget_calls()
        began = time.perf_counter()
        list(pool.map(work.do, numbers))
        wall = time.perf_counter() - began
    graph, psa = rig.calls()
    return Baseline(
        tenants=len(numbers),
        at_once=at_once,
        wall_seconds=wall,
        calls=graph.total() + psa.total(),
        writes=rig.psa_writes(),
    )


class _Work:
    """The tenants' work, with a script for each thread."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._fleet = rig.fleet
        self._scripts = threading.local()
        self._tokens: dict[int, str] = {}

    def let_in(self, number: int) -> None:
        """Get a token for a tenant."""
        given = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scope": "https://graph.microsoft.com/.default",
        }
        url = f"{self._rig.microsoft.url}/{self._fleet.tenant_id(number)}/oauth2/v2.0/token"
        answer = self._script.http.post(url, data=given, timeout=_SECONDS)
        answer.raise_for_status()
        self._tokens[number] = answer.json()["access_token"]

    def do(self, number: int) -> None:
        """Read a tenant, then read and write each of its licences."""
        url = f"{self._rig.microsoft.url}/v1.0/subscribedSkus"
        headers = {"Authorization": f"Bearer {self._tokens[number]}"}
        answer = self._script.http.get(url, headers=headers, timeout=_SECONDS)
        answer.raise_for_status()
        agreement = self._fleet.agreement_id(number)
        for product in self._fleet.product_numbers:
            self._script.write(agreement, self._script.read(agreement, product))

    @property
    def _script(self) -> Script:
        if not hasattr(self._scripts, "own"):
            site = self._fleet.site
            self._scripts.own = SCRIPTS[site.name](self._rig.psa.url, site.credentials)
        own: Script = self._scripts.own
        return own
