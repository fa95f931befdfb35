"""Every signal is explained as it is, and whoever asks for one asks for one that there is."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from shared.signals import EVENTS, METRICS, SPANS, Signal
from tests.api_client import functions

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "telemetry.md").read_text("utf-8")
MODULES = ROOT / "infra" / "modules"
CELL = re.compile(r"`([^`]+)`")
COLUMNS = {"Spans": 3, "Numbers": 5, "Events": 4}

TABLES: dict[str, tuple[type[Signal], ...]] = {
    "AppDependencies": SPANS,
    "AppMetrics": METRICS,
    "AppTraces": EVENTS,
}
FUNCTIONS = {one.name for one in functions()}
CALL = "call "


def rows(heading: str) -> dict[str, list[str]]:
    """Return the table under a heading: the cells of each row by the name in its first."""
    section = DOCUMENT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^\| `([^`]+)` \|(.*)\|$", section, re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in found}


def names(kind: type[Signal]) -> list[str]:
    return [one.name for one in fields(kind)]


def test_the_spans_are_those_of_the_document():
    told = {one.NAME: [names(one)] for one in SPANS}

    assert {name: [CELL.findall(cells[0])] for name, cells in rows("Spans").items()} == told


def test_the_numbers_are_those_of_the_document_with_their_units():
    told = {
        one.NAME: [one.UNIT, one.SORT, [n for n in names(one) if n != "value"]] for one in METRICS
    }

    assert {
        name: [cells[0].strip("`"), cells[1], CELL.findall(cells[2])]
        for name, cells in rows("Numbers").items()
    } == told


def test_the_events_are_those_of_the_document_with_their_levels():
    told = {one.NAME: [one.LEVEL, names(one)] for one in EVENTS}

    assert {
        name: [cells[0], CELL.findall(cells[1])] for name, cells in rows("Events").items()
    } == told


@pytest.mark.parametrize("heading", COLUMNS)
def test_every_row_says_what_to_do(heading):
    for name, cells in rows(heading).items():
        assert len(cells) == COLUMNS[heading] - 1, name
        assert cells[-1].endswith("."), name


# Queries ------------------------------------------------------------------------------------------


def queries() -> dict[str, str]:
    """Return all queries that are kept with the code, by where they are."""
    found = {}
    alerts = (MODULES / "alerts.bicep").read_text("utf-8")
    for number, query in enumerate(re.findall(r"query: '(.*)'", alerts)):
        found[f"alerts {number}"] = query
    guide = (ROOT / "docs" / "operations.md").read_text("utf-8")
    for number, query in enumerate(re.findall(r"```kusto\n(.*?)```", guide, re.DOTALL)):
        found[f"operations {number}"] = query
    for item in workbook()["items"]:
        if "query" in item["content"]:
            found[f"workbook {item['name']}"] = item["content"]["query"]
    return found


def workbook() -> dict:
    return json.loads((MODULES / "workbook.json").read_text("utf-8"))


def unknown(query: str) -> list[str]:
    """Return the names of a query that nothing tells."""
    tables = set(re.findall(r"\bApp[A-Z]\w+", query))
    signals = [one for table in tables & TABLES.keys() for one in TABLES[table]]
    known = {one.NAME for one in signals} | {CALL} | {f"function {name}" for name in FUNCTIONS}
    events = _compared(r"Properties\.event", query)
    asked = _compared(r"(?<![.\w])Name", query)
    properties = {name for one in signals for name in names(one)} | {"event"}
    return sorted(
        {*(tables - TABLES.keys())}
        | {name for name in events if name not in {one.NAME for one in EVENTS}}
        | {name for name in asked if name not in known}
        | (set(re.findall(r"Properties\.(\w+)", query)) - properties)
        | {name for name in _compared(r"Properties\.function", query) if name not in FUNCTIONS}
    )


def _compared(left: str, query: str) -> list[str]:
    found = re.findall(left + r'\)?\s*(?:==|!=|in|startswith)\s*(\([^)]*\)|"[^"]*")', query)
    return [name for one in found for name in re.findall(r'"([^"]*)"', one)]


def test_there_are_queries_of_every_origin():
    assert {where.split()[0] for where in queries()} == {"alerts", "operations", "workbook"}


@pytest.mark.parametrize("where", queries())
def test_a_query_asks_only_for_what_is_told(where):
    assert unknown(queries()[where]) == []


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("run_closed", "run_close"),
        ("Properties.changed", "Properties.change"),
        ("AppTraces", "AppTrace"),
    ],
)
def test_a_name_that_nothing_tells_is_found_in_a_query(good, bad):
    query = queries()["workbook Runs"]
    assert good in query

    assert unknown(query.replace(good, bad)) != []


def test_a_field_is_compared_as_text_for_it_is_of_no_type_of_its_own():
    bare = re.compile(r"(?<!tostring\()Properties\.\w+\s*(==|!=|in\b|startswith)")

    assert [where for where, query in queries().items() if bare.search(query)] == []


@pytest.mark.parametrize(
    "query",
    [
        'AppMetrics | where Name == "seatsync.seat"',
        'AppDependencies | where Name in ("function sync_tenants")',
        'AppDependencies | where Name in ("group.write", "group.wrote")',
        'AppTraces | where Properties.event in ("fault", "faults")',
        'AppTraces | where Properties.function == "start_cycle"',
    ],
)
def test_a_misspelt_value_is_found_in_a_query(query):
    assert len(unknown(query)) == 1


def test_every_alert_of_the_deployment_has_its_queries_in_the_guide():
    guide = (ROOT / "docs" / "operations.md").read_text("utf-8")
    night = guide.partition("\n## At three in the morning\n")[2].partition("\n## ")[0]
    text = (MODULES / "alerts.bicep").read_text("utf-8")
    alerts = re.findall(r"^  name: '(seatsync-[a-z-]+)'", text, re.MULTILINE)

    for name in alerts:
        assert "```kusto" in night.partition(f"**`{name}`**")[2].partition("**")[0], name


def test_the_workbook_is_what_the_portal_reads():
    document = workbook()

    assert document["version"] == "Notebook/1.0"
    assert document["fallbackResourceIds"] == ["{workspaceId}"]
    named = [item["name"] for item in document["items"]]
    assert len(set(named)) == len(named)
