"""Whatever a queue holds, or a person sends or sets: it is understood or refused, whole."""

import contextlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.hosting.ncrontab import InvalidScheduleError, parse_schedule
from shared import bootstrap
from shared.domain.errors import BadMessageError, SettingsError
from shared.messages import decode_license, decode_tenant, encode
from shared.settings import load_settings
from tests.api_client import ADMIN, IN_AZURE, Api
from tests.builders import E5_ROW, a_license_sync, a_tenant_sync, an_agreement
from tests.fuzz.answers import Answer, Recording, tamperings
from tests.fuzz.promises import Log, check_error
from tests.house import House
from tests.property.effort import tried
from tests.unit.test_settings import VALID

PERSON = "Zoe Canary"
MESSAGES = {
    "tenant": encode(a_tenant_sync(row_id=E5_ROW)),
    "license": encode(a_license_sync(agreement=an_agreement(name=PERSON))),
}
FIELDS = st.text("0123456789*/,-? LJANUMO#é٣", max_size=8)
NOON = datetime(2026, 2, 27, 12, tzinfo=UTC)


def bodies(document: str) -> st.SearchStrategy[bytes]:
    """Draw the document with something wrong in it."""
    told = Recording([("", Answer(200, (), document.encode()))])
    return tamperings(told).map(lambda tampered: tampered.answer.body)


@pytest.mark.parametrize("name", MESSAGES)
@tried(200)
@given(data=st.data())
def test_a_message_is_read_or_refused_without_a_word_of_it(name, data):
    body = data.draw(bodies(MESSAGES[name]))
    decode = decode_tenant if name == "tenant" else decode_license

    try:
        message = decode(body)
    except BadMessageError as error:
        check_error(error, frozenset({PERSON}))
    else:
        assert decode(encode(message)) == message


def an_api(monkeypatch: pytest.MonkeyPatch) -> Api:
    """Return the API of a small MSP, asked by its admin."""
    house = House().with_customer().with_mapping().holds(10)
    monkeypatch.setattr(bootstrap, "services", lambda: house.services)
    monkeypatch.setattr(bootstrap, "environment", lambda: IN_AZURE)
    return Api(house, dict(ADMIN))


@tried(60)
@given(data=st.data())
def test_a_configuration_is_imported_whole_or_not_at_all(data):
    with pytest.MonkeyPatch.context() as monkeypatch, Log():
        api = an_api(monkeypatch)
        before = api.get("/api/configuration").json
        body = data.draw(bodies(json.dumps(before)))

        answer = api.post("/api/configuration", raw=body)

        assert answer.status < 500, answer.text
        if answer.status >= 400:
            assert api.get("/api/configuration").json == before


@tried(200)
@given(st.lists(FIELDS, min_size=1, max_size=7).map(" ".join) | st.text(max_size=20))
def test_a_schedule_fires_later_or_is_refused(text):
    with contextlib.suppress(InvalidScheduleError):
        following = parse_schedule(text).next_after(NOON)
        assert following is None or following > NOON
    with contextlib.suppress(SettingsError):
        load_settings({**VALID, "SYNC_SCHEDULE": text})


@pytest.mark.parametrize(
    "text", [f"{'9' * 5000} * * * * *", f"*/{'9' * 5000} * * * * *", "9" * 30 + ".00:00:01"]
)
def test_a_number_beyond_all_measure_is_no_schedule(text):
    with pytest.raises(InvalidScheduleError):
        parse_schedule(text)
