"""Quantiles of waiting times."""

from bench.sync_now import p50, p95


def test_one_in_twenty_exceeds_p95():
    seconds = [float(number) for number in range(1, 101)]

    assert p50(seconds) == 50.5
    assert p95(seconds) is not None
    assert sum(second > p95(seconds) for second in seconds) == 5


def test_nothing_that_was_measured_has_no_quantiles():
    assert p50([]) is None
    assert p95([]) is None
    assert p95([2.0]) == 2.0
