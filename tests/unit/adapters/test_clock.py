"""Time that travels for billing, and never for leases."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.clock import FileClock, SystemClock
from shared.adapters.ids import RandomIds
from shared.domain.errors import SettingsError


def test_the_system_clock_tells_aware_utc_time():
    clock = SystemClock()

    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert clock.now().tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-17T12:00:00Z",
        "2026-03-17T12:00:00",
        "2026-03-17T13:00:00+01:00\n",
    ],
)
def test_the_file_says_what_now_is(tmp_path, text):
    file = tmp_path / "clock.txt"
    file.write_text(text)

    assert FileClock(file).now() == datetime(2026, 3, 17, 12, tzinfo=UTC)
    assert FileClock(file).now().tzinfo is UTC


def test_the_file_is_read_at_each_use(tmp_path):
    file = tmp_path / "clock.txt"
    file.write_text("2026-03-17T12:00:00Z")
    clock = FileClock(file)
    before = clock.now()

    file.write_text("2026-04-01T00:00:00Z")

    assert clock.now() - before == timedelta(days=14, hours=12)


def test_a_file_that_is_being_written_says_what_it_said_last(tmp_path):
    file = tmp_path / "clock.txt"
    file.write_text("2026-03-17T12:00:00Z")
    clock = FileClock(file)
    before = clock.now()

    file.write_text("")

    assert clock.now() == before


@pytest.mark.parametrize("text", [None, "", "tomorrow"])
def test_a_file_without_a_moment_is_an_error_that_names_the_setting(tmp_path, text):
    file = tmp_path / "clock.txt"
    if text is not None:
        file.write_text(text)

    with pytest.raises(SettingsError, match="CLOCK_FILE"):
        FileClock(file).now()


def test_real_time_never_travels(tmp_path):
    file = tmp_path / "clock.txt"
    file.write_text("2026-03-17T12:00:00Z")

    assert abs(FileClock(file).real_now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_new_names_are_short_and_differ():
    names = {RandomIds().new() for _ in range(1000)}

    assert len(names) == 1000
    assert all(name.isalnum() and name == name.lower() and len(name) == 16 for name in names)
