"""Where time went, for OpenTelemetry: from a request to the steps that run for what it started.

Nothing is imported and nothing is done unless OTEL_EXPORTER_OTLP_ENDPOINT is set. Spans are written when they
are over, so no span has to travel: the trace of an instance is its id, and so every process that works for
it, today or after a restart, knows where its spans belong. A request is a trace of its own (its caller's,
with `traceparent`), and what it starts is linked with it, in both directions. A caller whose trace is not
sampled wants no span of its requests.
"""

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.kit.log import get_logger
from app.kit.settings import Settings
from app.kit.version import studio_version

log = get_logger(__name__)

Attribute = str | int | float | bool
_SAMPLED: Final = 1
_EXPORT_PATIENCE_S: Final = 2  # a stop has nine seconds for everything
_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")  # W3C Trace Context §3.2


class Place(NamedTuple):
    """A span among all spans."""

    trace: int
    span: int


class Request(NamedTuple):
    """A request that is being answered, and what it has started."""

    place: Place
    started: list[Place]


MOST_LINKS: Final = 32  # of one span; a request may start a thousand instances
_request: ContextVar[Request | None] = ContextVar("_request", default=None)
_wanted: ContextVar[Place | None] = ContextVar("_wanted", default=None)
_provider: Any = None


def configure(service: str, settings: Settings) -> None:
    """Let this process send its spans, if anybody wants them."""
    global _provider  # noqa: PLW0603  one process, one way out, as for its log
    if settings.otlp_endpoint is None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(
        endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces",
        headers=settings.otlp_headers,
        timeout=_EXPORT_PATIENCE_S,
    )
    resource = Resource.create({"service.name": service, "service.version": studio_version()})
    _provider = _make_provider(resource)
    _provider.add_span_processor(BatchSpanProcessor(exporter))
    log.info("traces are sent", action="traces_on")


def stop() -> None:
    """Send what is left, within the time a stop has."""
    global _provider
    provider, _provider = _provider, None
    if provider is not None:
        provider.shutdown()


def is_on() -> bool:
    """Whether anybody wants spans."""
    return _provider is not None


def place_of_instance(instance_id: UUID) -> Place:
    """The span of an instance, from its beginning to its end: the root of its trace."""
    return Place(instance_id.int, _span_id(instance_id.bytes))


def enter_request(request_id: str, traceparent: str | None) -> Request | None:
    """The span of the request that this task answers; None when its caller wants none."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    if found and not int(found[3], 16) & _SAMPLED:
        _request.set(None)
        return None
    trace = int(found[1], 16) if found else int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:16])
    request = Request(Place(trace, _span_id(request_id.encode())), [])
    _request.set(request)
    return request


def parent_of(traceparent: str | None) -> int | None:
    """The caller's span."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    return int(found[2], 16) if found else None


def link_with_request(started: Place) -> Place | None:
    """The request that this task answers, if it answers one; it is linked with what it has started."""
    request = _request.get()
    if request is None:
        return None
    request.started.append(started)
    return request.place


def record(
    name: str,
    place: Place,
    *,
    took_s: float,
    ended_at: datetime | None = None,
    parent: int | None = None,
    linked: Sequence[Place | None] = (),
    attributes: Mapping[str, Attribute | None] | None = None,
    error: str | None = None,
) -> None:
    """Write one span that is over. `ended_at`: now when not given; `parent`: another span of its trace."""
    if _provider is None:
        return
    from opentelemetry import trace

    end_ns = time.time_ns() if ended_at is None else int(ended_at.timestamp() * 1e9)
    context = None
    if parent is not None:
        context = trace.set_span_in_context(trace.NonRecordingSpan(_context(Place(place.trace, parent))))
    token = _wanted.set(place)
    try:
        span = _provider.get_tracer("studio", studio_version()).start_span(
            name,
            context=context or trace.set_span_in_context(trace.INVALID_SPAN),
            start_time=end_ns - int(took_s * 1e9),
            attributes={key: value for key, value in (attributes or {}).items() if value is not None},
            links=[trace.Link(_context(one)) for one in linked[:MOST_LINKS] if one is not None],
        )
    finally:
        _wanted.reset(token)
    if error is not None:
        span.set_status(trace.Status(trace.StatusCode.ERROR, error))
    span.end(end_ns)


def child(place: Place, name: str) -> Place:
    """Another span of the same trace, always the same for the same name."""
    return Place(place.trace, _span_id(place.span.to_bytes(8) + name.encode()))


def _span_id(raw: bytes) -> int:
    return int.from_bytes(hashlib.sha256(raw).digest()[:8]) or 1


def _context(place: Place) -> Any:
    from opentelemetry import trace

    return trace.SpanContext(
        place.trace, place.span, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED)
    )


def _make_provider(resource: Any) -> Any:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import IdGenerator

    class Ids(IdGenerator):
        """The ids that are wanted, instead of random ones."""

        def generate_span_id(self) -> int:
            place = _wanted.get()
            return place.span if place is not None else 1

        def generate_trace_id(self) -> int:
            place = _wanted.get()
            return place.trace if place is not None else 1

    return TracerProvider(resource=resource, id_generator=Ids(), shutdown_on_exit=False)
