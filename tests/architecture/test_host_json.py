"""The host's files are what the host accepts: a key it does not know is ignored without a word."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft4Validator, Draft7Validator
from jsonschema.exceptions import ValidationError

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = Path(__file__).parent / "schemas"


def read(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))


def host_validator() -> Draft7Validator:
    """Version 2 only: the schema's own choice between versions hides what is wrong."""
    schema = read(SCHEMAS / "host.schema.json")
    version_2 = {"$ref": "#/definitions/version-2"}
    return Draft7Validator({**version_2, "definitions": schema["definitions"]})


def settings_validator() -> Draft4Validator:
    return Draft4Validator(read(SCHEMAS / "local.settings.schema.json"))


def test_host_json_fits_its_schema():
    host_validator().validate(read(ROOT / "host.json"))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("queues", "batchsize", 16),
        ("queues", "batchSize", 64),
        ("queues", "batchSize", "many"),
        ("http", "prefix", ""),
    ],
)
def test_the_schema_finds_a_wrong_key_or_value(section, key, value):
    document = read(ROOT / "host.json")
    document["extensions"][section][key] = value

    with pytest.raises(ValidationError):
        host_validator().validate(document)


def test_the_sample_settings_fit_their_schema():
    settings_validator().validate(read(ROOT / "local.settings.sample.json"))


def test_the_sample_settings_are_plain_text_values():
    document = read(ROOT / "local.settings.sample.json")

    assert document["IsEncrypted"] is False
    assert {type(value) for value in document["Values"].values()} == {str}


def test_the_delivery_rules_are_the_ones_the_design_relies_on():
    queues = read(ROOT / "host.json")["extensions"]["queues"]

    assert queues == {
        "batchSize": 12,
        "newBatchThreshold": 12,
        "maxDequeueCount": 5,
        "visibilityTimeout": "00:00:05",
        "maxPollingInterval": "00:00:01",
        "messageEncoding": "base64",
    }
