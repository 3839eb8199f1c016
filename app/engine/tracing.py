"""Traces by OpenTelemetry, as its own environment variables say: nothing of it is loaded where none of them asks for any.

A trace is carried as `traceparent`, as the W3C has it: from a request to its place in Kafka, in a header of the record, and from there
to the worker that places it. It is no part of a touchpoint.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from streams.remarks import Say

HEADER = "traceparent"

CAUSES_MAX = 100
"""How many traces a unit is tied to at most: one may hold records of thousands of requests."""

FLUSHED_SECONDS_MAX = 2.0
"""How long the end waits until what is not sent yet has been."""

EXTRA = "pip install 'customer-journey-engine[telemetry]'"

ADDRESSES = ("url.path", "url.query")
"""What FastAPI says of a request, and may name a person: the route says enough."""

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
HTTP = "http/protobuf"

_tracer: Any = None


def is_on() -> bool:
    return _tracer is not None


def begin(service: str, say: Say) -> Callable[[], None]:
    """Send traces from here on, where the environment asks for it. Returns what sends the last of them.

    What can't be done is said, and is no reason not to work.
    """
    global _tracer
    if not _is_wanted(say):
        return lambda: None
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        say(f"OTEL_ variables ask for traces, and OpenTelemetry is not installed: none are sent; {EXTRA}", logging.WARNING)
        return lambda: None
    named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    # Its own hook at the end of the process would wait for as long as the collector is away.
    provider = TracerProvider(resource=Resource.create({} if named else {"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(_without_addresses())
    provider.add_span_processor(BatchSpanProcessor(_exporter()))
    trace.set_tracer_provider(provider)
    _tracer = trace.get_tracer("journey")

    def end() -> None:
        global _tracer
        _tracer = None
        ending = threading.Thread(target=provider.shutdown, name="last traces", daemon=True)
        ending.start()
        ending.join(FLUSHED_SECONDS_MAX)

    return end


def span(name: str, told: Mapping[str, Any] | None = None) -> AbstractContextManager[Any]:
    """What is done within it is a part of the current trace."""
    if _tracer is None:
        return nullcontext()
    # What an error says may have a sender's words in it, and a person's id.
    quiet: AbstractContextManager[Any] = _tracer.start_as_current_span(
        name, attributes=told, record_exception=False, set_status_on_exception=False
    )
    return quiet


def current() -> str | None:
    """The current span, for others to begin theirs under; None where there is none."""
    return None if _tracer is None else _carried()


def happened(name: str, seconds: float, causes: Sequence[str], told: Mapping[str, Any]) -> str:
    """A span that ends now and took `seconds`: a part of the trace of the first of its `causes`, and tied to the others. Returns it."""
    from opentelemetry import trace

    parents = [_read(cause) for cause in list(dict.fromkeys(causes))[:CAUSES_MAX]]
    ended = time.time_ns()
    made = _tracer.start_span(
        name,
        context=parents[0] if parents else None,
        links=[trace.Link(trace.get_current_span(other).get_span_context()) for other in parents[1:]],
        attributes=told,
        start_time=ended - int(seconds * 1e9),
    )
    made.end(ended)
    return _carried(trace.set_span_in_context(made)) or ""


def _carried(context: Any = None) -> str | None:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier, context)
    return carrier.get(HEADER)


def _read(carried: str) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({HEADER: carried}, Context())


def _is_wanted(say: Say) -> bool:
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "").strip()
    if exporter not in ("", "otlp", "console"):
        if exporter != "none":
            say(f"OTEL_TRACES_EXPORTER is {exporter!r}; traces are sent by otlp or console, and none are sent", logging.WARNING)
        return False
    protocol = next((said for name in PROTOCOLS if (said := os.environ.get(name, "").strip())), HTTP)
    if exporter != "console" and protocol != HTTP:
        say(f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}; traces are sent by {HTTP} only, and none are sent", logging.WARNING)
        return False
    return bool(exporter) or any(os.environ.get(name, "").strip() for name in ENDPOINTS)


def _without_addresses() -> Any:
    from opentelemetry.sdk.trace import SpanProcessor

    class WithoutAddresses(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            for name in ADDRESSES:
                if name in span.attributes:
                    span.set_attribute(name, "(left out)")

    return WithoutAddresses()


def _exporter() -> Any:
    if os.environ.get("OTEL_TRACES_EXPORTER", "").strip() == "console":
        import sys

        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        # What commands print is on standard output.
        return ConsoleSpanExporter(out=sys.stderr)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()
