"""The Faust app: it hosts a worker's services, and its own consumer reads operators' hints. The only file that knows Faust.

Nothing rests on Faust's offsets, tables, `take` or `exactly_once`: all of them lost or doubled events when they were tried. It has no
listener of its own: it is started in place, and not by its command line, which opens one whatever the settings say.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import faust
from mode import Service

from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics

SESSION_SECONDS = 6.0
HEARTBEAT_SECONDS = 1.5


class Hosted(Service):
    """A running task of ours as a service of Faust's, which ends it when it stops."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        super().__init__()
        self._hosted = task

    @property
    def label(self) -> str:
        return self._hosted.get_name()

    async def on_start(self) -> None:
        self.add_future(self._wait())

    async def _wait(self) -> None:
        await self._hosted


class App(faust.App):
    def _create_directories(self) -> None:
        """None. Nothing of ours would be kept in them, and in a folder that is everybody's their names could be taken before."""


def make_app(settings: KafkaSettings, instance: str, hint: Callable[[bytes], Awaitable[None]]) -> faust.App:
    """The app of one worker. `hint` is called with what operators announce; the control log in the record is the truth."""
    credentials: Any = None
    if settings.security.startswith("SASL"):
        mechanism = faust.types.auth.SASLMechanism(settings.sasl_mechanism)
        context = settings.connection().get("ssl_context")
        credentials = faust.SASLCredentials(
            mechanism=mechanism, username=settings.username, password=settings.password, ssl_context=context
        )  # fmt: skip
    elif settings.security == "SSL":
        credentials = faust.SSLCredentials(context=settings.connection()["ssl_context"])
    app = App(
        # Each worker reads all hints, so each is a group of its own.
        id=f"{settings.prefix}-control-{instance}",
        broker=[f"kafka://{address.strip()}" for address in settings.bootstrap.split(",")],
        broker_credentials=credentials,
        autodiscover=False,
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        web_tables_enabled=False,
        stream_wait_empty=False,
        worker_redirect_stdouts=False,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=HEARTBEAT_SECONDS,
        broker_rebalance_timeout=10.0,
        consumer_group_instance_id=instance,
        consumer_auto_offset_reset="latest",
    )
    control = app.topic(Topics(settings).control, value_serializer="raw", key_serializer="raw")

    @app.agent(control, concurrency=1)
    async def hints(stream: Any) -> None:
        async for event in stream.noack().events():
            await hint(event.value)
            await stream.ack(event)

    return app


async def host(app: faust.App, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Start `app` with `tasks` as its services. Raises what Kafka's client raises where it can't be reached."""
    tell = threading.excepthook
    # Stopped while the broker is away, Faust's consumer lets out of its thread that it has cancelled a fetch of its own.
    threading.excepthook = lambda died: None if died.exc_type is asyncio.CancelledError else tell(died)
    await app.start()
    for task in tasks:
        await app.add_runtime_dependency(Hosted(task))
