"""How the demo ends, and how it shows what was written; nothing is started here."""

import contextlib

import pytest

from local import demo
from local.api import ApiError
from local.stack import Stack

CHANGE = {"license_name": "Microsoft 365 E3", "before": None, "after": 12, "why": ["12 enabled"]}


class ScriptedDemo:
    """Stands for the steps against real processes: says what they find."""

    wrong: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    onboarded = ()

    def __init__(self, *_what):
        pass

    def set_up(self):
        pass

    def first_cycle(self):
        pass

    def check(self):
        return list(self.wrong)

    def second_cycle(self):
        return list(self.writes)


@pytest.fixture
def scripted(monkeypatch, tmp_path):
    @contextlib.contextmanager
    def stack(logs, _site, **_how):
        (logs / "app.log").write_text("the app's own words")
        yield Stack("http://app", "http://microsoft", "http://psa", lambda: "app")

    monkeypatch.setattr(demo, "running_stack", stack)
    monkeypatch.setattr(demo, "_Demo", ScriptedDemo)
    monkeypatch.setattr(demo.tempfile, "tempdir", str(tmp_path))

    def script(**found):
        for name, value in found.items():
            monkeypatch.setattr(ScriptedDemo, name, value)

    return script


def test_once_it_ends_well_when_all_is_right(scripted, capsys):
    assert demo.main(["--once"]) == 0

    assert "Every line in the PSA equals its rule" in capsys.readouterr().out


@pytest.mark.parametrize("found", [{"wrong": ("missing: x",)}, {"writes": ("wrote: x",)}])
def test_once_it_fails_and_says_what_is_wrong(scripted, capsys, found):
    scripted(**found)

    assert demo.main(["--once"]) == 1

    shown = capsys.readouterr()
    assert next(iter(found.values()))[0] in shown.out
    assert "equals its rule" not in shown.out
    assert "What the processes wrote is in" in shown.err


def test_a_call_that_is_refused_ends_it_with_the_reason(scripted, capsys):
    def refuse(_self):
        raise ApiError("POST /api/customers: 422")

    scripted(set_up=refuse)

    assert demo.main(["--once"]) == 1
    assert "POST /api/customers: 422" in capsys.readouterr().err


def test_stopped_in_the_middle_it_is_no_success(scripted, capsys):
    def interrupt(_self):
        raise KeyboardInterrupt

    scripted(set_up=interrupt)

    assert demo.main(["--once"]) == demo.STOPPED
    assert demo.main([]) == 0


def test_a_table_shows_each_customer_once_and_keeps_to_the_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    long = {**CHANGE, "before": 10, "why": ["one step"] * 12, "license_name": "A licence " * 9}

    lines = demo._table([("Aspen", CHANGE), ("Aspen", long), ("Birch", CHANGE)]).splitlines()

    assert lines[1].split() == [
        *("Aspen", "Microsoft", "365", "E3", "–", "12", "12", "enabled"),
    ]
    assert sum("Aspen" in line for line in lines) == 1
    assert max(len(line) for line in lines) <= 100
    assert lines[-1].startswith("Birch")
