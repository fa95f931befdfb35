"""Installing says how it goes, and what to do when it cannot go on."""

import sys

import pytest

from local import install


def test_a_command_that_fails_is_told_with_its_last_words(capsys):
    failing = [sys.executable, "-c", "print('no such package'); raise SystemExit(3)"]

    with pytest.raises(install.InstallError, match=r"no such package(?s:.*)ended with 3"):
        install._run("things", failing, lambda _line: "working")

    assert "Installing things" in capsys.readouterr().out


def test_progress_is_told_while_a_command_says_nothing(monkeypatch, capsys):
    monkeypatch.setattr(install, "TELL_EVERY_SECONDS", 0.05)
    slow = [sys.executable, "-c", "import time; print('one', flush=True); time.sleep(0.5)"]

    install._run("things", slow, lambda line: f"seen {line.strip()}")

    shown = capsys.readouterr().out
    assert "seen one" in shown
    assert "Installed things in" in shown


def test_without_npm_it_says_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    assert install.main(["node"]) == 1
    assert "install Node" in capsys.readouterr().err


def test_the_npm_beside_this_python_does_where_the_machine_has_none(monkeypatch, tmp_path):
    (tmp_path / "npm").write_text('#!/bin/sh\necho "$@" > "${0%/*}/asked"\n', "utf-8")
    (tmp_path / "npm").chmod(0o755)
    (tmp_path / "node_modules").mkdir()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(install, "ROOT", tmp_path)

    assert install.main(["node"]) == 0
    assert (tmp_path / "asked").read_text().startswith("ci ")
    assert (tmp_path / "node_modules" / install.STAMP).exists()
