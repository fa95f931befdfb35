"""``/settings``: what holds a plan, who is told when, what is kept; and everything as one file."""

from collections import Counter
from typing import Any

import azure.functions as func

from functions.api import views
from functions.api.configuration import ConfigurationBody
from functions.api.settings import SettingsBody
from functions.auth import Role
from functions.bodies import checked, parsed
from functions.pages.customers import reasons
from functions.pages.forms import Form
from functions.pages.site import Visit, link, page, status_of
from functions.responses import HttpError, etag_of, if_match
from shared.domain.alerts import AlertKind
from shared.domain.digests import TITLES, Frequency
from shared.domain.errors import SeatsyncError
from shared.domain.preferences import DefaultView
from shared.usecases.configuration import Action, ImportedItem, import_configuration
from shared.usecases.preferences import save_preferences

blueprint = func.Blueprint()

GUARDS = (
    ("fall_seats", "Hold a fall of more than so many seats"),
    ("fall_percent", "… and of more than so many percent"),
    ("rise_seats", "Hold a rise of more than so many seats"),
    ("rise_percent", "… and of more than so many percent"),
    ("to_zero_from", "Hold a fall to 0 from so many seats or more"),
    ("run_stop_percent", "Stop a run when more than so many percent of its lines change"),
    ("run_stop_lines", "… and at least so many lines"),
    ("tenant_stop_percent", "Stop a run when more than so many percent of its customers fall to 0"),
    ("tenant_stop_tenants", "… and at least so many customers"),
    ("freeze_days", "Days before an invoice in which changes wait for it"),
)
RETENTION = (
    ("history_months", "Changes that were written, decisions, cleared alerts, in months"),
    ("runs_days", "Runs and their items, in days"),
    ("trend_months", "Seats by day, in months"),
)
VIEWS = (
    (DefaultView.LICENSES.value, "Licences, their subscriptions together"),
    (DefaultView.SUBSCRIPTIONS.value, "Each subscription by itself"),
)
MOST_SHOWN = 500


@page(blueprint, "GET", "settings", role=Role.VIEWER)
def page_settings(visit: Visit) -> func.HttpResponse:
    """Show the settings; Admins change them."""
    return _shown(visit, None, None)


@page(blueprint, "POST", "settings", role=Role.ADMIN)
def page_settings_save(visit: Visit) -> func.HttpResponse:
    """Replace the settings."""
    document = _document(visit.form)
    try:
        wanted = checked(document, SettingsBody).to_domain()
        save_preferences(wanted, visit.services, if_match=if_match(visit.form.get("etag")))
    except SeatsyncError as error:
        return _shown(visit, document, error)
    return visit.go(link("settings"), "The settings were saved. They count from the next sync on.")


@page(blueprint, "GET", "settings/import", role=Role.ADMIN)
def page_settings_import(visit: Visit) -> func.HttpResponse:
    """Ask for a configuration as a file."""
    return _import(visit, Form(()), None, None)


@page(blueprint, "POST", "settings/import", role=Role.ADMIN)
def page_settings_import_save(visit: Visit) -> func.HttpResponse:
    """Show what a configuration would change; or bring it in, all or nothing."""
    form = visit.form
    wanted = form.get("what") == "import"
    try:
        body = checked(parsed(form.get("file").encode()), ConfigurationBody)
        items = import_configuration(
            body.to_domain(visit.actor, visit.services.clock.now()),
            visit.services,
            remove=form.ticked("remove"),
            dry_run=not wanted,
            actor=visit.actor,
        )
    except (SeatsyncError, HttpError) as error:
        return _import(visit, form, None, error)
    if not wanted:
        return _import(visit, form, items, None)
    counts = Counter(one.action for one in items)
    said = ", ".join(f"{counts[one]} {one.value}" for one in Action if counts[one])
    return visit.go(link("settings"), f"The configuration was brought in: {said or 'nothing'}.")


def _document(form: Form) -> dict[str, Any]:
    """Return what the form holds as the API takes it."""
    return {
        "guards": {name: form.whole(name) for name, _ in GUARDS},
        "default_view": form.get("default_view"),
        "alert_routing": {
            "kinds": {kind.value: form.get(f"kind-{kind.value}") for kind in AlertKind},
            "hour": form.whole("hour"),
        },
        "retention": {name: form.whole(name) for name, _ in RETENTION},
    }


def _shown(
    visit: Visit, typed: dict[str, Any] | None, error: SeatsyncError | None
) -> func.HttpResponse:
    read = visit.services.settings.get()
    return visit.show(
        "settings.html",
        status=status_of(error),
        values=views.settings(read.value) if typed is None else typed,
        etag=etag_of(read.version),
        guards=GUARDS,
        retention=RETENTION,
        views=VIEWS,
        kinds=[(kind.value, TITLES[kind]) for kind in TITLES],
        frequencies=tuple(Frequency),
        errors={} if error is None else reasons(error),
    )


def _import(
    visit: Visit,
    form: Form,
    items: tuple[ImportedItem, ...] | None,
    error: Exception | None,
) -> func.HttpResponse:
    found = [one for one in items or () if one.action is not Action.UNCHANGED]
    found.sort(key=lambda one: one.action is not Action.REFUSED)
    counts = Counter(one.action for one in items or ())
    return visit.show(
        "settings_import.html",
        status=status_of(error),
        form=form,
        items=None if items is None else found[:MOST_SHOWN],
        more=len(found) - MOST_SHOWN,
        counts=[(one.value, counts[one]) for one in Action if counts[one]],
        refused=bool(counts[Action.REFUSED]),
        errors={} if error is None else reasons(error),
    )
