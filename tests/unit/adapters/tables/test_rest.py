"""The calls of the table service: who lets us in, and what is sent again."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import urllib3
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from shared.adapters.storage import StorageAccount
from shared.adapters.tables import rest
from shared.adapters.tables.rest import TableService, table_service

KEYED = "AccountName=sample;AccountKey=c2FtcGxl;EndpointSuffix=core.windows.net"
URL = "https://sample.table.core.windows.net"
THING = {"PartitionKey": "p", "RowKey": "r"}


@dataclass
class Answer:
    status: int
    data: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Wire:
    """Stands in for the pool: gives what it was told to, in order."""

    answers: list[Any]
    sent: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def request(self, method, url, *, body, headers, timeout):
        self.sent.append((method, url, headers))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def a_service(*answers):
    waits: list[float] = []
    service = TableService(URL, lambda path: {"x-path": path}, sleep=waits.append)
    service._pool = Wire(list(answers))
    return service, service._pool, waits


def a_refusal(status, code="Some"):
    return Answer(status, json.dumps({"odata.error": {"code": code, "message": "s3cret"}}).encode())


def no_connection():
    return urllib3.exceptions.NewConnectionError(None, "refused")


def no_answer():
    return urllib3.exceptions.ProtocolError("reset")


@pytest.mark.parametrize("passing", [a_refusal(503), a_refusal(500), no_connection()])
@pytest.mark.parametrize("request_", [rest.insert("t", THING), rest.put("t", "p", "r", THING)])
def test_what_passes_or_was_never_sent_is_sent_again(passing, request_):
    service, wire, waits = a_service(passing, Answer(204, headers={"ETag": "v"}))

    assert service.write(request_) == "v"
    assert len(wire.sent) == 2
    assert waits == [0.2]


def test_a_new_entity_that_may_be_there_already_is_not_sent_again():
    service, wire, _ = a_service(no_answer())

    with pytest.raises(ServiceResponseError):
        service.write(rest.insert("t", THING))
    assert len(wire.sent) == 1


def test_a_replacement_without_an_answer_is_sent_again():
    service, wire, _ = a_service(no_answer(), Answer(204))

    service.write(rest.put("t", "p", "r", THING, "v1"))

    assert [headers["If-Match"] for _, _, headers in wire.sent] == ["v1", "v1"]


def test_it_gives_up_after_some_tries():
    service, wire, waits = a_service(*[a_refusal(503)] * 9)
    with pytest.raises(HttpResponseError):
        service.get("t", "p", "r")
    assert len(wire.sent) == 4
    assert waits == [0.2, 0.4, 0.8]

    service, wire, _ = a_service(*[no_connection() for _ in range(9)])
    with pytest.raises(ServiceRequestError):
        service.get("t", "p", "r")
    assert len(wire.sent) == 3


def test_it_waits_as_long_as_the_storage_asks_but_not_for_ever():
    asked = [a_refusal(503), a_refusal(503)]
    asked[0].headers["Retry-After"], asked[1].headers["Retry-After"] = "2", "600"
    service, _, waits = a_service(*asked, Answer(200, json.dumps(THING).encode()))

    service.get("t", "p", "r")

    assert waits == [2.0, 5.0]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, ClientAuthenticationError),
        (403, ClientAuthenticationError),
        (404, ResourceNotFoundError),
        (409, ResourceExistsError),
        (412, ResourceModifiedError),
        (413, HttpResponseError),
    ],
)
def test_a_refusal_tells_its_status_and_code_and_quotes_nothing(status, kind):
    service, _, _ = a_service(a_refusal(status, "TheCode"))

    with pytest.raises(kind) as caught:
        service.get("t", "p", "r")

    assert caught.value.status_code == status
    assert caught.value.error_code == "TheCode"
    assert "s3cret" not in str(caught.value)


def test_a_transaction_that_is_refused_tells_which_status_it_had():
    body = (
        b"--batchresponse\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 412 Precondition "
        b'Failed\r\n\r\n{"odata.error":{"code":"UpdateConditionNotSatisfied"}}\r\n'
        b"--changesetresponse--\r\n"
    )
    service, _, _ = a_service(Answer(202, body))

    with pytest.raises(ResourceModifiedError) as caught:
        service.transact([rest.put("t", "p", "r", THING, "v1")])

    assert caught.value.error_code == "UpdateConditionNotSatisfied"


def test_pages_are_followed_until_there_is_no_more():
    more = {"x-ms-continuation-NextPartitionKey": "p 2", "x-ms-continuation-NextRowKey": "r/2"}
    pages = [Answer(200, b'{"value": [{"n": 1}]}', more), Answer(200, b'{"value": [{"n": 2}]}')]
    service, wire, _ = a_service(*pages)

    found = list(service.query("t", "x eq @x", {"x": "it's"}, most=1))

    assert [one["n"] for one in found] == [1, 2]
    assert "%24" not in wire.sent[0][1]
    assert "$filter=x%20eq%20%27it%27%27s%27&$top=1" in wire.sent[0][1]
    assert wire.sent[1][1].endswith("&NextPartitionKey=p%202&NextRowKey=r%2F2")


def test_the_key_signs_the_path_and_the_moment():
    signed = rest._SharedKey("sample", b"sample").headers("/things")

    # Worked out by hand: HMAC-SHA256 of "<date>\n/sample/things".
    assert signed["Authorization"].startswith("SharedKeyLite sample:")
    assert rest._SharedKey("sample", b"other").headers("/things") != signed


def test_a_token_is_renewed_shortly_before_it_ends():
    moment = [1000.0]

    @dataclass
    class Identity:
        asked: int = 0

        def get_token(self, scope):
            assert scope == "https://storage.azure.com/.default"
            self.asked += 1
            return type("T", (), {"token": f"t{self.asked}", "expires_on": moment[0] + 3600})

    bearer = rest._Bearer(Identity(), now=lambda: moment[0])

    def told():
        return bearer.headers("/x")["Authorization"]

    assert (told(), told()) == ("Bearer t1", "Bearer t1")
    moment[0] += 3600 - 299
    assert told() == "Bearer t2"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (KEYED, URL),
        (f"{KEYED};TableEndpoint=http://127.0.0.1:1/sample/", "http://127.0.0.1:1/sample"),
        (f"DefaultEndpointsProtocol=http;{KEYED}", URL.replace("https", "http")),
    ],
)
def test_a_connection_string_says_where_the_tables_are(text, url):
    assert table_service(StorageAccount(text)).url == url
