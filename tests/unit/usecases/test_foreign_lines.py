"""Ending another tool's lines: shown first, written once, and never what was not shown."""

from datetime import date, timedelta

import pytest

from shared.domain.agreements import Capabilities, ChangeKind, EndLine
from shared.domain.customers import CustomerState
from shared.domain.errors import (
    ConflictError,
    InvalidInputError,
    RateLimitError,
    RequestRefusedError,
)
from shared.domain.ids import AgreementId, CompanyId
from shared.domain.mappings import ExistingLine
from shared.domain.runs import ItemState
from shared.usecases.customers import CustomerChanges, change_customer
from shared.usecases.foreign_lines import (
    ForeignPreview,
    Selection,
    end_foreign_lines,
    preview_foreign_lines,
)
from shared.usecases.start_run import retry_failed
from shared.usecases.undo_run import undo_run
from tests.builders import (
    AGREEMENT,
    CUSTOMER,
    EDITOR,
    LINE,
    MAIN,
    OTHER_AGREEMENT,
    OTHER_LINE,
    a_line,
    an_agreement,
)
from tests.house import House

MARCH_END = date(2026, 3, 31)
THEIRS = Selection("ACME-", MARCH_END)


@pytest.fixture
def house() -> House:
    """Contoso, whose ten mapped seats another tool bills through line 501."""
    house = House().with_customer().with_mapping().holds(10)
    house.psa.add(a_line(marker="ACME-501"))
    return house


def preview(house: House, selection: Selection = THEIRS) -> ForeignPreview:
    return preview_foreign_lines(MAIN, selection, house.services)


def end(house: House, seen: ForeignPreview | None = None, *, each: int = 1) -> list[ItemState]:
    """End what was seen, work off the queue, and return how the items ended."""
    seen = seen or preview(house)
    run_id, _ = end_foreign_lines(
        MAIN, THEIRS, seen.fingerprint, house.services, note="moving", actor=EDITOR
    )
    house.drain(each=each)
    return [item.state for item in house.items(run_id)]


def test_a_preview_writes_nothing_and_shows_each_line(house):
    [found] = preview(house).lines

    assert (found.line.line_id, found.outcome, found.customer_id) == (LINE, "ends", CUSTOMER)
    assert house.psa.writes == []


def test_what_was_shown_is_ended_once_and_history_says_who_and_why(house):
    assert end(house) == [ItemState.CHANGED]

    assert house.psa.writes == [EndLine(AGREEMENT, LINE, MARCH_END)]
    [change] = house.history()
    assert (change.actor, change.operations) == (EDITOR, ("line 501 ends on 2026-03-31",))
    assert "moving" in change.why
    assert (change.before, change.after) == (10, 10)
    assert house.services.intents.of_customer(CUSTOMER) == ()
    assert house.services.ledgers.of_customer(CUSTOMER) == ()


def test_a_run_that_ended_lines_is_neither_undone_nor_tried_again_by_itself(house):
    seen = preview(house)
    run_id, _ = end_foreign_lines(
        MAIN, THEIRS, seen.fingerprint, house.services, note="moving", actor=EDITOR
    )
    house.drain()

    with pytest.raises(ConflictError, match="line of another tool"):
        undo_run(run_id, house.services, until=date(2026, 4, 30), note="", actor=EDITOR)
    with pytest.raises(ConflictError, match="preview"):
        retry_failed(run_id, house.services, requested_by=EDITOR)


def test_the_mapped_row_waits_for_the_day_after_and_is_billed_once(house):
    end(house)

    house.cycle()
    assert [line.ends for line in house.lines] == [MARCH_END]
    house.on(date(2026, 4, 1)).invoiced_through(date(2026, 5, 1)).holds(10)
    house.cycle()

    assert [(line.quantity, line.starts, line.ends) for line in house.lines] == [
        (10, date(2026, 1, 1), MARCH_END),
        (10, date(2026, 4, 1), None),
    ]


def test_ending_twice_writes_once(house):
    seen = preview(house)

    assert end(house, seen, each=3) == [ItemState.CHANGED]
    with pytest.raises(ConflictError):
        end(house, seen)

    assert len(house.psa.writes) == 1
    assert len(house.history()) == 1


def test_two_admins_who_press_at_once_end_it_once(house):
    seen = preview(house)
    runs = [
        end_foreign_lines(MAIN, THEIRS, seen.fingerprint, house.services, note="x", actor=EDITOR)
        for _ in range(2)
    ]
    house.drain()

    states = [house.items(run_id)[0].state for run_id, _ in runs]
    assert states == [ItemState.CHANGED, ItemState.UNCHANGED]
    assert len(house.psa.writes) == 1


def test_a_lost_answer_is_read_before_anything_is_written_again(house):
    house.psa.lose_next_answer()

    assert end(house) == [ItemState.CHANGED]

    assert len(house.psa.writes) == 1
    assert len(house.history()) == 1
    assert house.services.intents.of_customer(CUSTOMER) == ()


def test_a_throttled_write_waits_and_is_then_sent(house):
    house.psa.next_write(RateLimitError("main", timedelta(seconds=7)))

    assert end(house) == [ItemState.CHANGED]

    assert [line.ends for line in house.lines] == [MARCH_END]
    assert len(house.history()) == 1


def test_a_refusal_fails_the_item_and_leaves_nothing_behind(house):
    house.psa.next_write(RequestRefusedError("main: 400: not allowed"))

    assert end(house) == [ItemState.FAILED]

    assert house.history() == ()
    assert house.services.intents.of_customer(CUSTOMER) == ()


def test_an_end_whose_history_was_never_written_is_finished_when_asked_again(house, monkeypatch):
    seen = preview(house)
    add = type(house.services.changes).add

    def broken(_changes: object, _change: object) -> None:
        raise RequestRefusedError("the storage is full")

    monkeypatch.setattr(type(house.services.changes), "add", broken)
    end(house, seen)
    monkeypatch.setattr(type(house.services.changes), "add", add)

    assert end(house) == [ItemState.CHANGED]
    assert len(house.history()) == 1
    assert len(house.psa.writes) == 1


@pytest.mark.parametrize(
    "changed",
    [{"quantity": 11}, {"ends": date(2026, 12, 31)}, {"marker": "ACME-502"}],
    ids=["quantity", "end", "mark"],
)
def test_what_changed_after_the_preview_is_refused_as_a_whole(house, changed):
    house.psa.add(a_line(OTHER_LINE, marker="ACME-502"))
    seen = preview(house)
    house.psa.edit(LINE, **changed)

    with pytest.raises(ConflictError, match="no longer what was shown"):
        end(house, seen)

    assert house.psa.writes == []


@pytest.mark.parametrize(
    "changed",
    [{"ends": date(2026, 12, 31)}, {"marker": None}],
    ids=["end", "mark"],
)
def test_what_changes_while_it_is_queued_is_left_alone(house, changed):
    seen = preview(house)
    run_id, _ = end_foreign_lines(
        MAIN, THEIRS, seen.fingerprint, house.services, note="moving", actor=EDITOR
    )
    house.psa.edit(LINE, **changed)
    house.drain()

    assert [item.state for item in house.items(run_id)] == [ItemState.BLOCKED]
    assert house.psa.writes == []


def test_a_line_of_ours_is_never_ended_even_by_its_whole_mark(house):
    house.psa.remove(LINE)
    house.cycle()
    [ours] = house.lines

    with pytest.raises(InvalidInputError):
        preview(house, Selection(ours.marker, MARCH_END))
    with pytest.raises(InvalidInputError):
        preview(house, Selection("SEATSYNC", MARCH_END))


def test_an_adopted_line_that_somebody_marked_later_is_ours(house):
    house.psa.edit(LINE, marker=None)
    house.cycle()
    house.psa.edit(LINE, marker="ACME-501")

    assert preview(house).lines == ()


def test_a_row_that_makes_its_own_line_is_warned_of():
    house = House().with_customer().with_mapping(existing_line=ExistingLine.CREATE).holds(10)
    house.psa.add(a_line(marker="ACME-501"))

    [found] = preview(house).lines
    assert "override start date" in found.warnings[0]
    house.cycle()
    [found] = preview(house).lines
    assert "twice" in found.warnings[0]


def test_a_psa_that_cannot_end_says_so_for_each_line(house):
    house.psa.capabilities = Capabilities(
        ChangeKind.DATED_ADJUSTMENTS, credits=True, description_limit=1000, can_end=False
    )

    [found] = preview(house).lines

    assert (found.outcome, found.text) == (
        "refused",
        "this PSA lets nobody end a line by its API; end it there",
    )
    with pytest.raises(ConflictError, match="none of these"):
        end(house)


def test_nothing_is_ended_for_a_paused_customer(house):
    change_customer(
        CUSTOMER,
        house.services,
        if_match=None,
        changes=CustomerChanges(state=CustomerState.PAUSED),
    )

    assert [one.outcome for one in preview(house).lines] == ["refused"]


def test_an_agreement_that_cannot_be_read_is_told_and_stops_no_other(house):
    stranger = AgreementId("7003")
    house.psa.add(
        an_agreement(stranger, company_id=CompanyId("999")),
        a_line(OTHER_LINE, agreement_id=stranger, marker="ACME-7"),
    )

    seen = preview(
        house, Selection("ACME-", MARCH_END, (OTHER_AGREEMENT, stranger, AGREEMENT, AGREEMENT))
    )

    assert [one.line.line_id for one in seen.lines] == [LINE]
    assert [one.agreement_id for one in seen.unread] == [OTHER_AGREEMENT, stranger]


def test_too_many_agreements_are_not_read_while_a_person_waits(house):
    many = tuple(AgreementId(str(number)) for number in range(201))

    with pytest.raises(InvalidInputError):
        preview(house, Selection("ACME-", MARCH_END, many))
