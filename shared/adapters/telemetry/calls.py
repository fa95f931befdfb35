"""Telling the calls to one vendor's API: a span each, how many, and how long they take."""

from shared.adapters.http.session import OnCall
from shared.ports import Telemetry
from shared.signals import ApiCalled, Calls, CallTime


def teller(connection: str, telemetry: Telemetry) -> OnCall:
    """Return what an ``ApiSession`` tells its calls to.

    Args:
        connection: As pauses name it: ``psa/main``.
    """

    def on_call(kind: str, method: str, status: int | None, seconds: float, attempt: int) -> None:
        call = ApiCalled(connection, kind, method, status, attempt)
        telemetry.done(call, seconds)
        telemetry.measure(Calls(1, connection, call.vendor, kind, call.outcome))
        telemetry.measure(CallTime(seconds, connection, call.vendor, kind))

    return on_call
