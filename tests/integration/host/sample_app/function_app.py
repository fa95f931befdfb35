"""A small app for tests of the local host and of the worker: one of everything.

What it does is written, one JSON object a line, to the file that ``SAMPLE_JOURNAL`` names.
"""

import asyncio
import json
import os
import time
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
blueprint = func.Blueprint()


def note(**entry: object) -> None:
    entry["at"] = time.time()
    with Path(os.environ["SAMPLE_JOURNAL"]).open("a", encoding="utf-8") as journal:
        journal.write(json.dumps(entry) + "\n")


@app.route("echo/{*rest}", methods=["GET", "POST"])
def echo(req: func.HttpRequest) -> func.HttpResponse:
    """Say what arrived."""
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route": dict(req.route_params),
        "body": req.get_body().decode(),
    }
    answer = func.HttpResponse(json.dumps(seen), mimetype="application/json")
    answer.headers.add("Set-Cookie", "a=1; HttpOnly; SameSite=Lax")
    answer.headers.add("Set-Cookie", "b=2==; Path=/echo")
    return answer


@app.route("items/{id:int}", methods=["GET"])
async def items_by_number(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    await asyncio.sleep(0)
    text = f"{context.function_name} {req.route_params['id']}"
    return func.HttpResponse(text, status_code=201)


# The names decide: "a_…" comes before "items_…", so it hides items/1 for the methods they share.
@app.route("items/{id:range(900,999)}", methods=["GET", "DELETE"])
def a_special_item(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("special")


@app.route("broken")
def broken(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("planted failure")


@app.route("nothing")
def nothing(req: func.HttpRequest) -> func.HttpResponse:
    return None


@app.route("slow", methods=["POST"])
def slow(req: func.HttpRequest) -> func.HttpResponse:
    note(function="slow", phase="began")
    time.sleep(float(req.params.get("seconds", "1")))
    note(function="slow", phase="ended")
    return func.HttpResponse("done")


@blueprint.queue_trigger(
    arg_name="msg", queue_name="%JOBS_QUEUE%", connection="AzureWebJobsStorage"
)
@blueprint.queue_output(arg_name="out", queue_name="%DONE_QUEUE%", connection="AzureWebJobsStorage")
def work(msg: func.QueueMessage, out: func.Out[str]) -> None:
    """Do what the message says: fail, take long, or pass its text on."""
    job = msg.get_json()
    note(
        function="work",
        phase="began",
        job=job["name"],
        count=msg.dequeue_count,
        id=msg.id,
        receipt=bool(msg.pop_receipt),
        inserted=msg.insertion_time.isoformat(),
        expires=msg.expiration_time.isoformat(),
        visible=msg.time_next_visible.isoformat(),
    )
    time.sleep(job.get("seconds", 0))
    if job.get("fail"):
        raise RuntimeError("planted failure")
    out.set(job["name"])
    note(function="work", phase="ended", job=job["name"])


@blueprint.queue_trigger(
    arg_name="text", queue_name="%JOBS_QUEUE%-poison", connection="AzureWebJobsStorage"
)
def bury(text: str) -> None:
    note(function="bury", text=text)
    if "fail burial" in text:
        raise RuntimeError("planted failure")


app.register_functions(blueprint)


@app.timer_trigger(arg_name="tick", schedule="%TICK_SCHEDULE%")
def tick(tick: func.TimerRequest) -> None:
    note(function="tick", past_due=tick.past_due, status=tick.schedule_status, pid=os.getpid())


@app.timer_trigger(arg_name="tick", schedule="0 0 0 1 1 *", run_on_startup=True)
async def hello(tick: func.TimerRequest) -> None:
    await asyncio.sleep(0)
    note(function="hello", past_due=tick.past_due, status=tick.schedule_status, pid=os.getpid())
