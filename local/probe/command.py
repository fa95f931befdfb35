"""``python -m local probe --psa NAME --agreement ID``: settle on a sandbox what documents do not.

Writes lines of its own to the agreement, looks what the PSA makes of them, takes back what can be
taken back, and says which settings may be turned on. Use an agreement that nobody is billed by.
"""

import argparse
import os
import sys
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Final
from zoneinfo import ZoneInfo

from local.hosting.settings import SettingsError as FileError
from local.hosting.settings import apply_settings, read_local_settings
from local.probe import autotask, connectwise, halopsa, syncro
from local.probe.bench import Bench, ProbeError, is_own
from shared.adapters.clock import SystemClock
from shared.bootstrap import psa_connection
from shared.domain.agreements import Agreement, Product
from shared.domain.errors import SeatsyncError
from shared.domain.ids import AgreementId, ConnectionName, ProductId
from shared.ports import PsaConnection, PsaGateway
from shared.settings import load_settings

QUESTIONS: Final[Mapping[str, ModuleType]] = {
    "autotask": autotask,
    "connectwise": connectwise,
    "halopsa": halopsa,
    "syncro": syncro,
}
TURNED_ON: Final = {"units_to_zero": True, "posted_periods": True, "negative_prorata": True}
"""Settings that keep a gateway from writing what is to be found out."""
_WIDTH = 100


def main(argv: Sequence[str]) -> int:
    """Probe, and return the exit status: 0 when nothing stopped it."""
    arguments = _parser().parse_args(argv)
    try:
        connection = _connection(arguments.psa, arguments.settings)
        today = SystemClock().now().astimezone(ZoneInfo(connection.time_zone)).date()
        bench = prepared(connection, arguments.agreement, arguments.product, today)
        if not arguments.yes and not _agreed(bench, connection.provider, input):
            print("Nothing was written.")
            return 1
        return settle(bench, connection.provider)
    except (FileError, ProbeError, SeatsyncError) as error:
        print(f"{error}", file=sys.stderr)
        return 1


def prepared(
    connection: PsaConnection,
    agreement_id: str,
    product_id: str | None,
    today: date,
    *,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Bench:
    """Return a bench on an agreement that may be written to.

    Raises:
        ProbeError: It is not active, or has lines that the probe did not make.
    """
    gateway = connection.gateway
    header = gateway.get_agreement(AgreementId(agreement_id))
    _refuse_unfit(gateway, header, connection.provider, today)
    product = _product(gateway, product_id)
    return Bench(gateway, connection.name, header, product, today, sleep, monotonic)


def settle(bench: Bench, provider: str) -> int:
    """Ask, undo, print, and return the exit status."""
    questions = QUESTIONS[provider]
    problem = ""
    try:
        questions.undo(bench)  # what an interrupted probe left
        bench.left.clear()
        questions.ask(bench)
    except (ProbeError, SeatsyncError) as error:
        problem = str(error)
    try:
        questions.undo(bench)
    except (ProbeError, SeatsyncError) as error:
        bench.left.append(f"the probe's lines, which could not be looked at: {error}")
    bench.tell_lag()
    print(report(bench, questions.NOT_ASKED))
    if problem:
        print(f"\nStopped: {problem}", file=sys.stderr)
    return 1 if problem else 0


def report(bench: Bench, not_asked: Sequence[str]) -> str:
    """Return the answers as a table, what to set, and what was left behind."""
    lines = []
    for one in bench.findings:
        lines.append(f"{one.answer.value.upper():5} {one.question}")
        lines += textwrap.wrap(
            one.detail, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT
        )
        lines.append(f"{_INDENT}→ {one.advice}")
    lines += ["", "Not asked:", *(_item(one) for one in not_asked)]
    left = bench.left or ["nothing"]
    return "\n".join([*lines, "", "Left behind:", *(_item(one) for one in left)])


_INDENT = " " * 6


def _item(text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent="  - ", subsequent_indent="    ")


def _refuse_unfit(gateway: PsaGateway, header: Agreement, provider: str, today: date) -> None:
    if header.problem is not None:
        raise ProbeError(header.problem)
    if not header.active or (header.ends is not None and header.ends < today):
        raise ProbeError(f"agreement {header.agreement_id} is not active: choose one that is")
    lines = gateway.list_lines(header.agreement_id)
    foreign = [one.line_id for one in lines if not is_own(one)]
    if foreign:
        raise ProbeError(
            f"agreement {header.agreement_id} has lines that are not the probe's "
            f"({', '.join(foreign)}): make an empty one, for nobody who is billed"
        )
    if provider == "autotask" and lines and not autotask.can_go_on(header, lines[0]):
        raise ProbeError(
            f"contract {header.agreement_id} was probed before, and Autotask keeps what was "
            "written: approve and post it for the rest of the answers, or make another"
        )


def _product(gateway: PsaGateway, product_id: str | None) -> Product:
    if product_id is not None:
        return gateway.get_product(ProductId(product_id))
    found = next((one for one in gateway.list_products() if one.active), None)
    if found is None:
        raise ProbeError("the PSA has no active product")
    return found


def _agreed(bench: Bench, provider: str, asked: Callable[[str], str]) -> bool:
    header = bench.header
    print(
        f"The probe writes lines of product {bench.product.name} to agreement "
        f"{header.agreement_id}, {header.name}, of company {header.company_id}."
    )
    if provider == "autotask":
        print("Autotask cannot take back what is written: a service and its units stay.")
    print("Use a sandbox, or an agreement that nobody is billed by.")
    return asked("Type the agreement's id to go on: ").strip() == header.agreement_id


def _connection(name: str, settings: Path | None) -> PsaConnection:
    environ = dict(os.environ)
    path = settings or Path("local.settings.json")
    if settings or path.exists():
        apply_settings(read_local_settings(path), environ)
    chosen = load_settings(environ).psa.get(name)
    if chosen is None:
        raise ProbeError(f"the settings name no PSA connection {name}")
    known = {one: value for one, value in TURNED_ON.items() if one in type(chosen).model_fields}
    probing = chosen.model_copy(update=known)
    return psa_connection(ConnectionName(name), probing, SystemClock())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local probe", description=__doc__)
    parser.add_argument("--psa", required=True, help="the PSA connection, as the settings name it")
    parser.add_argument("--agreement", required=True, help="its id, of an empty one on a sandbox")
    parser.add_argument("--product", help="its id; the first active one when left out")
    parser.add_argument(
        "--settings", type=Path, help="default: local.settings.json, if it is there"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before writing")
    return parser
