"""Tickets in each PSA that takes them, opened by the PSA's own package in its simulator."""

import pytest

from shared.adapters.notify.ticket import TicketConfig, TicketNotifier
from shared.domain.ids import CompanyId
from shared.ports import Ticket
from tests.contract import test_autotask, test_connectwise, test_halopsa
from tests.contract.notifier import DIGEST, NotifierContract
from tests.contract.psa_gateway import COMPANY, Trouble

SERVERS = {
    "connectwise": test_connectwise.ConnectWiseServer,
    "autotask": test_autotask.AutotaskServer,
    "halopsa": test_halopsa.HaloPsaServer,
}
FAULTS = {
    "connectwise": test_connectwise.FAULTS,
    "autotask": test_autotask.FAULTS,
    "halopsa": test_halopsa.FAULTS,
}
FIELDS = {
    "connectwise": ("summary", "initialDescription"),
    "autotask": ("title", "description"),
    "halopsa": ("summary", "details"),
}


class TicketDesk:
    """A ``Desk``: a PSA, and a notifier that opens tickets in it."""

    secrets = ("demo-private", "demo-secret")
    their_log = None

    def __init__(self, provider):
        self.provider = provider
        self.server = SERVERS[provider]()
        self.server.add_company(COMPANY, "The MSP itself")
        config = TicketConfig(COMPANY, board="5", priority="2")
        self.notifier = TicketNotifier("billing", config, lambda: self.server.gateway)

    @property
    def tickets(self):
        return self.server.state.tickets

    def arrived(self):
        title, text = FIELDS[self.provider]
        return [f"{one[title]}\n{one[text]}" for one in self.tickets]

    def refuse(self):
        config = TicketConfig(CompanyId("999"), board="5", priority="2")
        self.notifier = TicketNotifier("billing", config, lambda: self.server.gateway)

    def be_busy(self):
        self.server.break_calls("POST", "**/*ickets", **FAULTS[self.provider][Trouble.THROTTLED])

    def lose_the_answer(self):
        self.server.break_calls("POST", "**/*ickets", **FAULTS[self.provider][Trouble.LOST_ANSWER])


@pytest.fixture(params=sorted(SERVERS))
def desk(request):
    desk = TicketDesk(request.param)
    yield desk
    desk.server.close()
    assert [one for one in desk.server.simulator.violations if one.direction == "request"] == []


class TestTickets(NotifierContract):
    pass


def test_a_ticket_goes_where_the_settings_say(desk):
    desk.notifier.send(DIGEST)

    [ticket] = desk.tickets
    where = {
        "connectwise": {"company": {"id": 250}, "board": {"id": 5}, "priority": {"id": 2}},
        "autotask": {"companyID": 250, "queueID": 5, "priority": 2, "status": 1},
        "halopsa": {"client_id": 250, "tickettype_id": 5, "priority_id": 2},
    }[desk.provider]
    assert {name: ticket[name] for name in where} == where


def test_a_title_that_is_too_long_is_cut(desk):
    ticket = Ticket("x" * 300, "y" * 9000, COMPANY, "5", "2")

    desk.server.gateway.open_ticket(ticket)

    [made] = desk.tickets
    title, text = FIELDS[desk.provider]
    longest = {"connectwise": (100, 9000), "autotask": (255, 8000), "halopsa": (300, 9000)}
    assert (len(made[title]), len(made[text])) == longest[desk.provider]
