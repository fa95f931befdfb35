"""What made-up answers have found, each as it was found."""

import logging
from collections.abc import Callable
from functools import cache, partial

import pytest

from shared.domain.agreements import AdjustQuantity, SetDescription
from shared.domain.errors import (
    AccessDeniedError,
    SeatsyncError,
    UnexpectedPayloadError,
    UnknownOutcomeError,
)
from shared.domain.ids import LineId
from tests.builders import AGREEMENT, APRIL
from tests.fuzz.answers import Answer, Player, Raw, Tampered, mounted, tampered_at
from tests.fuzz.promises import Log, check_error, check_text
from tests.fuzz.sites import (
    FuzzedSite,
    a_microsoft_site,
    a_psa_site,
    a_psa_writing_site,
)

LINE = LineId("501")
SITES: dict[str, Callable[[], FuzzedSite]] = {
    "microsoft": a_microsoft_site,
    "connectwise": partial(a_psa_site, "connectwise"),
    "autotask": partial(a_psa_site, "autotask"),
    "halopsa": partial(a_psa_site, "halopsa"),
    "syncro": partial(a_psa_site, "syncro"),
    "autotask's writes": partial(
        a_psa_writing_site,
        "autotask",
        (
            AdjustQuantity(AGREEMENT, LINE, 11, 12, APRIL),
            SetDescription(AGREEMENT, LINE, "Other words"),
        ),
    ),
}
NO_ADDRESS = "https://["
NEWLINE = "a\r\nX-Other: b"


@pytest.fixture(autouse=True)
def no_network(socket_disabled):
    """Nothing here may open a socket."""


@cache
def a_site(name: str) -> FuzzedSite:
    return SITES[name]()


def run(site: FuzzedSite, work: str, tampered: Tampered) -> object:
    with mounted(site.http, Player(site.recordings[work], site.hosts, tampered)):
        return site.works[work](site.new())


def refused(name: str, work: str, tampered: Tampered) -> SeatsyncError:
    """Return the error, which tells no secret."""
    site = a_site(name)
    with Log() as log, pytest.raises(SeatsyncError) as caught:
        run(site, work, tampered)
    check_error(caught.value, site.secrets)
    check_text(log.text, site.secrets)
    return caught.value


@pytest.mark.parametrize(
    ("name", "work", "field", "value"),
    [
        # A ValueError of the standard library.
        ("autotask", "agreement", "fields.*.picklistValues.*.value", "x"),
        ("autotask", "companies", "url", NO_ADDRESS),
        ("autotask", "companies", "url", "http://a:b/"),
        ("autotask", "companies", "pageDetails.nextPageUrl", NO_ADDRESS),
        ("microsoft", "users", "@odata.nextLink", NO_ADDRESS),
        # A KeyError.
        ("autotask", "lines of many", "items.*.contractID", 17),
        # The calendar has no day after it.
        ("autotask", "agreement", "items.*.startDate", "9999-12-01T00:00:00"),
        ("autotask", "lines", "items.*.endDate", "9999-12-31T00:00:00"),
        # A number of a gigabyte, once it is written out.
        ("connectwise", "lines", "*.unitPrice", Raw("1e999999999")),
        ("connectwise", "lines", "*.quantity", Raw("1e300")),
        ("halopsa", "lines", "lines.*.qty_order", 10**30),
        ("syncro", "lines", "schedule.lines.*.quantity", "1e300"),
        # Text that Python takes for a number, and nobody else.
        ("syncro", "lines", "schedule.lines.*.quantity", "1_0"),
        # Half a character cannot be stored.
        ("connectwise", "companies", "*.name", Raw('"\\ud800"')),
        # An answer for something else than was asked for.
        ("connectwise", "agreement", "id", 7002),
        ("connectwise", "product", "id", 102),
        ("autotask", "agreement", "items.*.id", 7002),
        ("autotask", "product", "items.*.id", 102),
        ("halopsa", "agreement", "id", 7002),
        ("halopsa", "product", "id", 102),
        ("syncro", "agreement", "schedule.id", 7002),
        ("syncro", "product", "product.id", 102),
        # One line twice.
        ("halopsa", "lines", "lines.*.id", 502),
        ("syncro", "lines", "schedule.lines.*.id", 502),
        # What cannot be sent in a header was quoted by the error that said so.
        ("halopsa", "lines", "access_token", NEWLINE),
        ("microsoft", "partner's subscriptions", "continuationToken", NEWLINE),
        # msal's own errors.
        ("microsoft", "tenant", "expires_in", None),
        ("microsoft", "tenant", "expires_in", "soon"),
        ("microsoft", "tenant", "token_endpoint", 17),
    ],
)
def test_an_odd_field_is_refused(name, work, field, value):
    tampered = tampered_at(a_site(name).recordings[work], field, value)

    assert isinstance(refused(name, work, tampered), UnexpectedPayloadError)


def test_a_token_that_cannot_be_sent_is_none_and_is_not_quoted():
    tampered = tampered_at(a_site("microsoft").recordings["tenant"], "access_token", NEWLINE)

    error = refused("microsoft", "tenant", tampered)

    assert isinstance(error, AccessDeniedError)
    assert "X-Other" not in f"{error} {error.remedy}"


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16"])
def test_an_answer_that_msal_cannot_read_is_not_logged(coding):
    site = a_site("microsoft")
    recording = site.recordings["tenant"]
    call = next(n for n, one in enumerate(recording.answers) if b"access_token" in one.body)
    answer = recording.answers[call]
    odd = Answer(200, answer.headers, answer.body.decode().encode(coding))

    with Log() as log:
        refused("microsoft", "tenant", Tampered(call, odd))

    assert logging.getLogger("msal").isEnabledFor(logging.ERROR)
    assert "access_token" not in log.text


def test_a_token_for_longer_than_the_calendar_goes_is_taken_for_a_day():
    site = a_site("halopsa")
    tampered = tampered_at(site.recordings["lines"], "expires_in", 2**52)

    assert run(site, "lines", tampered) == site.usual["lines"]


@pytest.mark.parametrize("work", ["AdjustQuantity", "SetDescription"])
def test_nobody_knows_what_a_write_of_autotask_did_when_it_cannot_be_read_again(work):
    """It was told as a read that may be repeated, or as a refusal that ended the matter."""
    recording = a_site("autotask's writes").recordings[work]
    last = len(recording.calls) - 1
    for answer in (Answer(503, (), b""), Answer(200, (), b"<html>"), Answer(429, (), b"{}")):
        error = refused("autotask's writes", work, Tampered(last, answer))

        assert isinstance(error, UnknownOutcomeError)
