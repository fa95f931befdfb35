"""Templates, and how numbers, money and dates look in them."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from functions.pages.assets import asset

TEMPLATES = Path(__file__).parent / "templates"

NAVIGATION: tuple[tuple[str, str], ...] = (
    ("/", "Overview"),
    ("/customers", "Customers"),
    ("/approvals", "Approvals"),
    ("/alerts", "Alerts"),
    ("/runs", "Runs"),
    ("/billing-profiles", "Billing profiles"),
    ("/exclusions", "Exclusions"),
    ("/reconciliation", "Reconciliation"),
    ("/connections", "Connections"),
    ("/settings", "Settings"),
)
"""Address and name of the pages that stand in the header."""

LABELS: Mapping[str, tuple[str, str]] = {
    # What it is called, and the tone it has; the words stand on every badge, so no tone is needed
    # to understand one.
    "active": ("Active", "good"),
    "paused": ("Paused", "quiet"),
    "deleted": ("Deleted", "quiet"),
    "in_step": ("In step", "good"),
    "change": ("Will change", "news"),
    "held": ("Needs approval", "warn"),
    "blocked": ("Blocked", "bad"),
    "waiting": ("Waiting", "quiet"),
    "under_billed": ("Bills too little", "bad"),
    "over_billed": ("Bills too much", "bad"),
    "block": ("In the way", "bad"),
    "warn": ("Look at it", "warn"),
    "info": ("Good to know", "quiet"),
    "ready": ("Ready", "good"),
    "ends": ("Ends", "news"),
    "ended": ("Has ended", "quiet"),
    "refused": ("Refused", "bad"),
    "unmapped": ("Not mapped", "warn"),
    "excluded": ("Excluded", "quiet"),
    "unknown": ("Unknown", "bad"),
    "queued": ("Queued", "quiet"),
    "changed": ("Changed", "news"),
    "unchanged": ("Unchanged", "good"),
    "failed": ("Failed", "bad"),
    "read": ("Read", "quiet"),
    "running": ("Running", "news"),
    "finished": ("Finished", "good"),
    "stopped": ("Stopped", "bad"),
    "open": ("Open", "warn"),
    "approved": ("Approved", "good"),
    "rejected": ("Rejected", "quiet"),
    "superseded": ("Out of date", "quiet"),
    "written": ("Written", "good"),
    "readable": ("Can be read", "good"),
    "unreadable": ("Cannot be read", "bad"),
    "not_read": ("Not read yet", "quiet"),
    "not_added": ("No customer yet", "quiet"),
    "adopted": ("Taken over", "good"),
}

WORDS: Mapping[str, str] = {
    "scheduled": "Daily cycle",
    "sync_now": "Sync Now",
    "requested": "Cycle on request",
    "retry": "Retry of failed items",
    "approval": "Approval",
    "undo": "Undo",
    "unreadable": "Unreadable message",
    "missing_profile": "Missing billing profile",
    "tenant_unreadable": "Tenant cannot be read",
    "held": "Needs approval",
    "blocked": "Blocked",
    "failed": "Failed",
    "drift": "Changed by hand in the PSA",
    "in_grace": "In grace",
    "minimum_for_none": "Minimum billed for no seats",
    "credit_due": "Credit due",
    "connection": "Connection",
    "run_stopped": "Run stopped",
    "overlap": "Users in two customers",
    "stale": "Numbers are old",
    "tenant_not_added": "Tenant not added",
    "tenant_gone": "Tenant gone",
    "looks_like_transfer": "Looks like a transfer",
    "sign_in_broken": "Sign-in is broken",
    "orphan_line": "Line without a mapping",
    "seats_reducible": "Seats can be given back",
    "renewal": "Renews soon",
    "held_by_disabled": "Seats of users who may not sign in",
    "preflight": "Agreement needs a look",
    "notifier": "Messages are not delivered",
    "microsoft": "Microsoft",
    "connectwise": "ConnectWise PSA",
    "autotask": "Autotask PSA",
    "halopsa": "HaloPSA",
    "syncro": "Syncro",
    "monthly": "Monthly",
    "annual": "Annual",
    "triennial": "3 years",
    "proven": "proven by renewals",
    "stated": "stated",
    "guessed": "guessed",
}


def render(template: str, context: Mapping[str, object]) -> str:
    """Return a template filled in; what it shows is escaped."""
    return _environment().get_template(template).render(context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        count=count,
        money=money,
        day=day,
        moment=moment,
        badge=badge,
        label=label,
        words=words,
        spaced=spaced,
    )
    environment.globals.update(asset=lambda name: asset(name).address, navigation=NAVIGATION)
    return environment


def count(value: int | None) -> Markup:
    """Return a whole number with its thousands apart, or a dash that says it is not known."""
    if value is None:
        return Markup('<span aria-hidden="true">–</span><span class="visually-hidden">none</span>')
    return Markup(f"{value:,}".replace("-", "−"))  # noqa: S704 - digits only


def money(value: Decimal | str | int | None) -> Markup:
    """Return an amount with two digits after the point, in the PSA's currency."""
    if value is None:
        return Markup(
            '<span aria-hidden="true">–</span><span class="visually-hidden">not known</span>'
        )
    return Markup(f"{Decimal(value):,.2f}".replace("-", "−"))  # noqa: S704 - digits only


def day(value: date | str | None) -> Markup:
    """Return a date of the PSA's calendar; it is shown as it is, wherever the reader is."""
    if value is None:
        return Markup("")
    found = date.fromisoformat(value) if isinstance(value, str) else value
    text = f"{found.day} {found:%B %Y}"
    return Markup('<time datetime="{}">{}</time>').format(found.isoformat(), text)


def moment(value: datetime | str | None) -> Markup:
    """Return a moment in UTC, which a script turns into the reader's time and way of writing."""
    if value is None:
        return Markup("")
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    text = f"{found.day} {found:%B %Y, %H:%M} UTC"
    return Markup('<time datetime="{}" data-moment>{}</time>').format(found.isoformat(), text)


def badge(state: str) -> Markup:
    """Return a state in words, with the tone that goes with it."""
    label, tone = LABELS.get(state, (spaced(state), "quiet"))
    return Markup('<span class="badge tone-{}">{}</span>').format(tone, label)


def label(state: str) -> str:
    """Return a state in words alone."""
    return LABELS.get(state, (spaced(state), ""))[0]


def words(name: str) -> str:
    """Return what a name of ours is called on a page."""
    return WORDS.get(name, spaced(name))


def spaced(name: str) -> str:
    """Return a name such as ``in_grace`` as words."""
    text = re.sub(r"[_\s]+", " ", name).strip()
    return text[:1].upper() + text[1:]
