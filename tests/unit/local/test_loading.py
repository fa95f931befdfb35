"""Describing an app: what Azure leaves out is left out, and every fault is named."""

import azure.functions as func
import pytest

from local.hosting.functions import HttpTrigger, QueueOutput, QueueTrigger, TimerTrigger
from local.hosting.loading import AppLoadError, describe, load_app

ENVIRONMENT = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "WHEN": "0 0 2 * * *"}


@pytest.fixture
def app():
    return func.FunctionApp()


def faults(app, environment=None):
    return describe(app, environment or ENVIRONMENT).faults


def test_a_right_app_is_described_in_the_order_of_its_names(app):
    @app.route("things/{id:int}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    def get_thing(req: func.HttpRequest, context: func.Context) -> func.HttpResponse: ...

    @app.queue_trigger("msg", "jobs", "AzureWebJobsStorage")
    @app.queue_output("out", "done", "AzureWebJobsStorage")
    async def work(msg: func.QueueMessage, out: func.Out[str]) -> None: ...

    @app.timer_trigger("timer", "%WHEN%", run_on_startup=True, use_monitor=False)
    def each_night(timer: func.TimerRequest) -> None: ...

    loaded = describe(app, ENVIRONMENT)

    assert loaded.faults == ()
    night, thing, job = loaded.functions
    assert night.trigger == TimerTrigger("0 0 2 * * *", run_on_startup=True, use_monitor=False)
    assert thing.trigger == HttpTrigger("things/{id:int}", frozenset({"GET"}), "anonymous")
    assert (thing.wants_context, thing.returns_value, thing.is_async) == (True, True, False)
    assert job.trigger == QueueTrigger("jobs", "AzureWebJobsStorage")
    assert job.outputs == (QueueOutput("out", "done", "AzureWebJobsStorage"),)
    assert (job.wants_context, job.returns_value, job.is_async) == (False, False, True)


def test_without_a_route_the_name_is_the_route(app):
    @app.route()
    def ping(req): ...

    [function] = describe(app, ENVIRONMENT).functions

    assert function.trigger.route == "ping"


def test_all_faults_are_named_at_once_and_the_right_functions_stay(app):
    @app.route("fine")
    def fine(req): ...

    @app.route("admin/users")
    def reserved(req): ...

    @app.route("x", trigger_arg_name="my_req")
    def underscored(my_req): ...

    @app.function_name("1st")
    @app.route("first")
    def first(req): ...

    @app.timer_trigger("timer", "0 0 0 * * 7")
    def on_sundays(timer): ...

    @app.timer_trigger("timer", "%MISSING%")
    def some_day(timer): ...

    @app.queue_trigger("msg", "Not_A_Queue", "AzureWebJobsStorage")
    def badly_named(msg): ...

    @app.queue_trigger("msg", "jobs", "NoSuchConnection")
    def unconnected(msg): ...

    loaded = describe(app, ENVIRONMENT)

    assert [function.name for function in loaded.functions] == ["fine"]
    named = {fault.partition(":")[0] for fault in loaded.faults}
    assert named == {
        "reserved", "1st", "on_sundays", "some_day", "badly_named", "unconnected", "underscored",
    }  # fmt: skip


def test_a_binding_name_with_an_underscore_is_refused(app):
    @app.queue_trigger("my_msg", "jobs", "AzureWebJobsStorage")
    def work(my_msg: func.QueueMessage) -> None: ...

    [fault] = faults(app)

    assert "'my_msg'" in fault


def test_the_same_route_with_a_shared_method_leaves_the_later_name_out(app):
    @app.route("items/{id}", methods=["GET", "PUT"])
    def b_later(req): ...

    @app.route("/Items/{id}", methods=["GET"])
    def a_first(req): ...

    loaded = describe(app, ENVIRONMENT)

    assert [function.name for function in loaded.functions] == ["a_first"]
    assert "conflict with 'a_first'" in loaded.faults[0]


@pytest.mark.parametrize(
    "function",
    [
        lambda request: None,
        lambda: None,
        lambda req, other: None,
    ],
)
def test_parameters_and_bindings_must_agree(app, function):
    function.__name__ = "handler"
    app.route("x")(function)

    assert len(faults(app)) == 1


def test_an_annotation_that_does_not_fit_its_trigger_is_refused(app):
    @app.route("x")
    def handler(req: func.TimerRequest) -> func.HttpResponse: ...

    assert "annotation" in faults(app)[0]


def test_two_functions_of_one_name_refuse_the_whole_app(app):
    def same(req): ...

    app.route("x")(same)
    app.route("y")(same)

    with pytest.raises(AppLoadError, match="unique"):
        describe(app, ENVIRONMENT)


def test_a_trigger_that_the_host_does_not_know_is_a_fault(app):
    @app.blob_trigger("blob", "container/{name}", "AzureWebJobsStorage")
    def on_blob(blob): ...

    assert "blobTrigger" in faults(app)[0]


def test_a_directory_without_an_app_is_refused(tmp_path):
    with pytest.raises(AppLoadError, match=r"no function_app\.py"):
        load_app(tmp_path, ENVIRONMENT)
