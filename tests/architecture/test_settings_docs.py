"""Every setting is in the documentation and in the sample, and nothing else is."""

import json
import re
from pathlib import Path

import pytest

from shared.settings import PROVIDERS, load_settings, setting_names

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "settings.md"
SAMPLE = ROOT / "local.settings.sample.json"

# Read by the Functions host alone.
HOST_ONLY = {"FUNCTIONS_WORKER_RUNTIME", "PYTHON_THREADPOOL_THREAD_COUNT"}


def documented() -> dict[str, list[str]]:
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in rows}


def sample() -> dict[str, str]:
    values: dict[str, str] = json.loads(SAMPLE.read_text("utf-8"))["Values"]
    return values


def test_the_document_lists_exactly_the_settings_there_are():
    assert sorted(documented()) == list(setting_names())


@pytest.mark.parametrize("name", setting_names())
def test_a_setting_is_documented_in_full(name):
    who, default, example, what = documented()[name]

    assert who
    assert default
    assert example
    assert what.endswith(".")


def test_the_sample_holds_exactly_the_settings_there_are():
    named = {re.sub(r"^(MICROSOFT|PSA|NOTIFY)__main__", r"\1__<name>__", name) for name in sample()}

    assert sorted(named - HOST_ONLY) == list(setting_names())
    assert named >= HOST_ONLY


def test_the_sample_can_be_used_as_it_is():
    settings = load_settings(sample())

    assert settings.development
    assert settings.microsoft["main"].graph_url == "http://127.0.0.1:7081"
    assert settings.psa["main"].url == "http://127.0.0.1:7082"


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_the_documented_defaults_are_the_real_ones(provider):
    known = {f"PSA__main__{field.upper()}" for field in PROVIDERS[provider].model_fields}
    # The sample leaves empty what its own PSA does not need.
    chosen = {
        name: value or ("given" if name in known else "")
        for name, value in sample().items()
        if name in known or not name.startswith(("PSA__", "NOTIFY__"))
    } | {"PSA__main__PROVIDER": provider}
    optional = [name for name in chosen if documented_default(name) != "–"]
    given = {name: value for name, value in chosen.items() if name not in optional}
    stated = {name: documented_default(name).strip("`") for name in optional}

    plain = {name: value for name, value in stated.items() if " " not in value or "*" in value}
    secured = {
        name: value.replace("http://", "https://")
        for name, value in (given | plain).items()
        if not name.endswith(("LOGIN_URL", "GRAPH_URL"))
    }
    defaults = {name: value for name, value in secured.items() if name not in optional}

    assert load_settings(secured) == load_settings(defaults)


def documented_default(name: str) -> str:
    return documented().get(re.sub(r"__main__", "__<name>__", name), ["", "–"])[1]
