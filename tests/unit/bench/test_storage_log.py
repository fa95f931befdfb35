"""Transactions from Azurite's log."""

from bench.storage_log import StorageLog

LINES = [
    "Azurite Table service is successfully listening at http://127.0.0.1:38179",
    '127.0.0.1 - - [22/Nov/2026:04:18:54 +0000] "POST /devstoreaccount1/$batch HTTP/1.1" 202 -',
    '127.0.0.1 - - [22/Nov/2026:04:18:54 +0000] "GET /devstoreaccount1/mappings()?$filter=x '
    'HTTP/1.1" 200 -',
    '127.0.0.1 - - [22/Nov/2026:04:18:54 +0000] "POST /devstoreaccount1/tenant-sync/messages'
    '?visibilitytimeout=0 HTTP/1.1" 201 -',
    '127.0.0.1 - - [22/Nov/2026:04:18:54 +0000] "GET /devstoreaccount1/tenant-sync/messages'
    '?numofmessages=16 HTTP/1.1" 200 -',
    '127.0.0.1 - - [22/Nov/2026:04:18:54 +0000] "GET /devstoreaccount1/tenant-sync?comp=metadata '
    'HTTP/1.1" 200 -',
]


def test_transactions_are_told_apart_from_looks_and_from_our_own_questions(tmp_path):
    path = tmp_path / "azurite.log"
    path.write_text("\n".join(LINES) + "\n", "utf-8")

    found = StorageLog(path).transactions()

    assert dict(found.tables) == {"POST $batch": 1, "GET mappings": 1}
    assert dict(found.queues) == {"POST tenant-sync": 1}
    assert found.polls == 1
    assert found.total == 3


def test_what_came_before_the_mark_does_not_count(tmp_path):
    path = tmp_path / "azurite.log"
    path.write_text(LINES[1] + "\n", "utf-8")
    log = StorageLog(path)
    log.mark()
    with path.open("a", encoding="utf-8") as more:
        more.write(LINES[2] + "\n")

    assert dict(log.transactions().tables) == {"GET mappings": 1}
