"""What is wanted beside what was measured."""

from bench.rows import Row, as_markdown, as_text, at_least, at_most, told


def test_a_figure_up_to_what_is_wanted_is_enough():
    assert at_most("p", "calls", 1.05, 1.05).met is True
    assert at_most("p", "calls", 1.06, 1.05).met is False


def test_a_figure_from_what_is_wanted_on_is_enough():
    assert at_least("p", "faster", 10, 10).met is True
    assert at_least("p", "faster", 9.99, 10).met is False


def test_what_could_not_be_measured_is_neither_enough_nor_too_little():
    assert at_most("p", "memory", None, 20, " %") == Row("p", "memory", "not measured", "≤ 20 %")


def test_a_figure_that_falls_short_is_told_loudly():
    rows = [at_most("Cycles", "calls ÷ floor", 1.22, 1.05), told("Cycles", "time", "3 s")]

    assert as_text(rows).splitlines() == [
        "",
        "Cycles",
        "  calls ÷ floor  1.22  ≤ 1.05    NO",
        "  time           3 s",
    ]
    assert "| calls ÷ floor | 1.22 | ≤ 1.05 | NO |" in as_markdown(rows)
