"""What the integration tests hear of a simulator's writes, they hear in time."""

import asyncio

from tests.integration.wire import Sent, Wire


def test_a_write_is_heard_before_whoever_sent_it_has_its_answer():
    wire = Wire()
    heard = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 201})
        await send({"type": "http.response.body"})

    async def receive():
        return {"type": "http.request", "body": b"{}"}

    async def send(message):
        heard.append((message["type"], wire.taken()))

    asyncio.run(wire.on(app)({"type": "http", "method": "POST", "path": "/x"}, receive, send))

    assert heard == [
        ("http.response.start", [Sent("POST", "/x", b"{}")]),
        ("http.response.body", []),
    ]
    assert wire.taken() == []
