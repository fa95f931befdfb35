"""Small parts of the local host: settings, host.json, waiting times, message texts."""

import json

import pytest

from local.hosting.converters import UnsupportedValueError, queue_message, queue_texts
from local.hosting.hostjson import HostJsonError, QueueOptions, read_host_json
from local.hosting.queues import Backoff, UndecodableMessageError, decode_text, encode_text
from local.hosting.settings import (
    SettingsError,
    apply_settings,
    read_local_settings,
    resolve,
    storage_setting,
)


def test_settings_fill_the_environment_and_what_is_there_wins():
    environment = {"A": "kept"}

    left_out = apply_settings({"A": "new", "B": "added"}, environment)

    assert left_out == ["A"]
    assert environment["A"] == "kept"
    assert environment["B"] == "added"
    assert environment["AZURE_FUNCTIONS_ENVIRONMENT"] == "Development"


@pytest.mark.parametrize(
    "text",
    ["no json", "[]", '{"Values": []}', '{"Values": {"A": 1}}', '{"IsEncrypted": true}'],
)
def test_a_settings_file_that_the_host_could_not_use_is_refused(tmp_path, text):
    path = tmp_path / "local.settings.json"
    path.write_text(text)

    with pytest.raises(SettingsError):
        read_local_settings(path)


def test_references_are_replaced_and_missing_ones_named():
    assert resolve("x-%A%-%B%", {"A": "1", "B": "2"}) == "x-1-2"
    with pytest.raises(SettingsError, match="'C'"):
        resolve("%C%", {})


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"Store": "one"}, "one"),
        ({"AzureWebJobsStore": "two"}, "two"),
        ({"Store__queueServiceUri": "https://a.queue.example"}, "https://a.queue.example"),
        ({"Store__accountName": "acc"}, "https://acc.queue.core.windows.net"),
    ],
)
def test_a_connection_is_a_string_or_an_address(environment, expected):
    assert storage_setting("Store", "queue", environment) == expected


def options(tmp_path, queues, environment=None):
    path = tmp_path / "host.json"
    path.write_text(json.dumps({"version": "2.0", "extensions": {"queues": queues}}))
    return read_host_json(path, environment or {}).queues


def test_the_defaults_are_the_hosts_own(tmp_path):
    found = options(tmp_path, {"newBatchThreshold": 8})

    assert found == QueueOptions(
        batch_size=16,
        new_batch_threshold=8,
        max_dequeue_count=5,
        visibility_seconds=0,
        max_polling_seconds=60,
        base64=True,
        lease_seconds=600,
    )


def test_in_development_polling_is_quicker(tmp_path):
    environment = {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}

    assert options(tmp_path, {}, environment).max_polling_seconds == 2


def test_the_environment_overrides_host_json_as_in_azure(tmp_path):
    environment = {"AzureFunctionsJobHost__extensions__queues__batchSize": "2"}

    assert options(tmp_path, {"batchSize": 8}, environment).batch_size == 2


@pytest.mark.parametrize(
    "queues",
    [{"batchSize": 33}, {"batchSize": "x"}, {"visibilityTimeout": "5"}, {"messageEncoding": "hex"}],
)
def test_values_out_of_bounds_are_refused(tmp_path, queues):
    with pytest.raises(HostJsonError):
        options(tmp_path, queues)


def test_the_poller_waits_longer_and_longer_and_starts_again_after_a_message():
    backoff = Backoff(2.0, jitter=lambda: 1.0)

    delays = [round(backoff.next_delay(), 3) for _ in range(8)]
    backoff.reset()

    assert delays == [0.1, 0.2, 0.3, 0.5, 0.9, 1.7, 2.0, 2.0]
    assert backoff.next_delay() == 0.1


def test_a_poller_that_has_waited_for_days_still_knows_how_long():
    backoff = Backoff(2.0)

    assert {backoff.next_delay() for _ in range(5000)} >= {0.1, 2.0}


@pytest.mark.parametrize("text", ["", "plain", "ü 👍"])
@pytest.mark.parametrize("base64_encoded", [True, False])
def test_texts_survive_the_queue(text, base64_encoded):
    content = encode_text(text, base64_encoded=base64_encoded)

    assert decode_text(content, base64_encoded=base64_encoded) == text


@pytest.mark.parametrize("content", ["{}", "Zm9v!", "Zm9", "/w=="])
def test_what_is_not_base64_of_text_is_undecodable(content):
    with pytest.raises(UndecodableMessageError):
        decode_text(content, base64_encoded=True)


def test_a_message_has_its_metadata():
    message = queue_message(
        "hello",
        {
            "Id": "7",
            "DequeueCount": 3,
            "PopReceipt": "r",
            "InsertionTime": "2026-11-21T10:00:00+00:00",
        },
    )

    assert (message.id, message.dequeue_count, message.pop_receipt) == ("7", 3, "r")
    assert message.get_body() == b"hello"
    assert message.insertion_time.isoformat() == "2026-11-21T10:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, []), ("a", ["a"]), (b"a", ["a"]), (["a", "b"], ["a", "b"]), ([], [])],
)
def test_output_values_become_messages(value, expected):
    assert queue_texts(value) == expected


def test_an_output_value_that_no_queue_can_carry_is_refused():
    with pytest.raises(UnsupportedValueError):
        queue_texts(5)
