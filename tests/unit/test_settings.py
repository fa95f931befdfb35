"""What the environment may say, and what an operator is told when it is wrong."""

import pytest

from shared.domain.errors import SettingsError
from shared.settings import load_settings

SOMEONE = "00000000-0000-4000-8000-00000000000A"
VALID = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "MICROSOFT__main__TENANT_ID": SOMEONE,
    "MICROSOFT__main__CLIENT_ID": SOMEONE,
    "MICROSOFT__main__CLIENT_SECRET": "hush-microsoft",
    "PSA__main__PROVIDER": "connectwise",
    "PSA__main__URL": "https://psa.example.invalid",
    "PSA__main__COMPANY_ID": "demo",
    "PSA__main__PUBLIC_KEY": "hush-public",
    "PSA__main__PRIVATE_KEY": "hush-private",
    "PSA__main__CLIENT_ID": SOMEONE,
}
DEVELOPMENT = {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in VALID.items() if name not in names}


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ)
    return str(caught.value).split("; ")


def test_what_is_left_out_has_the_documented_default():
    settings = load_settings(VALID)

    assert not settings.development
    assert not settings.auth_enabled
    assert settings.clock_file is None
    assert settings.sync_schedule == "0 0 2 * * *"
    psa, microsoft = settings.psa["main"], settings.microsoft["main"]
    assert (psa.time_zone, psa.credits) == ("UTC", "write")
    assert (microsoft.mode, microsoft.cloud, microsoft.graph_url) == ("app_only", "global", None)


def test_names_of_connections_and_fields_may_be_written_in_either_case():
    renamed = {name.replace("PSA__main__", "PSA__Main-2__"): value for name, value in VALID.items()}
    renamed["PSA__Main-2__time_zone"] = "Europe/Berlin"

    settings = load_settings(renamed)

    assert list(settings.psa) == ["main-2"]
    assert settings.psa["main-2"].time_zone == "Europe/Berlin"


def test_several_connections_stand_side_by_side():
    second = {name.replace("__main__", "__second__"): value for name, value in VALID.items()}

    settings = load_settings(VALID | second)

    assert (sorted(settings.microsoft), sorted(settings.psa)) == (["main", "second"],) * 2


def test_an_empty_setting_counts_as_left_out():
    settings = load_settings(
        VALID | {"SYNC_SCHEDULE": " ", "CLOCK_FILE": "", "MICROSOFT__main__CERTIFICATE": ""}
    )

    assert settings.sync_schedule == "0 0 2 * * *"


def test_variables_of_the_platform_are_not_ours_to_judge():
    load_settings(
        VALID
        | {
            "MICROSOFT_PROVIDER_AUTHENTICATION_SECRET": "x",
            "WEBSITE_AUTH_ENCRYPTION_KEY": "x",
            "WEBSITE_AUTH_ENABLED": "True",
            "AzureWebJobsSecretStorageType": "files",
            "AzureWebJobsDashboard": "x",
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "PATH": "/bin",
        }
    )


def test_every_problem_is_told_at_once_by_the_name_of_its_variable():
    environ = without("PSA__main__PRIVATE_KEY", "AzureWebJobsStorage") | {
        "MICROSOFT__main__GRAPH_URL": "not a url",
        "PSA__main__TIMEZONE": "UTC",
        "SYNC_SHEDULE": "0 0 3 * * *",
    }

    told = problems(environ)

    assert [problem.split()[0] for problem in told] == [
        "AzureWebJobsStorage",
        "MICROSOFT__main__GRAPH_URL",
        "PSA__main__PRIVATE_KEY",
        "PSA__main__TIMEZONE",
        "SYNC_SHEDULE",
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("SYNC_SHEDULE", "SYNC_SCHEDULE"),
        ("sync_schedule", "SYNC_SCHEDULE"),
        ("CLOCKFILE", "CLOCK_FILE"),
        ("AzureWebjobsStorage", "AzureWebJobsStorage"),
        ("AzureWebJobStorage", "AzureWebJobsStorage"),
        ("AzureWebJobsStorage__tableUri", "AzureWebJobsStorage__tableServiceUri"),
        ("PSA__main__URLS", "PSA__main__URL"),
        ("PSA_main_URL", "PSA__main__URL"),
        ("PAS__main__URL", "PSA__main__URL"),
        ("psa__main__URL", "PSA__main__URL"),
        ("MICROSFT__main__CLIENT_ID", "MICROSOFT__main__CLIENT_ID"),
        ("MICROSOFT__main__CLIENTID", "MICROSOFT__main__CLIENT_ID"),
    ],
)
def test_a_misspelt_setting_is_told_what_was_probably_meant(written, meant):
    assert problems(VALID | {written: "x"}) == [f"{written} is unknown (did you mean {meant}?)"]


@pytest.mark.parametrize("name", sorted(VALID))
def test_each_required_setting_is_missed(name):
    told = "; ".join(problems(without(name)))

    credential = name.endswith("CLIENT_SECRET")
    assert ("MICROSOFT__main needs exactly one" if credential else f"{name} is missing") in told


@pytest.mark.parametrize("family", ["MICROSOFT", "PSA"])
def test_a_connection_of_each_family_is_needed(family):
    names = [name for name in VALID if name.startswith(family)]

    assert problems(without(*names)) == [f"{family}__<name>__… is missing: at least one connection"]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("PSA__main__URL", "http://psa.example.invalid", "must begin with https"),
        ("PSA__main__URL", "psa.example.invalid", "must be a URL"),
        ("PSA__main__URL", "ftp://psa.example.invalid", "must be a URL"),
        ("PSA__main__URL", "https://user:hush@psa.example.invalid", "must be a URL without user"),
        ("PSA__main__TIME_ZONE", "Mars/Olympus", "must be an IANA time zone"),
        ("PSA__main__TIME_ZONE", "../etc/passwd", "must be an IANA time zone"),
        ("PSA__main__CREDITS", "maybe", "must be 'write' or 'report'"),
        (
            "PSA__main__PROVIDER",
            "datto",
            "is not a known provider (known are autotask, connectwise, halopsa, syncro)",
        ),
        ("MICROSOFT__main__TENANT_ID", "hush", "must be a GUID or a domain name"),
        ("MICROSOFT__main__CLIENT_ID", "hush", "must be a GUID"),
        ("MICROSOFT__main__MODE", "hush", "must be 'app_only' or 'gdap'"),
        ("MICROSOFT__main__PARTNER_CENTER", "hush", "must be true or false"),
        ("AZURE_FUNCTIONS_ENVIRONMENT", "Laptop", "must be 'Development'"),
        ("WEBSITE_AUTH_ENABLED", "hush", "must be true or false"),
        ("SYNC_SCHEDULE", "nightly", "must be an NCRONTAB expression"),
        (
            "APPLICATIONINSIGHTS_CONNECTION_STRING",
            "InstrumentationKey=hush;IngestionEndpoint=https://hush/",
            "must be a connection string of Application Insights",
        ),
        (
            "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
            "ClientId=hush;Authorization=AAD",
            "must be Authorization=AAD or",
        ),
        (
            "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
            "Authorization=Hush",
            "must be Authorization=AAD or",
        ),
        ("AzureWebJobsStorage", "hush", "must be a connection string"),
        ("PSA__main__PRIVATE_KEY", "@Microsoft.KeyVault(hush)", "is a Key Vault reference"),
        ("PSA__ma in__URL", "https://hush", ": a connection's name has"),
        ("PSA__main", "hush", "is unknown (expected PSA__<name>__<FIELD>)"),
    ],
)
def test_a_wrong_value_is_named_and_never_shown(name, value, reason):
    told = "; ".join(problems(VALID | {name: value}))

    assert name in told
    assert reason in told
    assert "hush" not in told


@pytest.mark.parametrize(
    ("identity", "client_id"),
    [
        ("Authorization=AAD", None),
        (f"ClientId={SOMEONE};Authorization=AAD", SOMEONE),
        (f"Authorization=AAD; ClientId={SOMEONE};", SOMEONE),
    ],
)
def test_telemetry_is_sent_by_a_managed_identity(identity, client_id):
    name = "APPLICATIONINSIGHTS_AUTHENTICATION_STRING"

    assert load_settings({**VALID, name: identity}).insights_client_id == client_id


def test_plain_http_is_for_development_only():
    plain = {"PSA__main__URL": "http://127.0.0.1:7082/"}

    assert load_settings(VALID | DEVELOPMENT | plain).psa["main"].url == "http://127.0.0.1:7082"
    assert problems(VALID | plain) == [
        "PSA__main__URL must begin with https (plain http is for Development only)"
    ]


def test_time_travel_is_for_development_only():
    clock = {"CLOCK_FILE": "clock.txt"}

    assert str(load_settings(VALID | DEVELOPMENT | clock).clock_file) == "clock.txt"
    assert problems(VALID | clock) == [
        "CLOCK_FILE is for AZURE_FUNCTIONS_ENVIRONMENT=Development only"
    ]


def test_short_leases_are_for_development_only():
    short = {"LEASE_SECONDS": "2"}

    assert load_settings(VALID).lease_seconds == 60
    assert load_settings(VALID | {"LEASE_SECONDS": "60"}).lease_seconds == 60
    assert load_settings(VALID | DEVELOPMENT | short).lease_seconds == 2
    assert problems(VALID | short) == [
        "LEASE_SECONDS is for AZURE_FUNCTIONS_ENVIRONMENT=Development only"
    ]


@pytest.mark.parametrize("seconds", ["0", "61", "-1", "1.5", "two", "\u0662"])
def test_a_lease_lasts_from_1_to_60_whole_seconds(seconds):
    told = problems(VALID | DEVELOPMENT | {"LEASE_SECONDS": seconds})

    assert told == ["LEASE_SECONDS must be a whole number of seconds from 1 to 60"]


def test_one_setting_written_twice_is_refused():
    told = problems(VALID | {"PSA__MAIN__URL": "https://other.example.invalid"})

    assert told == ["PSA__main__URL and PSA__MAIN__URL are the same setting"]


def test_two_credentials_are_refused():
    told = problems(VALID | {"MICROSOFT__main__CERTIFICATE": "hush"})

    assert told[0].startswith("MICROSOFT__main needs exactly one of CLIENT_SECRET")


@pytest.mark.parametrize(
    "given",
    [
        {"accountName": "contoso"},
        {
            "tableServiceUri": "https://contoso.table.core.windows.net",
            "queueServiceUri": "https://contoso.queue.core.windows.net",
        },
    ],
)
def test_the_storage_may_be_named_by_its_addresses(given):
    named = {f"AzureWebJobsStorage__{name}": value for name, value in given.items()}

    storage = load_settings(without("AzureWebJobsStorage") | named).storage

    assert storage.connection_string is None
    assert storage.table_endpoint == "https://contoso.table.core.windows.net"
    assert storage.queue_endpoint == "https://contoso.queue.core.windows.net"


def test_the_storage_is_named_in_one_way_only():
    told = problems(VALID | {"AzureWebJobsStorage__accountName": "contoso"})

    assert told[0].startswith("AzureWebJobsStorage is a connection string, and")


def test_no_secret_shows_where_settings_are_printed():
    account = "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=hush"

    settings = load_settings(VALID | {"AzureWebJobsStorage": account})

    assert "hush" not in repr(settings) + str(settings) + str(settings.model_dump())


def test_settings_cannot_be_changed_after_they_were_read():
    settings = load_settings(VALID)

    with pytest.raises(ValueError, match="frozen"):
        settings.clock_file = None


GDAP = {"MICROSOFT__main__MODE": "gdap", "MICROSOFT__main__REFRESH_TOKEN": "hush-refresh"}


def test_delegated_admin_takes_a_refresh_token():
    microsoft = load_settings(VALID | GDAP).microsoft["main"]

    assert microsoft.mode == "gdap"
    assert microsoft.refresh_token.get_secret_value() == "hush-refresh"
    assert "hush" not in repr(microsoft)


@pytest.mark.parametrize("left_out", GDAP)
def test_delegated_admin_and_its_refresh_token_need_each_other(left_out):
    given = {name: value for name, value in GDAP.items() if name != left_out}

    (problem,) = problems(VALID | given)

    assert problem.startswith("MICROSOFT__main ")
    assert "REFRESH_TOKEN" in problem
    assert "hush" not in problem


def test_a_cloud_without_partner_center_is_told():
    dod = {"MICROSOFT__main__CLOUD": "dod", "MICROSOFT__main__PARTNER_CENTER": "true"}

    (problem,) = problems(VALID | dod)

    assert problem == "MICROSOFT__main has PARTNER_CENTER, which the CLOUD dod has not"


@pytest.mark.parametrize("calls", ["9", "0", "-300", "many", "25.5", "٣٠٠"])
def test_calls_are_a_whole_number_that_is_enough_for_a_change(calls):
    syncro = {
        "PSA__other__PROVIDER": "syncro",
        "PSA__other__URL": "https://contoso.example",
        "PSA__other__API_TOKEN": "hush",
        "PSA__other__CALLS_PER_MINUTE": calls,
    }

    with pytest.raises(SettingsError, match="CALLS_PER_MINUTE must be a whole number of calls"):
        load_settings(VALID | syncro)


EMAIL = {
    "NOTIFY__billing__CHANNEL": "Email",
    "NOTIFY__billing__HOST": "smtp.msp.example",
    "NOTIFY__billing__SENDER": "seatsync@msp.example",
    "NOTIFY__billing__RECIPIENTS": "ann@msp.example, bob@msp.example",
}
TEAMS = {
    "NOTIFY__chat__CHANNEL": "teams",
    "NOTIFY__chat__URL": "https://hooks.example/w1?sig=hush-signature",
}
TICKET = {
    "NOTIFY__desk__CHANNEL": "ticket",
    "NOTIFY__desk__PSA": "main",
    "NOTIFY__desk__COMPANY_ID": "250",
}


def test_nobody_has_to_be_told():
    assert load_settings(VALID).notify == {}


def test_several_notifiers_stand_side_by_side():
    settings = load_settings(VALID | EMAIL | TEAMS)

    email = settings.notify["billing"]
    assert (email.security, email.usual_port) == ("starttls", 587)
    assert email.recipients == ("ann@msp.example", "bob@msp.example")
    assert "hush-signature" in settings.notify["chat"].url.get_secret_value()
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_mail_servers_port_follows_from_its_protection(security, port):
    given = VALID | EMAIL | {"NOTIFY__billing__SECURITY": security}

    assert load_settings(given).notify["billing"].usual_port == port
    given["NOTIFY__billing__PORT"] = "2525"
    assert load_settings(given).notify["billing"].usual_port == 2525


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"NOTIFY__billing__CHANNEL": "pigeon"}, "NOTIFY__billing__CHANNEL is not a known channel"),
        ({"NOTIFY__billing__HOST": ""}, "NOTIFY__billing__HOST is missing"),
        ({"NOTIFY__billing__SENDER": "nobody"}, "NOTIFY__billing__SENDER must be an e-mail"),
        ({"NOTIFY__billing__RECIPIENTS": "a@b.example;c"}, "NOTIFY__billing__RECIPIENTS must be"),
        ({"NOTIFY__billing__RECIPIENTS": " , "}, "NOTIFY__billing__RECIPIENTS must be"),
        ({"NOTIFY__billing__SENDER": "a@b.example\nBcc: c"}, "NOTIFY__billing__SENDER must be"),
        ({"NOTIFY__billing__PORT": "0"}, "NOTIFY__billing__PORT must be a port"),
        ({"NOTIFY__billing__USERNAME": "x"}, "NOTIFY__billing needs USERNAME and PASSWORD"),
        (
            {
                "NOTIFY__billing__SECURITY": "none",
                "NOTIFY__billing__USERNAME": "x",
                "NOTIFY__billing__PASSWORD": "hush",
            },
            "NOTIFY__billing would send its PASSWORD in clear",
        ),
        ({"NOTIFY__chat__URL": "http://hooks.example/w1"}, "NOTIFY__chat__URL must begin with"),
        ({"NOTIFY__chat__URL": "hush"}, "NOTIFY__chat__URL must be a URL"),
        ({"NOTIFY__desk__PSA": "other"}, "NOTIFY__desk__PSA names no PSA connection"),
        ({"NOTIFY__desk__COMPANY_ID": "x"}, "NOTIFY__desk__COMPANY_ID must be a number"),
        ({"NOTIFY__chat__HOST": "x"}, "NOTIFY__chat__HOST is unknown"),
        ({"NOTIFI__chat__CHANNEL": "x"}, "NOTIFI__chat__CHANNEL is unknown"),
    ],
)
def test_a_wrong_notifier_stops_the_start_and_is_named(changed, problem):
    [found] = problems(VALID | EMAIL | TEAMS | TICKET | changed)

    assert found.startswith(problem)
    assert "hush" not in found


def test_autotask_wants_to_know_where_a_ticket_goes():
    autotask = {
        "PSA__at__PROVIDER": "autotask",
        "PSA__at__USERNAME": "someone",
        "PSA__at__SECRET": "hush",
        "PSA__at__INTEGRATION_CODE": "hush",
    }
    given = VALID | autotask | TICKET | {"NOTIFY__desk__PSA": "at"}

    assert problems(given) == [
        "NOTIFY__desk__PSA names a connection to Autotask, which needs BOARD and PRIORITY too"
    ]
    whole = given | {"NOTIFY__desk__BOARD": "5", "NOTIFY__desk__PRIORITY": "2"}
    assert load_settings(whole).notify["desk"].board == "5"


def test_messages_link_to_the_app_where_the_platform_says_its_name():
    assert load_settings(VALID).home_url is None
    given = VALID | {"WEBSITE_HOSTNAME": "msp.azurewebsites.net"}
    assert load_settings(given).home_url == "https://msp.azurewebsites.net/alerts"
