"""Timer triggers on the local host, their status in real storage."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from azure.data.tables import TableServiceClient, UpdateMode

from local.hosting.timerstatus import TABLE
from tests.integration.waiting import eventually

pytestmark = pytest.mark.stack

NEVER = "0 0 0 1 1 *"


def status_of(sample, timer):
    service = TableServiceClient.from_connection_string(sample.environment["AzureWebJobsStorage"])
    with service, service.get_table_client(TABLE) as table:
        return dict(table.get_entity(sample.environment["AzureFunctionsWebHost__hostid"], timer))


def make_late(sample, timer):
    service = TableServiceClient.from_connection_string(sample.environment["AzureWebJobsStorage"])
    with service, service.get_table_client(TABLE) as table:
        entity = table.get_entity(sample.environment["AzureFunctionsWebHost__hostid"], timer)
        entity["Next"] = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        table.update_entity(entity, mode=UpdateMode.REPLACE)


def test_a_timer_that_runs_on_startup_runs_once_and_is_not_past_due(sample):
    sample.start()

    [note] = eventually(lambda: sample.notes("hello"))

    assert note["past_due"] is False
    assert note["status"]["Next"].startswith(str(datetime.now(UTC).year + 1))


def test_a_missed_run_is_made_up_for_once_and_says_that_it_is_past_due(sample):
    first = sample.start()
    eventually(lambda: sample.notes("hello"))
    first.stop()
    make_late(sample, "tick")
    assert not sample.notes("tick")

    second = sample.start()
    [note] = eventually(lambda: sample.notes("tick"))
    second.stop()
    sample.start()
    eventually(lambda: len(sample.notes("hello")) == 3)

    assert note["past_due"] is True
    assert len(sample.notes("tick")) == 1
    assert datetime.fromisoformat(status_of(sample, "tick")["Next"]) > datetime.now(UTC)


def test_a_changed_schedule_starts_over_instead_of_making_up(sample):
    first = sample.start()
    eventually(lambda: sample.notes("hello"))
    first.stop()
    make_late(sample, "tick")

    sample.start(TICK_SCHEDULE="0 0 0 2 1 *")
    eventually(lambda: len(sample.notes("hello")) == 2)
    eventually(lambda: status_of(sample, "tick")["Schedule"] != NEVER)

    assert not sample.notes("tick")


def test_a_tick_runs_on_one_of_two_hosts(sample):
    for _ in range(2):
        sample.start(TICK_SCHEDULE="* * * * * *")

    eventually(lambda: len(sample.notes("tick")) >= 5)
    notes = sample.notes("tick")

    seconds = Counter(int(note["at"]) for note in notes)
    assert set(seconds.values()) == {1}, notes


def test_a_timer_that_fires_each_second_has_no_status(sample):
    sample.start(TICK_SCHEDULE="* * * * * *")

    note = eventually(lambda: sample.notes("tick"))[0]

    assert note["status"] == {}


def test_a_timer_is_fired_by_hand(sample):
    sample.start()

    answer = sample.call("POST", "/admin/functions/TICK", json={"input": ""})

    [note] = eventually(lambda: sample.notes("tick"))
    assert answer.status_code == 202
    assert note["past_due"] is False


def test_what_is_no_timer_cannot_be_fired(sample):
    sample.start()

    assert sample.call("POST", "/admin/functions/work", json={}).status_code == 400
