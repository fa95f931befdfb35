"""What only an instance of HaloPSA can settle."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

from local.probe.bench import Answer, Bench, Lines, ProbeError, mark
from shared.adapters.psa.halopsa.gateway import HaloPsaGateway
from shared.adapters.psa.halopsa.invoices import saved
from shared.domain.agreements import AddProrata, AgreementLine, EndLine
from shared.domain.errors import RequestRefusedError
from shared.domain.periods import DAY
from shared.exact_json import Json

NOT_ASKED = (
    "Does a row without unitprice take the line's price on the invoice, and which fields name the "
    "period? Create the next invoice of the sandbox and look.",
    "How many calls are taken in which time? Ask the instance's administrator.",
)
_INVOICES = "/RecurringInvoice"

Raw = dict[str, Any]


def ask(bench: Bench) -> None:
    """Ask HaloPSA's questions.

    Raises:
        ProbeError: No line can be put on the recurring invoice, or it cannot be reached.
    """
    line = _line(bench, 1)
    _ask_about_new_line(bench, line)
    _ask_answer(bench, line)
    _line(bench, 2)
    _ask_updatelines(bench, line)
    _ask_negative(bench, _line(bench, 1))
    _line(bench, 2)
    _ask_omitted(bench)


def undo(bench: Bench) -> None:
    """Remove the probe's lines, or end them where leaving one out does not remove it."""
    last = bench.first - DAY
    for line in bench.own():
        if line.never_bills or bench.remove(line).done:
            continue
        ended = bench.attempt(
            EndLine(line.agreement_id, line.line_id, last),
            partial(_ends, line, last),
        )
        how = f"ended on {last}" if ended.done else f"not ended: {ended.reason}"
        bench.left.append(f"line {line.line_id}, {how}: delete it")


def _ends(line: AgreementLine, last: date, lines: Lines) -> bool:
    return any(one.line_id == line.line_id and one.ends == last for one in lines)


def _line(bench: Bench, serial: int) -> AgreementLine:
    """Return one of the probe's lines, made now if it is not there."""
    found = bench.marked(mark(serial))
    if found is not None:
        return found
    made = bench.attempt(
        bench.new_line(serial, 1, bench.first),
        lambda _: bench.marked(mark(serial)) is not None,
    )
    found = bench.marked(mark(serial))
    if found is None:
        raise ProbeError(f"no line can be put on the recurring invoice: {made.reason}")
    return found


def _ask_about_new_line(bench: Bench, line: AgreementLine) -> None:
    raw = _raw(bench)[line.line_id]
    rows = raw.get("prorata_data") or []
    beside = not raw.get("qty_order") and len(rows) == 1
    bench.found(
        "May a new line have no seats beside its row?",
        Answer.YES if beside else Answer.NO,
        f"saved with {raw.get('qty_order')} and {len(rows)} rows",
        "nothing to set" if beside else "do not write to this instance: tell us",
    )
    price = rows[0].get("unitprice") if rows else None
    free = price is not None and not price and bool(raw.get("unit_price"))
    bench.found(
        "Is a row without unitprice left to the line's price?",
        Answer.NO if free else Answer.YES if rows else Answer.OPEN,
        f"saved with {'none' if price is None else price}; the line's is {raw.get('unit_price')}",
        "do not write to this instance: its rows would cost nothing"
        if free
        else "nothing to set; look at the first invoice",
    )


def _ask_answer(bench: Bench, line: AgreementLine) -> None:
    """Change a line by a write of the whole invoice, and compare what it answers with a read."""
    text, number = "Probe, written whole", line.line_id
    raw = _raw(bench)
    raw[number] = raw[number] | {"item_shortdescription": text}
    question = "Does a write answer the recurring invoice as it was saved?"
    try:
        answer = _send(bench, _INVOICES, [{"id": _header(bench), "lines": list(raw.values())}])
    except RequestRefusedError as error:
        bench.found(question, Answer.OPEN, str(error), "nothing to set")
        return
    told = saved(answer, _header(bench))
    shown = _raw(bench)
    for _ in range(_LOOKS):
        if shown[number].get("item_shortdescription") == text:
            break
        bench.sleep(1.0)
        shown = _raw(bench)
    same = told is not None and {str(x["id"]): _telling(x) for x in told["lines"]} == {
        one: _telling(x) for one, x in shown.items()
    }
    bench.found(
        question,
        Answer.YES if same else Answer.NO,
        "the answer and a read say the same"
        if same
        else "it does not answer the whole invoice"
        if told is None
        else "a read shows something else",
        "nothing to set: it is taken for the read after a change of seats"
        if same
        else "nothing to set: each change of seats is read once more"
        if told is None
        else "do not write to this instance: tell us",
    )


def _telling(line: Raw) -> tuple[object, ...]:
    """What a change of seats looks at."""
    rows = [(row.get("id"), row.get("quantity")) for row in line.get("prorata_data") or []]
    return line.get("qty_order"), line.get("item_shortdescription"), rows


def _ask_updatelines(bench: Bench, line: AgreementLine) -> None:
    """Change one line by ``updatelines``, and see whether the other is still there."""
    body = [{"id": int(line.line_id), "ihid": _header(bench), "item_shortdescription": "Probe"}]
    question, advice = "Does updatelines keep the other lines?", "nothing to set: it is not used"
    before = {one.line_id for one in bench.own()}
    began = bench.monotonic()
    try:
        _send(bench, f"{_INVOICES}/updatelines", body)
    except RequestRefusedError as error:
        bench.found(question, Answer.OPEN, str(error), advice)
        return

    def shows(lines: Lines) -> bool:
        own = next((one for one in lines if one.line_id == line.line_id), None)
        return own is not None and own.description == "Probe"

    seen = bench.watched("updatelines", shows, began=began)
    lost = sorted(before - {one.line_id for one in bench.own()})
    bench.found(
        question,
        Answer.OPEN if not seen.done else Answer.NO if lost else Answer.YES,
        seen.reason or (f"lost: {', '.join(lost)}" if lost else "they are there"),
        advice,
    )


def _ask_negative(bench: Bench, line: AgreementLine) -> None:
    before = line.quantity or 0
    row = AddProrata(line.agreement_id, line.line_id, before, -1, bench.first + DAY)

    def shows(lines: Lines) -> bool:
        return any(one.line_id == line.line_id and one.quantity == before - 1 for one in lines)

    taken = bench.attempt(row, shows)
    bench.found(
        "Are negative rows taken?",
        taken.answer,
        taken.reason or f"line {line.line_id} went from {before} to {before - 1}",
        bench.setting("NEGATIVE_PRORATA", "true" if taken.done else "false"),
    )


def _ask_omitted(bench: Bench) -> None:
    """Write the recurring invoice without one of the probe's lines, and see whether it is gone."""
    raw, gone = _raw(bench), bench.marked(mark(1))
    if gone is None:
        raise ProbeError("a line of the probe has vanished")
    kept = [one for number, one in raw.items() if number != gone.line_id]
    question = "Is a line deleted that a full write leaves out?"
    try:
        _send(bench, _INVOICES, [{"id": _header(bench), "lines": kept}])
    except RequestRefusedError as error:
        bench.found(question, Answer.OPEN, str(error), "nothing to set")
        return
    for _ in range(_LOOKS):
        if bench.marked(mark(1)) is None:
            break
        bench.sleep(1.0)
    deleted = bench.marked(mark(1)) is None
    bench.found(
        question,
        Answer.YES if deleted else Answer.NO,
        f"line {gone.line_id} is {'gone' if deleted else 'still there'}",
        "nothing to set: all lines are always sent"
        if deleted
        else "no setting; a line is not removed by leaving it out, and is told",
    )


_LOOKS = 10
"""How often to look for a line that may not vanish at all, a second apart."""


def _raw(bench: Bench) -> dict[str, Raw]:
    """Return the lines as HaloPSA has them, by id."""
    path = f"{_INVOICES}/{_header(bench)}"
    answer = _session(bench).get_json(path, {"includedetails": "true"}, kind="halopsa.probe")
    return {str(one["id"]): one for one in answer["lines"]}


def _send(bench: Bench, path: str, body: list[Raw]) -> Json:
    return _session(bench).send_json("POST", path, body, kind="halopsa.probe")


def _header(bench: Bench) -> int:
    return int(bench.header.agreement_id)


def _session(bench: Bench) -> Any:  # noqa: ANN401 - see below
    gateway = bench.gateway
    assert isinstance(gateway, HaloPsaGateway)  # noqa: S101 - the command chose by the provider
    # What is asked here, the port does not do: it never leaves a line out.
    return gateway._session  # noqa: SLF001
