"""Queue triggers on the local host, on real storage."""

import time
from datetime import datetime, timedelta

import pytest

from tests.integration.waiting import eventually

pytestmark = pytest.mark.stack


def test_a_message_runs_once_with_its_metadata_and_its_output_is_written(sample):
    sample.put(name="first")
    sample.start()

    done = eventually(lambda: sample.peek(sample.queue("DONE_QUEUE")))
    [began] = sample.notes("work", phase="began")
    eventually(lambda: sample.count(sample.queue("JOBS_QUEUE")) == 0)

    assert done[0].content == "Zmlyc3Q="
    assert began["count"] == 1
    assert began["receipt"]
    assert began["id"]
    inserted, visible = (datetime.fromisoformat(began[key]) for key in ("inserted", "visible"))
    assert timedelta(minutes=9) < visible - inserted < timedelta(minutes=11)


def test_a_message_put_later_is_seen_soon(sample):
    sample.start()
    began = time.monotonic()

    sample.put(name="late")
    eventually(lambda: sample.notes("work", phase="ended"))

    assert time.monotonic() - began < 5


def test_a_message_that_keeps_failing_goes_to_poison_after_its_last_try(sample):
    sample.put(name="bad", fail=True)
    sample.start()

    [buried] = eventually(lambda: sample.notes("bury"))
    eventually(lambda: sample.count(sample.queue("JOBS_QUEUE")) == 0)

    assert [note["count"] for note in sample.notes("work", phase="began")] == [1, 2, 3]
    assert '"bad"' in buried["text"]


def test_a_message_that_fails_in_the_poison_queue_stays_there_hidden(sample):
    sample.put(name="fail burial", fail=True)
    sample.start()

    eventually(lambda: sample.notes("bury"))
    eventually(lambda: "no poison queue" in sample.log())

    assert sample.count(sample.poison()) == 1
    assert list(sample.poison().receive_messages()) == []


def test_a_message_that_is_not_base64_goes_to_poison_as_it_is(sample):
    sample.put_raw("this is <not> Base64!")
    sample.start()

    eventually(lambda: sample.count(sample.queue("JOBS_QUEUE")) == 0)

    assert sample.count(sample.poison()) == 1
    assert not sample.notes("work")
    assert "is not Base64 text" in sample.log()
    assert "<not>" not in sample.log()


def test_a_long_message_is_renewed_and_runs_once(sample):
    sample.put(name="long", seconds=5)
    sample.start("--message-lease-seconds", "2")

    eventually(lambda: sample.notes("work", phase="ended"))
    eventually(lambda: sample.count(sample.queue("JOBS_QUEUE")) == 0)

    assert [note["count"] for note in sample.notes("work", phase="began")] == [1]


def test_the_messages_of_a_killed_host_come_back_when_their_lease_ends(sample):
    sample.put(name="orphan", seconds=3)
    killed = sample.start("--message-lease-seconds", "2")
    eventually(lambda: sample.notes("work", phase="began"))
    killed.kill()

    sample.start("--message-lease-seconds", "2")
    eventually(lambda: sample.notes("work", phase="ended"))

    assert [note["count"] for note in sample.notes("work", phase="began")] == [1, 2]


def test_a_batch_runs_side_by_side_within_its_limits(sample):
    jobs = 14
    for number in range(jobs):
        sample.put(name=str(number), seconds=0.5)
    sample.start()

    eventually(lambda: len(sample.notes("work", phase="ended")) == jobs)
    events = sorted(
        (note["at"], 1 if note["phase"] == "began" else -1) for note in sample.notes("work")
    )
    running, most = 0, 0
    for _, change in events:
        running += change
        most = max(most, running)

    # batchSize 4 and newBatchThreshold 2: the next batch is fetched while 2 still run.
    assert 2 < most <= 6
    assert len({note["job"] for note in sample.notes("work", phase="ended")}) == jobs


def test_two_hosts_share_a_queue_without_running_a_message_twice(sample):
    jobs = 20
    sample.start()
    sample.start()
    for number in range(jobs):
        sample.put(name=str(number))

    eventually(lambda: len(sample.notes("work", phase="ended")) >= jobs)
    eventually(lambda: sample.count(sample.queue("JOBS_QUEUE")) == 0)

    assert sorted(int(note["job"]) for note in sample.notes("work", phase="began")) == list(
        range(jobs)
    )


def test_a_missing_queue_is_waited_for_and_not_created(sample):
    sample.queue("JOBS_QUEUE").delete_queue()
    sample.start()
    sample.call("GET", "/api/items/5")
    names = {queue.name for queue in sample.storage.list_queues()}
    assert sample.environment["JOBS_QUEUE"] not in names

    sample.queue("JOBS_QUEUE").create_queue()
    sample.put(name="at last")

    eventually(lambda: sample.notes("work", phase="ended"))


def test_texts_of_messages_are_not_logged(sample):
    sample.put(name="a-secret-name")
    sample.start("--log-level", "debug")

    eventually(lambda: sample.notes("work", phase="ended"))
    eventually(lambda: sample.count(sample.queue("JOBS_QUEUE")) == 0)

    assert "ran work" in sample.log()
    assert "a-secret-name" not in sample.log()
    assert "YS1zZWNyZXQtbmFtZ" not in sample.log()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_runs_is_finished_before_the_host_ends(sample, log_format):
    sample.put(name="last", seconds=1.5)
    host = sample.start("--log-format", log_format)
    eventually(lambda: sample.notes("work", phase="began"))

    status = host.stop()

    assert status == 0
    assert sample.notes("work", phase="ended")
    assert sample.count(sample.queue("JOBS_QUEUE")) == 0
