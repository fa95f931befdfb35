"""The function app: registers the blueprints, and nothing else."""

import azure.functions as func

from functions import queues, timers
from functions.api import (
    alerts,
    approvals,
    configuration,
    connections,
    coverage,
    custom_licenses,
    customers,
    description,
    exclusions,
    health,
    history,
    licenses,
    mappings,
    overview,
    profiles,
    psa,
    reconciliation,
    runs,
    settings,
    syncing,
    trends,
    unknown,
)
from functions.pages import all_pages

app = func.FunctionApp()

for module in (
    timers,
    queues,
    alerts,
    approvals,
    configuration,
    connections,
    coverage,
    custom_licenses,
    customers,
    description,
    exclusions,
    health,
    history,
    licenses,
    mappings,
    overview,
    profiles,
    psa,
    reconciliation,
    runs,
    settings,
    syncing,
    trends,
    unknown,
    *all_pages.MODULES,
):
    app.register_functions(module.blueprint)
