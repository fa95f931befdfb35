"""The storage account."""

import re

import pytest
import responses
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from shared.adapters.storage import StorageAccount, queue_service, table_service, translated
from shared.domain.errors import (
    AccessDeniedError,
    OperatorActionError,
    SettingsError,
    UpstreamUnavailableError,
)

KEYED = (
    "DefaultEndpointsProtocol=https;AccountName=sample;AccountKey=c2FtcGxl;"
    "EndpointSuffix=core.windows.net"
)


def an_answer(status, code=""):
    error = HttpResponseError("s3cret")
    error.status_code = status
    error.error_code = code
    return error


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (ServiceRequestError("s3cret"), UpstreamUnavailableError),
        (ServiceResponseError("s3cret"), UpstreamUnavailableError),
        (AzureError("s3cret"), UpstreamUnavailableError),
        (an_answer(500), UpstreamUnavailableError),
        (an_answer(503, "ServerBusy"), UpstreamUnavailableError),
        (an_answer(429), UpstreamUnavailableError),
        (an_answer(408), UpstreamUnavailableError),
        (an_answer(409, "TableBeingDeleted"), UpstreamUnavailableError),
        (an_answer(None), UpstreamUnavailableError),
        (an_answer(403, "AuthorizationPermissionMismatch"), AccessDeniedError),
        (an_answer(401), AccessDeniedError),
        (ClientAuthenticationError("s3cret"), AccessDeniedError),
        (an_answer(400, "PropertyValueTooLarge"), OperatorActionError),
        (an_answer(404), OperatorActionError),
    ],
)
def test_errors_of_the_libraries_become_ours(raised, expected):
    with pytest.raises(expected) as caught, translated("reading"):
        raise raised

    assert type(caught.value) is expected
    assert str(caught.value).startswith("storage: reading")
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is raised


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError), translated("reading"):
        raise ZeroDivisionError


def test_the_key_is_not_shown():
    assert "c2FtcGxl" not in repr(StorageAccount(KEYED))


def test_a_connection_string_says_where_the_services_are():
    with table_service(StorageAccount(KEYED)) as tables, queue_service(StorageAccount(KEYED)) as q:
        assert tables.url == "https://sample.table.core.windows.net"
        assert q.url == "https://sample.queue.core.windows.net/"


@pytest.mark.parametrize("client_id", [None, "11111111-1111-4111-8111-111111111111"])
def test_a_named_account_is_used_with_an_identity(client_id):
    account = StorageAccount.named("sample", client_id)

    with table_service(account) as tables, queue_service(account) as queues:
        assert tables.url == "https://sample.table.core.windows.net"
        assert queues.url == "https://sample.queue.core.windows.net/"


def test_an_account_without_an_address_is_a_setting_at_fault():
    with pytest.raises(SettingsError, match="AzureWebJobsStorage__tableServiceUri"):
        table_service(StorageAccount())
    with pytest.raises(SettingsError, match="AzureWebJobsStorage__queueServiceUri"):
        queue_service(StorageAccount(table_uri="https://sample.table.core.windows.net"))


@responses.activate
@pytest.mark.parametrize("kind", ["tables", "queues"])
def test_each_request_may_have_to_wait_before_it_is_sent(kind):
    happened = []

    def answer(request):
        happened.append("sent")
        return 404, {}, ""

    for where in ("https://sample.table.core.windows.net", "https://sample.queue.core.windows.net"):
        responses.add_callback(responses.GET, re.compile(where), answer)

    def wait():
        happened.append("waited")

    account = StorageAccount(KEYED)
    tables, queues = (
        table_service(account, before_each=wait),
        queue_service(account, before_each=wait),
    )
    reads = {
        "tables": lambda: tables.get_table_client("runs").get_entity("p", "r"),
        "queues": lambda: queues.get_queue_client("any").get_queue_properties(),
    }
    with pytest.raises(HttpResponseError):
        reads[kind]()

    assert happened == ["waited", "sent"]
