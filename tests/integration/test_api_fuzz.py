"""Made-up requests for every address, drawn from the API's own description, on the real stack."""

import os

import hypothesis
import hypothesis.errors
import pytest
import schemathesis
from hypothesis import HealthCheck, strategies
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.stack import Stack

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4"))
"""Requests of each kind for each address; `make fuzz` sends many more."""


@pytest.mark.timeout(600 + 60 * EXAMPLES)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_made_up_request_is_answered_by_anything_undocumented(stack: Stack, mode):
    known = things_that_are_there(stack)
    schema = schemathesis.openapi.from_url(stack.host.url + "/api/openapi.json")
    problems = []
    answered: dict[str, set[int]] = {}

    operations = [found.ok() for found in schema.get_all_operations()]
    # What takes away comes last: the others are tried on things that are there.
    for operation in sorted(operations, key=lambda one: one.method.lower() == "delete"):
        try:
            answered[operation.label] = statuses_of(operation, mode, known)
        except hypothesis.errors.Unsatisfiable:
            continue  # nothing in such a request can be wrong
        except Exception as error:  # noqa: BLE001 - one address after the other, then all together
            problems.append(f"{operation.label}: {error}")

    assert not problems, "\n\n".join(problems)
    if mode is GenerationMode.POSITIVE:
        worked = {label for label, statuses in answered.items() if min(statuses) < 300}
        assert len(worked) > len(answered) * 0.7, sorted(set(answered) - worked)
    assert stack.get("/api/health").json()["status"] == "ok"


def statuses_of(operation: APIOperation, mode: GenerationMode, known: dict[str, str]) -> set[int]:
    """Send made-up requests to an address, check the answers, and return their statuses."""
    statuses = set()

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(
        case=operation.as_strategy(generation_mode=mode), real=strategies.integers(0, 3)
    )
    def try_one(case: Case, real: int) -> None:
        # Ids out of nowhere are only ever 404: most requests name what is there.
        if real:
            name_real_things(case, known)
        statuses.add(case.call_and_validate(checks=CHECKS).status_code)

    try_one()
    return statuses


def name_real_things(case: Case, known: dict[str, str]) -> None:
    for name in set(known) & set(case.path_parameters):
        case.path_parameters[name] = known[name]
    if isinstance(case.body, dict):
        for name in set(known) & set(case.body):
            case.body[name] = known[name]


def things_that_are_there(stack: Stack) -> dict[str, str]:
    story = stack.mapped_contoso()
    run = stack.sync(story.customer_id)
    profile = stack.get("/api/billing-profiles").json()["items"][0]
    custom = stack.post(
        f"/api/customers/{story.customer_id}/custom-licenses",
        {"name": "All users", "source": {"kind": "entra_users"}},
    ).json()
    return {
        "customer_id": story.customer_id,
        "row_id": story.row_id,
        "run_id": run["run_id"],
        "profile_id": profile["profile_id"],
        "license_id": custom["license_id"],
        "connection": "main",
        "agreement_id": "7001",
        "company_id": "250",
        "product_id": "101",
        "tenant_id": story.tenant.id,
        "microsoft": "main",
        "psa": "main",
        "name": "Contoso",
        "until": "2026-03-31",
    }
