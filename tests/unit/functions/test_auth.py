"""Who is calling: the rules alone, as a table."""

import base64
import json

import pytest

from functions.auth import DEVELOPER, Principal, Role, comes_from_elsewhere, principal
from tests.api_client import ADMIN, IN_AZURE, ON_A_LAPTOP, UNPROTECTED, signed_in


def header(document: object) -> dict[str, str]:
    return {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(json.dumps(document).encode()).decode()}


def test_a_signed_in_person_has_a_name_and_the_highest_role():
    headers = signed_in("Seatsync.Viewer", "Seatsync.Editor", name="pat@msp.example")

    assert principal(headers, IN_AZURE) == Principal("pat@msp.example", Role.EDITOR)


@pytest.mark.parametrize("roles", [(), ("Other.Admin",), ("Seatsync",), ("Admin",)])
def test_somebody_without_a_role_of_ours_has_none(roles):
    found = principal(signed_in(*roles), IN_AZURE)

    assert found is not None
    assert not any(found.may(role) for role in Role)


def test_roles_are_found_under_the_type_that_the_header_names():
    document = {
        "role_typ": "urn:my-roles",
        "claims": [{"typ": "urn:my-roles", "val": "Seatsync.Admin"}],
    }

    found = principal(header(document), IN_AZURE)

    assert found is not None
    assert found.role is Role.ADMIN


def test_a_program_is_recorded_by_the_id_of_its_registration():
    document = {
        "claims": [
            {"typ": "appid", "val": "5eed0000-0000-4000-8000-000000000001"},
            {"typ": "roles", "val": "Seatsync.Editor"},
        ]
    }

    found = principal(header(document), IN_AZURE)

    assert found == Principal("5eed0000-0000-4000-8000-000000000001", Role.EDITOR)


def test_a_name_keeps_no_line_breaks_and_an_end():
    found = principal(signed_in("Seatsync.Viewer", name="a\r\nb" + "c" * 999), IN_AZURE)

    assert found is not None
    assert "\n" not in found.name
    assert len(found.name) == 200


@pytest.mark.parametrize(
    "value",
    [
        "",
        "not base64 !",
        base64.b64encode(b"not JSON").decode(),
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b'{"claims": 7}').decode(),
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"[" * 30000).decode(),
        "A" * 100_000,
    ],
)
def test_a_header_that_cannot_be_read_is_nobody(value):
    assert principal({"x-ms-client-principal": value}, IN_AZURE) is None


def test_claims_that_are_not_text_are_passed_over():
    document = {
        "role_typ": 7,
        "name_typ": None,
        "claims": [
            "text",
            {"typ": 1, "val": 2},
            {"val": "Seatsync.Admin"},
            {"typ": "roles", "val": "Seatsync.Viewer"},
        ],
    }

    found = principal(header(document), IN_AZURE)

    assert found is not None
    assert found.role is Role.VIEWER


@pytest.mark.parametrize("environment", [UNPROTECTED, ON_A_LAPTOP])
def test_the_header_is_not_believed_unless_the_platform_stands_in_front(environment):
    assert principal({**ADMIN, "host": "seatsync.example"}, environment) is None


def test_in_azure_a_loopback_name_signs_nobody_in():
    assert principal({"host": "localhost"}, IN_AZURE) is None
    assert principal({"host": "localhost"}, UNPROTECTED) is None


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:7071", "127.0.0.1:7071", "[::1]:7071", "[::1]", "LOCALHOST"]
)
def test_on_a_laptop_the_loopback_address_is_a_developer(host):
    assert principal({"Host": host}, ON_A_LAPTOP) == DEVELOPER
    assert principal({"Host": host, "Origin": f"http://{host}"}, ON_A_LAPTOP) == DEVELOPER


@pytest.mark.parametrize(
    "host",
    [
        "",
        "seatsync.example",
        "192.168.1.5:7071",
        "0.0.0.0:7071",
        "localhost.attacker.example",
        "127.0.0.1.attacker.example",
        "127.0.0.1@attacker.example",
        "attacker.example@127.0.0.1",
        "localhost/../attacker",
        "localhost:port",
        "[::1",
        "::1",
    ],
)
def test_on_a_laptop_any_other_name_is_nobody(host):
    """A page whose own name points at this machine (DNS rebinding) sends that name."""
    assert principal({"host": host}, ON_A_LAPTOP) is None


@pytest.mark.parametrize(
    "origin",
    ["https://attacker.example", "http://localhost:3000", "null", "", "http://127.0.0.1:7071"],
)
def test_on_a_laptop_a_page_of_another_origin_is_nobody(origin):
    assert principal({"host": "localhost:7071", "origin": origin}, ON_A_LAPTOP) is None


@pytest.mark.parametrize(
    ("site", "elsewhere"),
    [("cross-site", True), ("same-origin", False), ("none", False), ("same-site", False)],
)
def test_a_browser_tells_which_site_made_it_send_a_request(site, elsewhere):
    assert comes_from_elsewhere({"Sec-Fetch-Site": site}) is elsewhere
    assert comes_from_elsewhere({}) is False
