"""One invocation of a function: its span, and a fault that is told without its words."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import azure.functions as func

from shared import bootstrap
from shared.signals import Fault, FunctionCalled


@contextmanager
def invocation(
    called: FunctionCalled, context: func.Context, traceparent: str | None = None
) -> Iterator[None]:
    """Time what happens inside the block; an error is told, and raised on.

    Args:
        context: What the host says of the invocation. The worker keeps its trace from functions
            that are not coroutines, so that it is taken from here.
        traceparent: The trace that a message goes on with.
    """
    begun_by = context.trace_context.trace_parent
    with bootstrap.telemetry().span(called, traceparent, begun_by):
        try:
            yield
        except Exception as error:
            tell_fault(called.function, error)
            raise


def tell_fault(function: str, error: Exception) -> None:
    """Tell where an error came from, without its words, which may quote what was sent."""
    where = "".join(traceback.format_tb(error.__traceback__))
    bootstrap.telemetry().tell(Fault(function, type(error).__name__, where))
