"""From a row's seats to the quantity that is billed, with the reasons in words."""

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.licensing import SeatCounts


class Grace(StrEnum):
    """Whether seats in their grace period after expiry are active."""

    EXCLUDE = "exclude"
    INCLUDE = "include"
    ONLY_WITHOUT_ACTIVE = "only_without_active"


@dataclass(frozen=True, slots=True)
class BilledQuantity:
    """A whole number of seats to bill, or unknown.

    Attributes:
        seats: ``None`` when the source could not say; unknown is never zero.
        steps: How the number came about, in order, in words.
        in_grace: Seats in grace that were counted.
        minimum_for_none: The minimum is billed although nothing is active.
    """

    seats: int | None
    steps: tuple[str, ...]
    in_grace: int = 0
    minimum_for_none: bool = False


def active_seats(counts: SeatCounts, grace: Grace, *, count_trials: bool) -> BilledQuantity:
    """Return the active seats of a row.

    Enabled seats, less those of trials unless they count; seats in grace by the switch. Suspended
    and locked-out seats never count.

    Source:
        docs/adr/0006-quantity-rule.md
    """
    enabled = counts.enabled - (0 if count_trials else counts.trial_enabled)
    warning = counts.warning - (0 if count_trials else counts.trial_warning)
    enabled, warning = max(0, enabled), max(0, warning)
    counted = {
        Grace.EXCLUDE: 0,
        Grace.INCLUDE: warning,
        Grace.ONLY_WITHOUT_ACTIVE: warning if enabled == 0 else 0,
    }[grace]
    steps = [f"{counts.enabled} enabled"]
    trials = counts.trial_enabled + counts.trial_warning
    if trials and not count_trials:
        steps.append(f"{trials} on trial are not billed")
    if warning:
        verb = "counted" if counted else "not counted"
        steps.append(f"{warning} in grace, {verb}")
    steps.append(f"{enabled + counted} active")
    return BilledQuantity(enabled + counted, tuple(steps), in_grace=counted)


def billed_quantity(active: BilledQuantity, *, included: int, minimum: int) -> BilledQuantity:
    """Return the seats to bill: ``max(minimum, max(0, active - included))``.

    Unknown stays unknown. An excluded row never gets here: it has no quantity at all.

    Source:
        docs/adr/0006-quantity-rule.md
    """
    if active.seats is None:
        return active
    seats = max(0, active.seats - included)
    steps = list(active.steps)
    if included:
        steps.append(f"{active.seats} − {included} included = {seats}")
    if minimum > seats:
        steps.append(f"minimum {minimum} → {minimum}")
        seats = minimum
    none = seats > 0 and active.seats == 0
    if none:
        steps.append("the minimum is billed for 0 active")
    return BilledQuantity(seats, tuple(steps), active.in_grace, minimum_for_none=none)
