"""The guide for operators leaves no alert without an answer."""

import re
from pathlib import Path

from shared.domain.alerts import AlertKind

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "operations.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| `([a-z_-]+)` \| (.+) \|$", GUIDE, re.MULTILINE))


def test_every_kind_of_alert_has_an_answer():
    assert {kind.value for kind in AlertKind} - set(ROWS) == set()


def test_every_alert_of_the_deployment_has_an_answer():
    alerts = (ROOT / "infra" / "modules" / "alerts.bicep").read_text("utf-8")
    rules = re.findall(r"^  name: '(seatsync-[a-z-]+)'", alerts, re.MULTILINE)

    assert rules
    assert set(rules) - set(ROWS) == set()


def test_no_answer_is_to_an_alert_that_is_gone():
    known = {kind.value for kind in AlertKind}

    assert {name for name in ROWS if not name.startswith("seatsync-")} == known


def test_secrets_are_called_as_in_the_vault():
    vault = (ROOT / "infra" / "modules" / "vault.bicep").read_text("utf-8")
    named = set(re.findall(r"`((?:MICROSOFT|PSA)--[A-Za-z-]+)`", GUIDE))

    assert named
    assert [name for name in sorted(named) if f"'{name}'" not in vault] == []
