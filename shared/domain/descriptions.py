"""The text of a line on the invoice: made from options, equal for equal input, within a limit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from shared.domain.ids import RowId
from shared.domain.ledger import InForce
from shared.domain.mappings import DescriptionOptions, Usernames


@dataclass(frozen=True, slots=True)
class UserList:
    """Users of a row, sorted without case, as many as a text can hold at most.

    Attributes:
        others: Users that are not in ``names``.
    """

    names: tuple[str, ...]
    others: int


@dataclass(frozen=True, slots=True)
class RowText:
    """What a row can say about itself.

    Attributes:
        term: The subscription's term and billing in words; empty when unknown.
        ends: The day the subscription ends or renews; ``None`` when unknown or a merged row.
        unassigned: Seats that nobody has; ``None`` when unknown.
        users: The users who have the licence; ``None`` when unknown.
    """

    row_id: RowId
    name: str
    options: DescriptionOptions
    term: str = ""
    ends: date | None = None
    unassigned: int | None = None
    users: UserList | None = None


@dataclass(frozen=True, slots=True)
class LineText:
    """What a line's text is made of.

    Attributes:
        product_name: Stands first unless a row's options replace it.
        limit: The PSA's longest text, in characters.
    """

    rows: tuple[RowText, ...]
    product_name: str
    limit: int

    def render(self, in_force: tuple[InForce, ...], since: date) -> str | None:
        """Return the text, or ``None`` when it is not managed or something in it is unknown.

        Args:
            in_force: Seats by day; the change list is made of them.
            since: The change list begins here.

        Source:
            docs/adr/0012-invoice-text-and-price.md
        """
        rows = sorted(self.rows, key=lambda row: row.row_id)
        if not any(row.options.manages_text for row in rows):
            return None
        if any(row.options.usernames is not Usernames.NONE and row.users is None for row in rows):
            return None
        overwrites = dict.fromkeys(r.options.overwrite for r in rows if r.options.overwrite)
        lines = [" / ".join(overwrites) if overwrites else self.product_name]
        for row in rows:
            before = f"{row.name}: " if len(rows) > 1 else ""
            lines.extend(before + part for part in _facts(row))
        if any(row.options.changes for row in rows):
            changes = _changes(in_force, since)
            if changes:
                lines.append("Changes: " + ", ".join(changes))
        text = _cut("\n".join(lines), self.limit)
        for row in rows:
            text = _with_users(text, row, self.limit, several=len(rows) > 1)
        return text


def user_list(users: Iterable[str], limit: int) -> UserList:
    """Return the users in order, without those that no text of ``limit`` characters could hold."""
    names = sorted(users, key=lambda name: (name.casefold(), name))
    room = limit
    for shown, name in enumerate(names):
        room -= len(name) + 1
        if room < 0:
            return UserList(tuple(names[:shown]), len(names) - shown)
    return UserList(tuple(names), 0)


def _facts(row: RowText) -> list[str]:
    facts = []
    if row.options.term_and_end_date and row.ends is not None:
        term = f"{row.term}, " if row.term else ""
        facts.append(f"{term}term ends {_day(row.ends)}")
    if row.options.unassigned and row.unassigned is not None:
        facts.append(f"Unassigned: {row.unassigned}")
    return facts


def _changes(in_force: tuple[InForce, ...], since: date) -> list[str]:
    return [
        f"{later.seats - earlier.seats:+d} on {later.day.day} {later.day:%b}"
        for earlier, later in pairwise(in_force)
        if later.day >= since
    ]


def _with_users(text: str, row: RowText, limit: int, *, several: bool) -> str:
    """Append the row's users, cut at whole names so that the text stays within the limit."""
    style, users = row.options.usernames, row.users
    if style is Usernames.NONE or users is None or not (users.names or users.others):
        return text
    title = f"\n{row.name} users:" if several else "\nUsers:"
    for shown in range(len(users.names), -1, -1):
        rest = len(users.names) - shown + users.others
        block = title + _listed(users.names[:shown], style, rest)
        if len(text) + len(block) <= limit:
            return text + block
    return text


def _listed(names: Sequence[str], style: Usernames, rest: int) -> str:
    more = [f"+{rest} more"] if rest else []
    if style is Usernames.COMMA:
        return " " + ", ".join([*names, *more])
    if style is Usernames.NUMBERED:
        names = [f"{number}. {name}" for number, name in enumerate(names, start=1)]
    else:
        names = [f"- {name}" for name in names]
    return "\n" + "\n".join([*names, *more])


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
