"""The infrastructure's files, without a Bicep compiler: syntax, names, values, and settings."""

import json
import re
from pathlib import Path

import pytest

from shared.settings import setting_names
from tests.architecture.azure_models import faults_of
from tests.architecture.bicep import Declared, Expression, File, read

ROOT = Path(__file__).parents[2]
FILES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "infra").rglob("*.bicep"))
ROLES = {
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageQueueDataContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "storageTableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "keyVaultSecretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}
"""Azure's own roles, by the ids that are the same in every tenant."""

NOT_SET = {
    "AZURE_FUNCTIONS_ENVIRONMENT": "Azure's default is Production",
    "WEBSITE_AUTH_ENABLED": "only the platform may set it",
    "CLOCK_FILE": "Development only",
    "LEASE_SECONDS": "shorter in Development only",
    "AzureWebJobsStorage": "there are no shared keys",
    "MICROSOFT__main__LOGIN_URL": "the cloud says it",
    "MICROSOFT__main__GRAPH_URL": "the cloud says it",
    "MICROSOFT__main__PARTNER_CENTER_URL": "the cloud says it",
    "WEBSITE_HOSTNAME": "only the platform may set it",
    **{
        name.replace("<name>", "main"): "none is needed; extraSettings and secretSettings take them"
        for name in setting_names()
        if name.startswith("NOTIFY__")
    },
}
"""Settings of the app that a deployment leaves alone, and why."""

OF_THE_HOST = {
    "PYTHON_ENABLE_OPENTELEMETRY",
    "PYTHON_THREADPOOL_THREAD_COUNT",
    "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID",
}
"""Settings that the platform reads, and not the app."""


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def syntax_faults(text: str) -> list[str]:
    return read(text).faults


def model_faults(text: str) -> list[str]:
    """Return what Azure's models do not know of the file's resources."""
    return [
        fault
        for one in read(text).resources
        if not one.existing
        for fault in faults_of(kind_of(one), one.body)
    ]


def kind_of(one: Declared) -> str:
    """Return a resource's type; configurations of a site are told apart by their names."""
    kind = one.kind.partition("@")[0]
    return f"{kind} {one.body['name'].value}" if kind == "Microsoft.Web/sites/config" else kind


def unused(text: str) -> set[str]:
    """Return parameters and variables that nothing uses."""
    file = read(text)
    return {*file.parameters, *file.variables} - set(file.used)


def module_faults(text: str) -> list[str]:
    """Return what the modules of a file are given wrongly, or asked for without having it."""
    file = read(text)
    faults = []
    for one in file.modules:
        module = read(text_of(f"infra/{one.kind}"))
        given = one.body["params"].value
        assert isinstance(given, dict)
        faults += [
            f"{one.symbol} has no parameter {name}" for name in given.keys() - module.parameters
        ]
        faults += [f"{one.symbol} needs {name}" for name in module.required - given.keys()]
        asked = {name for symbol, name in file.members if symbol == one.symbol}
        faults += [f"{one.symbol} puts out no {name}" for name in asked - module.outputs]
    return faults


def settings_set(text: str) -> set[str]:
    """Return the names of the app settings that the file sets."""
    file = read(text)
    [settings] = [one for one in file.resources if kind_of(one).endswith("appsettings")]
    union = settings.body["properties"].value
    assert isinstance(union, Expression)
    names = set(re.findall(r"\{ (\w+):", union.text))
    for variable in _variables_in(union.text, file):
        value = file.variables[variable]
        if variable == "settingsByProvider" and isinstance(value, dict):
            parts = [file.variables[str(one.value.text)] for one in value.values()]  # type: ignore[union-attr]  # each is a variable's name
        elif variable == "secretReferences":
            parts = []  # what it names is said at the deployment
        else:
            parts = [value]
        for part in parts:
            assert isinstance(part, dict)
            names |= set(part)
    return names


def _variables_in(text: str, file: File) -> list[str]:
    return [name for name in re.findall(r"\w+", text) if name in file.variables]


def setting_faults(text: str) -> set[str]:
    """Return settings that the app reads and nobody sets, or that are set and nobody reads."""
    read_by_app = {name.replace("<name>", "main") for name in setting_names()}
    return (read_by_app - NOT_SET.keys()) ^ (settings_set(text) - OF_THE_HOST)


def role_faults(text: str) -> set[str]:
    """Return roles whose id is not the one that Azure has under that name."""
    variables = read(text).variables
    guids = {name: value for name, value in variables.items() if isinstance(value, str)}
    return {name for name, value in guids.items() if ROLES.get(name) != value}


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_bicep_that_azure_knows(name):
    text = text_of(name)

    assert syntax_faults(text) == []
    assert model_faults(text) == []
    assert unused(text) == set()


def test_modules_get_what_they_take_and_give_what_is_asked():
    assert module_faults(text_of("infra/main.bicep")) == []


def test_every_setting_of_the_app_is_set_and_no_other():
    assert setting_faults(text_of("infra/modules/app.bicep")) == set()


def test_every_role_is_the_one_it_is_called():
    text = text_of("infra/modules/access.bicep")

    assert role_faults(text) == set()
    assert text.count("\nvar ") == len(ROLES)


def test_every_parameter_of_the_deployment_is_explained():
    parameters = read(text_of("infra/main.bicep")).parameters

    assert {name for name, said in parameters.items() if "description" not in said} == set()


def test_secrets_are_secure_parameters_from_end_to_end():
    for name in ("infra/main.bicep", "infra/modules/vault.bicep"):
        parameters = read(text_of(name)).parameters
        words = ("Secret", "PrivateKey", "PublicKey", "Certificate", "Token", "IntegrationCode")
        secret = {one for one in parameters if one.endswith(words)}
        assert secret
        assert {one for one in secret if "secure" not in parameters[one]} == set()


def test_further_secrets_are_found_in_the_vault_under_the_name_they_are_stored_by():
    [stored] = re.findall(r"name: (replace\(one\.key, .*)\n", text_of("infra/modules/vault.bicep"))
    [asked] = re.findall(r"\{(replace\(one, .*?\))\}", text_of("infra/modules/app.bicep"))
    own = re.findall(r"(\w+__main__\w+): .*secrets}([\w-]+)\)", text_of("infra/modules/app.bicep"))

    assert stored.replace("one.key", "one") == asked == "replace(one, '_', '-')"
    # As those of the first connections are, so that a guide can tell one rule.
    assert own
    assert [name for name, stored_as in own if name.replace("_", "-") != stored_as] == []


def test_the_parameters_file_names_parameters_that_there_are():
    file = read(text_of("infra/main.bicep"))
    given = json.loads(text_of("infra/main.parameters.json"))["parameters"]

    assert set(given) - set(file.parameters) == set()
    assert set(file.parameters) - set(given) == {
        "budgetStart"
    }  # this month, worked out when deployed
    assert file.required - set(given) == set()


PLANTED = {
    "a property": ("app", "httpsOnly: true", "httpOnly: true", model_faults),
    "a nested property": ("storage", "allowSharedKeyAccess", "allowSharedKeysAccess", model_faults),
    "an enum": ("storage", "'TLS1_2'", "'TLS1_9'", model_faults),
    "an enum behind a condition": ("storage", "? 'Enabled'", "? 'Enable'", model_faults),
    "an old model's property": ("alerts", "groupShortName", "shortName", model_faults),
    "an unused parameter": (
        "app",
        "param planName string",
        "param planName string\nparam x int",
        unused,
    ),
    "a missing setting": ("app", "  PSA__main__URL: psaUrl\n", "", setting_faults),
    "a misspelt setting": ("app", "PSA__main__CREDITS:", "PSA__main__CREDIT:", setting_faults),
    "a wrong role": ("access", "0a9a7e1f", "0a9a7e1e", role_faults),
    "broken syntax": ("budget", "properties: {", "properties {", syntax_faults),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_mistake_is_found(what):
    module, good, bad, find = PLANTED[what]
    text = text_of(f"infra/modules/{module}.bicep")
    assert good in text

    assert not find(text)
    assert find(text.replace(good, bad, 1))


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("    planName: 'plan-seatsync-${suffix}'\n", ""),
        ("    planName: 'plan", "    planNames: 'plan"),
        ("storage.outputs.deploymentContainer", "storage.outputs.container"),
    ],
)
def test_a_module_used_wrongly_is_found(good, bad):
    text = text_of("infra/main.bicep")
    assert good in text

    assert module_faults(text.replace(good, bad, 1))
