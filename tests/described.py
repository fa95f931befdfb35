"""Holds answers against what the API's description says of them."""

import json
from functools import cache
from typing import Any

import jsonschema

from functions.api.description import description


def check_answer(name: str, status: int, content_type: str, body: bytes) -> None:
    """Fail unless the description names such an answer of the function."""
    operation = _operations().get(name)
    if operation is None:
        return  # not below /api, or the one that answers every other address
    text = body.decode()
    found = operation["responses"].get(str(status))
    assert found is not None, f"{name} answers {status}, which its contract does not name: {text}"
    content = found.get("content", {})
    if not content:
        assert not text, f"{name} answers {status} with a body, which its contract does not name"
        return
    media = content_type.partition(";")[0]
    assert media in content, f"{name} answers {status} as {media}, its contract says {[*content]}"
    if media.endswith("json"):
        error = next(_validator(name, status, media).iter_errors(json.loads(text)), None)
        assert error is None, f"{name} {status} at {error.json_path}: {error.message}"


@cache
def _operations() -> dict[str, Any]:
    return {
        operation["operationId"]: operation
        for path in description()["paths"].values()
        for operation in path.values()
    }


@cache
def _validator(name: str, status: int, media: str) -> jsonschema.Draft202012Validator:
    schema = _operations()[name]["responses"][str(status)]["content"][media]["schema"]
    return jsonschema.Draft202012Validator(
        {**schema, "components": description()["components"]},
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )
