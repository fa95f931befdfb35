"""A sync that remembers nothing finds its lines in the PSA as it left them."""

from datetime import date

from hypothesis import given

from shared.domain.agreements import is_dated_of
from shared.domain.ledger import Ledger
from shared.domain.planning import plan
from shared.domain.plans import PlanStatus
from tests.property.effort import tried
from tests.property.histories import Step, Walk, histories

lost = tried(150)


class Forgetful(Walk):
    """A walk that asks after each sync what an empty ledger would make of the lines."""

    def _sync(self, day: date, step: Step) -> None:
        super()._sync(day, step)
        ledger = self.driver.ledger
        if step.crash is None and ledger is not None and ledger.line_id is not None:
            self.driver.ledger = None
            self.check(day, step.seats, ledger)
            self.driver.ledger = ledger

    def check(self, day: date, seats: int, ledger: Ledger) -> None:
        """Plan without a ledger: nothing is written by itself, and no line is made twice."""
        group, lines = self.driver.group.group_id, self.psa.lines.values()
        if ledger.adopted and not any(is_dated_of(line.marker, group) for line in lines):
            return  # nothing in the PSA says that the line is ours: it is adopted once more

        again = plan(self.driver.request(day, seats))

        assert again.status is PlanStatus.HELD or again.operations == ()


@lost
@given(histories())
def test_a_group_that_is_forgotten_and_found_again_is_written_nothing(history):
    Forgetful(history).run()


@lost
@given(histories(adopts=True))
def test_so_is_one_whose_standing_line_somebody_else_made(history):
    Forgetful(history).run()


@lost
@given(histories(prorates=False))
def test_so_is_one_on_an_agreement_that_does_not_prorate(history):
    Forgetful(history).run()


@lost
@given(histories(ends=True))
def test_so_is_one_on_an_agreement_that_ends(history):
    Forgetful(history).run()
