"""Traces lead from a request over the instance it started to its steps; unasked they cost nothing."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from app.flow.messages import Completed, Job, Lane
from app.kit import traces
from app.kit.ids import new_id
from app.kit.settings import Settings, SettingsFaults, load_settings
from app.server.application import create_app
from app.store.database import Database
from tests.appliance.box import ROOT
from tests.asking import begin
from tests.lifespan import running
from tests.people import gathering
from workers import attempt


class Collector:
    """Takes spans over HTTP, as Tempo, Jaeger or a collector would."""

    def __init__(self) -> None:
        self.spans: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the name that the library calls
                raw = self.rfile.read(int(self.headers["content-length"]))
                for resource in ExportTraceServiceRequest.FromString(raw).resource_spans:
                    for scope in resource.scope_spans:
                        collector.spans |= {span.name: span for span in scope.spans}
                collector.headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()
    yield found
    traces.stop()
    found.server.shutdown()
    found.server.server_close()


def attributes(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


async def test_a_request_leads_to_its_instance_and_that_to_its_steps(
    settings: Settings, database: Database, collector: Collector
) -> None:
    wanted = msgspec.structs.replace(settings, otlp_endpoint=collector.url, otlp_headers={"x-key": "k"})
    traces.configure("studio-api", wanted)
    app = create_app(wanted)
    caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with running(app), gathering(app, database, wanted) as people:
        client = (await people.member()).client
        client.headers["traceparent"] = caller[:-1] + "0"
        await client.get("/api/v1/workers")
        client.headers["traceparent"] = caller
        started = await begin(client, {"id": "a", "type": "core.set", "with": {"value": 1}})
    job = Job(
        attempt_id=new_id(),
        fence=1,
        lane=Lane.cpu,
        kind="debug.work",
        version=1,
        inputs={},
        instance_id=msgspec.convert(started["id"], type(new_id())),
        step_id=new_id(),
        organization_id=new_id(),
        node_id="a",
        path=[],
        number=2,
        seed=1,
        deadline_s=None,
    )
    attempt._tell(job, Completed(outputs={}), 0.25)
    traces.stop()
    spans = collector.spans
    request, begun, instance, step = (
        spans[name] for name in ("POST /api/v1/instances", "instance started", "instance", "debug.work")
    )
    assert request.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c", "the caller's trace goes on"
    assert request.parent_span_id.hex() == "b7ad6b7169203331"
    assert attributes(request)["http.response.status_code"] == 201
    trace = started["id"].replace("-", "")
    assert {one.trace_id.hex() for one in (begun, instance, step)} == {trace}, (
        "the trace of an instance is its id"
    )
    (link,) = begun.links
    assert (link.trace_id, link.span_id) == (request.trace_id, request.span_id)
    (link,) = request.links
    assert (link.trace_id, link.span_id) == (instance.trace_id, instance.span_id), "and from there to here"
    assert begun.parent_span_id == step.parent_span_id == instance.span_id
    assert not instance.parent_span_id
    assert step.end_time_unix_nano - step.start_time_unix_nano == 250_000_000
    assert attributes(step)["studio.attempt"] == 2
    assert attributes(instance)["studio.status"] == "completed"
    assert collector.headers["x-key"] == "k"
    assert "GET /api/v1/workers" not in spans, "its caller samples no trace of it"


def test_a_failure_is_marked(settings: Settings, collector: Collector) -> None:
    traces.configure("studio-worker-cpu", msgspec.structs.replace(settings, otlp_endpoint=collector.url))
    place = traces.place_of_instance(new_id())
    traces.record("step", place, took_s=1.0, error="It broke.")
    traces.stop()
    assert collector.spans["step"].status.message == "It broke."


def test_nothing_of_it_is_imported_unless_somebody_wants_traces() -> None:
    script = (
        "import sys, app.server.__main__, app.daemon.__main__, workers.__main__; "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def test_an_endpoint_that_is_away_costs_a_stop_little(settings: Settings) -> None:
    traces.configure("studio-api", msgspec.structs.replace(settings, otlp_endpoint="http://127.0.0.1:9"))
    traces.record("step", traces.place_of_instance(new_id()), took_s=1.0)
    traces.stop()
    assert not traces.is_on()


def test_headers_are_read_as_opentelemetry_writes_them() -> None:
    env = {"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20a-secret-key, x-a=b"}
    found = load_settings(env)
    assert found.otlp_headers == {"authorization": "Bearer a-secret-key", "x-a": "b"}
    assert "Bearer a-secret-key" in found.secrets
    with pytest.raises(SettingsFaults):
        load_settings({"OTEL_EXPORTER_OTLP_HEADERS": "nonsense"})
