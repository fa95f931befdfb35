"""The app's own gateway to a simulated PSA, without a socket."""

import contextlib
from collections.abc import Iterator
from typing import Any

import requests

from local.simulators.common.inprocess import InProcessAdapter
from local.sites.site import Site
from shared.bootstrap import psa_connection
from shared.domain.ids import ConnectionName
from shared.ports import Clock, PsaGateway
from shared.settings import load_settings

HOST = "http://psa.test"
ELSEWHERE = {
    "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "MICROSOFT__main__TENANT_ID": "00000000-0000-4000-8000-000000000001",
    "MICROSOFT__main__CLIENT_ID": "00000000-0000-4000-8000-000000000002",
    "MICROSOFT__main__CLIENT_SECRET": "secret",
}


@contextlib.contextmanager
def in_process(site: Site, state: Any, clock: Clock) -> Iterator[PsaGateway]:
    """Connect to a state of the site's simulator, as the settings of the demo do."""
    chosen = load_settings({**ELSEWHERE, **site.settings(HOST)}).psa["main"]
    with requests.Session() as http:
        http.mount(HOST, InProcessAdapter(site.app(state), sleep=lambda _seconds: None))
        yield psa_connection(ConnectionName("main"), chosen, clock, http).gateway
