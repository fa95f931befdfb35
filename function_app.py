"""The function app: registers the blueprints, and nothing else."""

import azure.functions as func

from functions import queues, timers
from functions.api import (
    alerts,
    approvals,
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
    profiles,
    psa,
    runs,
    settings,
    syncing,
    unknown,
)

app = func.FunctionApp()

for module in (
    timers,
    queues,
    alerts,
    approvals,
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
    profiles,
    psa,
    runs,
    settings,
    syncing,
    unknown,
):
    app.register_functions(module.blueprint)
