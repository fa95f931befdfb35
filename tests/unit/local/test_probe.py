"""The probe finds out how each simulated PSA behaves, and how one that behaves the other way does.

Nothing here waits: a clock of its own moves on whenever somebody sleeps.
"""

import io
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
import requests

from local.probe import command
from local.probe.bench import Answer, ProbeError, mark
from local.simulators.autotask.posting import approve_and_post
from local.simulators.common.app import simulator_of
from local.simulators.common.faults import Fault, Kind
from local.simulators.common.inprocess import InProcessAdapter
from local.sites.known import SITES
from local.sites.site import Agreement, Company, Line, Product, Story
from shared.bootstrap import psa_connection
from shared.domain.ids import ConnectionName
from shared.settings import load_settings
from tests.builders import NOW, TODAY
from tests.unit.local.inprocess import ELSEWHERE, HOST
from tests.unit.local.test_sites import MARCH

STORY = Story(
    companies=[Company(250, "Sandbox")],
    products=[Product(101, "Business Premium", "22.00")],
    agreements=[Agreement(7001, 250, MARCH)],
)
LAG = "Does a write show by the time Seatsync looks?"


NOTHING_POSTED = replace(
    MARCH,
    starts=date(2026, 3, 1),
    invoiced_through=date(2026, 2, 28),
    next_invoice=date(2026, 3, 1),
)


@dataclass
class Sandbox:
    """A simulated PSA with an empty agreement, and the probe on it."""

    psa: str
    switches: dict[str, object] = field(default_factory=dict)
    story: Story = STORY
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.site = SITES[self.psa]
        self.state = self.site.new_state()
        self.state.now = lambda: NOW
        story = self.story
        if self.psa == "autotask":
            self.state.switches.adjust_posted_periods = False
            agreements = [replace(one, terms=NOTHING_POSTED) for one in story.agreements]
            story = replace(story, agreements=agreements)
        self.state.seed(**self.site.records(story))
        for name, value in self.switches.items():
            assert hasattr(self.state.switches, name)
            setattr(self.state.switches, name, value)
        app = self.site.app(self.state)
        self.simulator = simulator_of(app)
        self.http = requests.Session()
        self.http.mount(HOST, InProcessAdapter(app, sleep=lambda _seconds: None))
        settings = load_settings({**ELSEWHERE, **self.site.settings(HOST)})
        chosen = settings.psa["main"]
        known = {one: v for one, v in command.TURNED_ON.items() if hasattr(chosen, one)}
        clock = SimpleNamespace(now=lambda: NOW, real_now=self.real_now)
        self.connection = psa_connection(
            ConnectionName("main"), chosen.model_copy(update=known), clock, self.http
        )
        if self.psa == "autotask":
            self.connection.gateway._sleep = self.sleep

    def real_now(self):
        return NOW + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def prepared(self):
        return command.prepared(
            self.connection,
            self.site.agreement_id(7001),
            None,
            TODAY,
            sleep=self.sleep,
            monotonic=lambda: self.seconds,
        )

    def probed(self):
        bench = self.prepared()
        status = command.settle(bench, self.psa)
        return bench, status

    def answers(self) -> dict[str, str]:
        """Probe, on Autotask again once a person has posted what the probe wrote."""
        bench, status = self.probed()
        assert status == 0
        found = {one.question: one.answer.value for one in bench.findings}
        if self.psa == "autotask":
            approve_and_post(self.state, MARCH.period_end)
            again, status = self.probed()
            assert status == 0
            found |= {one.question: one.answer.value for one in again.findings}
        return found

    def held(self):
        return self.site.held(self.state.dump())


@pytest.fixture
def sandbox():
    made = []

    def make(psa, story=STORY, **switches):
        made.append(Sandbox(psa, switches, story))
        return made[-1]

    yield make
    for one in made:
        one.http.close()
        # Nothing but what the vendors' published contracts know was sent.
        assert one.simulator.violations == []


QUESTIONS = {
    ("connectwise", "May cancelledDate be the effectiveDate"): ("one_day_lines", True),
    ("connectwise", "Does a PATCH with `remove`"): ("remove_opens_lines", True),
    ("connectwise", "Are negative quantities taken"): ("accept_negative_quantity", True),
    ("autotask", "May an adjustment begin in a posted"): ("adjust_posted_periods", True),
    ("autotask", "Does a new service keep"): ("keeps_internal_description", True),
    ("autotask", "Is a second adjustment"): ("same_date_twice", True),
    ("autotask", "May units go to 0"): ("units_to_zero", True),
    ("halopsa", "May a new line have no seats"): ("zero_beside_row", True),
    ("halopsa", "Is a row without unitprice"): ("rows_take_line_price", True),
    ("halopsa", "Does a write answer"): ("write_answers", "saved"),
    ("halopsa", "Does updatelines keep"): ("updatelines_keeps_others", True),
    ("halopsa", "Are negative rows taken"): ("negative_prorata", True),
    ("halopsa", "Is a line deleted"): ("omitted_lines_are_lost", True),
    ("syncro", "Does price_retail set"): ("price_retail_sets_price", True),
    ("syncro", "May a quantity be 0"): ("refuse_zero", False),
    ("syncro", "Does schedule_line_item_id"): ("removes_by_id", True),
}


def opposite(yes: object) -> object:
    """What a switch says for "no" that says this for "yes"."""
    return "sent" if yes == "saved" else not yes


def answer_to(answers: dict[str, str], begins: str) -> str:
    [found] = [answer for question, answer in answers.items() if question.startswith(begins)]
    return found


@pytest.mark.parametrize(("psa", "question"), QUESTIONS)
@pytest.mark.parametrize("way", ["yes", "no"])
def test_each_question_gets_the_answer_that_the_psa_would_live_by(sandbox, psa, question, way):
    switch, yes = QUESTIONS[psa, question]

    answers = sandbox(psa, **{switch: yes if way == "yes" else opposite(yes)}).answers()

    assert answer_to(answers, question) == way


@pytest.mark.parametrize("psa", SITES)
@pytest.mark.parametrize("way", ["yes", "no"])
def test_with_every_switch_one_way_all_questions_of_a_psa_are_answered(sandbox, psa, way):
    own = {switch: yes for (name, _), (switch, yes) in QUESTIONS.items() if name == psa}

    answers = sandbox(
        psa, **{switch: yes if way == "yes" else opposite(yes) for switch, yes in own.items()}
    ).answers()

    assert {answer for question, answer in answers.items() if question != LAG} == {way}
    assert len(answers) == len(own) + 1


@pytest.mark.parametrize("psa", SITES)
def test_late_reads_are_measured(sandbox, psa):
    late = sandbox(psa)
    if hasattr(late.state.switches, "lag_reads"):
        late.state.switches.lag_reads = 7
    else:
        late.simulator.lag_reads = 3

    bench, status = late.probed()

    [finding] = [one for one in bench.findings if one.question == LAG]
    assert status == 0
    assert finding.answer is Answer.NO
    assert "within" in finding.detail
    assert sandbox(psa).answers()[LAG] == "yes"


@pytest.mark.parametrize("psa", ["connectwise", "halopsa", "syncro"])
def test_nothing_is_left_where_all_can_be_taken_back(sandbox, psa, capsys):
    place = sandbox(psa)

    bench, _ = place.probed()

    assert place.held() == []
    assert bench.left == []
    assert "Left behind:\n  - nothing" in capsys.readouterr().out


def test_what_cannot_be_taken_back_is_told(sandbox, capsys):
    empty = sandbox("autotask", units_to_zero=True)
    kept = sandbox("autotask", units_to_zero=False)
    ended = sandbox("halopsa", omitted_lines_are_lost=False)
    there = sandbox("syncro", removes_by_id=False)

    assert ["no units at last" in one for one in empty.probed()[0].left] == [True]
    assert ["until it is deleted" in one for one in kept.probed()[0].left] == [True]
    assert ["ended on" in one for one in ended.probed()[0].left] == [True, True]
    assert ["remove it" in one for one in there.probed()[0].left] == [True]
    assert "delete it in Autotask" in capsys.readouterr().out


def test_settings_are_named_as_the_environment_has_them(sandbox, capsys):
    sandbox("autotask", units_to_zero=True, adjust_posted_periods=True).answers()
    sandbox("halopsa", negative_prorata=True).probed()
    sandbox("connectwise", accept_negative_quantity=False).probed()

    shown = capsys.readouterr().out
    for setting in (
        "PSA__main__UNITS_TO_ZERO=true",
        "PSA__main__POSTED_PERIODS=true",
        "PSA__main__NEGATIVE_PRORATA=true",
        "PSA__main__CREDITS=report",
    ):
        assert f"→ {setting}" in shown


@pytest.mark.parametrize("psa", SITES)
def test_an_agreement_with_other_lines_is_refused_and_not_touched(sandbox, psa):
    story = Story(
        STORY.companies,
        STORY.products,
        STORY.agreements,
        [Line(501, 7001, 101, 10, MARCH.starts)],
    )
    place = sandbox(psa, story=story)

    with pytest.raises(ProbeError, match="501"):
        place.prepared()

    assert place.state.audit == []


def test_an_agreement_that_is_not_active_is_refused(sandbox):
    place = sandbox("syncro")
    place.state.schedules[7001]["paused"] = True

    with pytest.raises(ProbeError, match="not active"):
        place.prepared()


def test_a_contract_that_was_probed_before_is_refused_where_nothing_can_be_taken_back(sandbox):
    place = sandbox("autotask")
    place.probed()

    with pytest.raises(ProbeError, match="probed before"):
        place.prepared()

    approve_and_post(place.state, MARCH.period_end)
    assert [one.answer.value for one in place.probed()[0].findings] == ["no", "yes"]


def test_what_an_interrupted_probe_left_is_taken_away_first(sandbox):
    place = sandbox("connectwise")
    bench = place.prepared()
    bench.attempt(bench.new_line(1, 5, bench.first), lambda _: bench.marked(mark(1)) is not None)

    assert place.answers()[LAG] == "yes"
    assert place.held() == []


def test_a_psa_that_asks_to_wait_is_waited_for(sandbox):
    place = sandbox("connectwise")
    place.simulator.faults.add(Fault(kind=Kind.THROTTLE, retry_after=7, method="POST", times=1))

    assert place.answers()[LAG] == "yes"
    assert place.seconds == 7


def test_a_psa_that_breaks_off_is_told_and_the_probe_fails(sandbox, capsys):
    place = sandbox("connectwise")
    bench = place.prepared()
    place.simulator.faults.add(Fault(kind=Kind.STATUS, status=503))

    assert command.settle(bench, "connectwise") == 1

    shown = capsys.readouterr()
    assert "503" in shown.err
    assert "could not be looked at" in shown.out


def test_without_the_persons_word_nothing_is_written(sandbox, monkeypatch, tmp_path, capsys):
    place = sandbox("connectwise")
    monkeypatch.setattr(command, "_connection", lambda *_: place.connection)
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    before = place.state.dump()

    assert command.main(["--psa", "main", "--agreement", "7001"]) == 1

    assert "Nothing was written" in capsys.readouterr().out
    assert place.state.dump() == before


def test_a_connection_that_the_settings_do_not_name_is_told(monkeypatch, tmp_path, capsys):
    for name, value in {**ELSEWHERE, **SITES["syncro"].settings(HOST)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    assert command.main(["--psa", "other", "--agreement", "7001", "--yes"]) == 1

    assert "no PSA connection other" in capsys.readouterr().err
