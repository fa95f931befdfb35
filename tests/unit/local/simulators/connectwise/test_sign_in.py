"""Who may call: as the cloud answers, where wrong keys are not found rather than forbidden."""

import pytest

from local.simulators.connectwise.builders import a_member

HOST = "http://connectwise.test"
RIGHT = ("demo+demo-public", "demo-private")


def test_the_codebase_is_told_without_signing_in(site):
    site.session.auth = None
    site.session.headers.pop("clientId")

    answer = site.session.get(f"{HOST}/login/companyinfo/demo")

    assert answer.json()["Codebase"] == "v4_6_release/"


@pytest.mark.parametrize(
    "address", ["/login/companyinfo/nobody", "/v2020_1/apis/3.0/system/info", "/nowhere"]
)
def test_an_unknown_site_cannot_be_routed_to(site, address):
    answer = site.session.get(f"{HOST}{address}")

    assert (answer.status_code, answer.text) == (404, "Cannot route. Codebase/company is invalid")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("credentials", "status", "text"),
    [
        (("other+demo-public", "demo-private"), 404, "Cannot route"),
        (("demo+other", "demo-private"), 404, "API keys"),
        (("demo+demo-public", "other"), 404, "API keys"),
        (("demo-public", "demo-private"), 404, "Cannot route"),
        (None, 401, "Basic"),
    ],
)
def test_wrong_keys_are_not_found(site, credentials, status, text):
    site.session.auth = credentials

    answer = site.get("/company/companies")

    assert answer.status_code == status
    assert text in answer.text


def test_without_a_client_id_nobody_gets_in(site):
    site.session.headers.pop("clientId")

    assert site.get("/company/companies").status_code == 403


@pytest.mark.parametrize(
    ("denied", "method", "path"),
    [
        ("finance.inquire", "GET", "/finance/agreements"),
        ("finance.edit", "PATCH", "/finance/agreements/7001/additions/501"),
        ("finance.add", "POST", "/finance/agreements/7001/additions"),
        ("finance.delete", "DELETE", "/finance/agreements/7001/additions/501"),
        ("procurement.inquire", "GET", "/procurement/catalog"),
    ],
)
def test_a_role_that_lacks_a_right_is_forbidden_that_alone(site, denied, method, path):
    site.state.members.append(a_member("clerk", denied=(denied,)))
    site.session.auth = ("demo+clerk-public", "clerk-private")

    answer = site.call(method, path)

    assert answer.status_code == 403
    assert denied in answer.json()["message"]
    assert site.get("/company/companies").status_code == 200


def test_members_are_set_by_the_control_api(site):
    member = {"name": "new", "public_key": "a", "private_key": "b", "denied": ["system.inquire"]}
    site.control("PUT", "/members", {"members": [member]})

    assert site.get("/company/companies").status_code == 404
    site.session.auth = ("demo+a", "b")
    assert site.get("/company/companies").status_code == 200
    assert site.get("/system/info").status_code == 403


def test_some_sites_tell_their_version_to_anyone(site):
    site.session.auth = None
    assert site.get("/system/info").status_code == 401

    site.control("PUT", "/switches", {"info_without_sign_in": True})

    assert site.get("/system/info").json()["isCloud"] is True
    assert site.get("/company/companies").status_code == 401
