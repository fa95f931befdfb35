"""Graph's ``$batch``: several GETs in one call, each with a status of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from shared.adapters.http.decision import Refusal, Sent
from shared.adapters.http.payload import Payload
from shared.adapters.http.session import ApiSession
from shared.domain.errors import RateLimitError, SeatsyncError, UnexpectedPayloadError


@dataclass(frozen=True, slots=True)
class Part:
    """One GET of a batch.

    Attributes:
        url: Relative, beginning with a slash.
    """

    part_id: str
    url: str


def read_batch(
    session: ApiSession, parts: tuple[Part, ...], headers: Mapping[str, str]
) -> dict[str, Payload]:
    """Return the bodies of all parts by id, or raise: the outer 200 says nothing about them.

    Raises:
        RateLimitError: Graph asked to wait, in the answer or in any part of it.
        SeatsyncError: What ``session`` makes of the first other part that failed.
        UnexpectedPayloadError: A part's answer is missing, or came twice.
    """
    body = {"requests": [{"id": part.part_id, "method": "GET", "url": part.url} for part in parts]}
    answer = Payload(session.query_json("/$batch", body, headers=headers, kind="graph.batch"))
    answers = _by_id(answer["responses"], {part.part_id for part in parts})
    failures = [
        failure
        for part in parts
        if (failure := _failure(session, part, answers[part.part_id])) is not None
    ]
    for failure in sorted(failures, key=lambda one: not isinstance(one, RateLimitError)):
        raise failure
    return {part.part_id: _body(part, answers[part.part_id]) for part in parts}


def _body(part: Part, response: Payload) -> Payload:
    """Return a part's body, named in errors as if it had come alone."""
    return Payload(response["body"].value, f"{part.url.partition('?')[0]}: $")


def _by_id(responses: Payload, wanted: set[str]) -> dict[str, Payload]:
    found: dict[str, Payload] = {}
    for response in responses.items():
        part_id = response["id"].text().lower()
        if part_id in found:
            raise UnexpectedPayloadError(f"{response.where}.id: came twice")
        found[part_id] = response
    if missing := sorted(wanted - set(found)):
        raise UnexpectedPayloadError(f"$.responses: no answer for {', '.join(missing)}")
    return found


def _failure(session: ApiSession, part: Part, response: Payload) -> SeatsyncError | None:
    status = response["status"].whole()
    if status == HTTPStatus.OK:
        return None
    sent = Sent(session.connection, "GET", part.url.partition("?")[0])
    if status < HTTPStatus.BAD_REQUEST:
        return UnexpectedPayloadError(f"{sent}: {status} in a batch")
    refusal: Refusal = session.refusal_of(
        status, response["headers"].texts(), response["body"].value
    )
    return session.error_of(sent, refusal)
