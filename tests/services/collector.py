"""A collector of OpenTelemetry's for tests: takes in traces by OTLP over HTTP, and knows what they say."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse


class Span(NamedTuple):
    service: str
    name: str
    trace: str
    id: str
    parent: str
    links: list[str]
    """The traces that it is tied to."""
    told: dict[str, Any]


class Collector(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Export)
        self.spans: list[Span] = []

    @property
    def env(self) -> dict[str, str]:
        """Has a process send its traces here, soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.server_address[1]}", "OTEL_BSP_SCHEDULE_DELAY": "50"}

    def of(self, trace: str) -> dict[str, Span]:
        """The spans of a trace, by their names."""
        return {one.name: one for one in list(self.spans) if one.trace == trace}


class _Export(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
        for of_one in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = next(one.value.string_value for one in of_one.resource.attributes if one.key == "service.name")
            for scope in of_one.scope_spans:
                for one in scope.spans:
                    told = {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in one.attributes}
                    links = [link.trace_id.hex() for link in one.links]
                    self.server.spans.append(
                        Span(service, one.name, one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex(), links, told)
                    )
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        collector.shutdown()
        thread.join()
        collector.server_close()
