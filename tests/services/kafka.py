"""A Kafka of one node for tests: an address in the environment, else a container, else the broker's jars on Java."""

import base64
import contextlib
import hashlib
import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.services import engine, service
from tests.services.processes import NoService, answer, free_ports, locked, run, wait_for_answer
from tests.services.service import Service

ADDRESS = "JOURNEY_TEST_KAFKA"
VERSION = "4.1.1"
IMAGE = f"apache/kafka:{VERSION}@sha256:0bc1bb2478f45b6cea78864df86acdc11e8df2c5172477819a4d12942cbe5d40"
POM = Path(__file__).with_name("pom.xml")
JARS = f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
CACHE = Path(__file__).parents[2] / ".services"
CLASSES, STORAGE = "classes.jsa", "storage"

HEAP = ["-Xms128m", "-Xmx512m"]
BRIEF = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For what runs for seconds, or has little to do: to compile it well takes longer. A broker that starts, and is written to and read from by
thirty topics, takes 40 % less of the machine by it.
"""

FETCH_SECONDS_MAX = 300.0
FORMAT_SECONDS_MAX = 60.0
START_SECONDS_MAX = 90.0
GIVEN_SECONDS_MAX = 30.0
TIDY_SECONDS_MAX = 60.0

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "CLIENTS",
    "controller.listener.names": "CONTROLLER",
    # One node keeps everything once.
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # A topic that is missing is an error, and is not made by asking for it.
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "true",
    # Tests of faults wait for sessions to end: as short as a consumer asks for, and groups that begin at once.
    "group.min.session.timeout.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    # A broker killed by -9 is let in again only after its old session has ended.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "log.cleaner.dedupe.buffer.size": "4194304",
}


def start_kafka(folder: Path, java: Sequence[str] = BRIEF) -> Service:
    """The Kafka that the environment names, else one of our own."""
    return service.given(ADDRESS, lambda address: _wait_until_ready(address, within=GIVEN_SECONDS_MAX)) or own_kafka(folder, java)


def own_kafka(folder: Path, java: Sequence[str] = BRIEF) -> Service:
    """A Kafka with its data in `folder`; `java` is how Java runs it. Raises NoService with every reason where none can be had."""
    return service.first_that_works("Kafka", {"container": _in_container, "Java": lambda folder: _on_java(Wanted(folder, java))}, folder)


@contextlib.contextmanager
def fresh_topics(address: str) -> Iterator[str]:
    """A prefix that no other topic has. The topics that have it are deleted in the end."""
    prefix = f"t{uuid.uuid4().hex[:12]}"
    yield prefix

    async def delete() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        await admin.start()
        try:
            if ours := [topic for topic in await admin.list_topics() if topic.startswith(prefix)]:
                await admin.delete_topics(ours)
        finally:
            await admin.close()

    answer(delete(), within=TIDY_SECONDS_MAX)


def _in_container(folder: Path) -> Service:
    host = engine.engine_host()
    (port,) = free_ports(1)
    address = f"{host}:{port}"
    settings = SETTINGS | {
        "listeners": f"CLIENTS://0.0.0.0:{port},CONTROLLER://localhost:9093",
        "advertised.listeners": f"CLIENTS://{address}",
        "controller.quorum.voters": "1@localhost:9093",
        "log.dirs": "/var/lib/kafka/data",
    }
    return engine.of_container(
        IMAGE,
        host=host,
        port=port,
        environment={f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()} | {"CLUSTER_ID": _cluster()},
        command=None,
        address=address,
        ready=lambda running: _wait_until_ready(address, within=START_SECONDS_MAX, running=running),
    )


@dataclass(frozen=True)
class Secured:
    """A broker that is spoken to in three guarded ways: each is the address of its own. `ca_file` is whom to trust."""

    sasl: str
    tls: str
    both: str
    ca_file: Path


USER, PASSWORD = "alice", "open sesame"


@contextlib.contextmanager
def secured_kafka(folder: Path) -> Iterator[Secured]:
    """A Kafka that lets in USER by SASL (PLAIN and SCRAM-SHA-256), by TLS, and by both. Raises NoService without Java."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("SASL", "TLS", "BOTH")
    addresses = {name: f"127.0.0.1:{port}" for name, port in zip(names, free_ports(3), strict=True)}
    more = {
        "listener.security.protocol.map": f"{SETTINGS['listener.security.protocol.map']},SASL:SASL_PLAINTEXT,TLS:SSL,BOTH:SASL_SSL",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
        "ssl.keystore.type": "PKCS12",
        "ssl.keystore.location": str(folder / "keys.p12"),
        "ssl.keystore.password": PASSWORD,
    }
    modules = "org.apache.kafka.common.security"
    for name in ("sasl", "both"):
        plain = f'{modules}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        more[f"listener.name.{name}.plain.sasl.jaas.config"] = plain
        more[f"listener.name.{name}.scram-sha-256.sasl.jaas.config"] = f"{modules}.scram.ScramLoginModule required;"
    ca_file = _certificate(folder)
    users = ["--add-scram", f"SCRAM-SHA-256=[name={USER},password={PASSWORD}]"]
    service = _on_java(Wanted(folder, listeners=addresses, settings=more, users=users))
    try:
        yield Secured(*(addresses[name] for name in names), ca_file)
    finally:
        service.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def kafka_with(folder: Path, settings: Mapping[str, str]) -> Iterator[Service]:
    """A Kafka whose settings are others than SETTINGS in this. Raises NoService without Java."""
    service = _on_java(Wanted(folder, settings=settings))
    try:
        yield service
    finally:
        service.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _certificate(folder: Path) -> Path:
    """Make the broker's key, and a certificate of its own making. Returns the file of the certificate."""
    keytool = shutil.which("keytool")
    if keytool is None:
        raise NoService("there is no `keytool`, which comes with Java")
    store = ["-keystore", folder / "keys.p12", "-storetype", "PKCS12", "-storepass", PASSWORD, "-alias", "broker"]
    name = ["-dname", "CN=127.0.0.1", "-ext", "SAN=IP:127.0.0.1", "-ext", "BC=ca:true"]
    made = folder / "broker.pem"
    for command in (
        [keytool, "-genkeypair", "-keyalg", "EC", "-validity", "7", *store, *name],
        [keytool, "-exportcert", "-rfc", "-file", made, *store],
    ):
        run(command, folder=folder, log=folder / "keytool.log", within=FORMAT_SECONDS_MAX)
    return made


@dataclass(frozen=True)
class Wanted:
    """A broker on Java, its data in `folder`."""

    folder: Path
    options: Sequence[str] = BRIEF
    """How Java runs it."""
    listeners: Mapping[str, str] = field(default_factory=dict)
    """Others than the one for clients,"""
    settings: Mapping[str, str] = field(default_factory=dict)
    """what is said about them,"""
    users: Sequence[str] = ()
    """and what makes those that they let in."""


def _on_java(wanted: Wanted) -> Service:
    java = shutil.which("java")
    if java is None:
        raise NoService("there is no `java`; Debian has it in openjdk-17-jre-headless")
    left = left_by_a_first(java)
    known = [f"-XX:SharedArchiveFile={left / CLASSES}"] if (left / CLASSES).exists() else []
    return _broker([java, *known], wanted, None if wanted.users else left / STORAGE)


def _broker(java: Sequence[str], wanted: Wanted, storage: Path | None) -> Service:
    """`storage` is an empty one to begin with; where it is not there, it is kept there."""
    classes, folder = f"{jars()}/*", wanted.folder
    folder.mkdir(parents=True, exist_ok=True)
    port, controller = free_ports(2)
    address, log, properties = f"127.0.0.1:{port}", folder / "kafka.log", folder / "server.properties"
    advertised = ",".join(f"{name}://{one}" for name, one in {"CLIENTS": address, **wanted.listeners}.items())
    settings = SETTINGS | {
        "listeners": f"{advertised},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": advertised,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "log.dirs": str(folder / "data"),
        **wanted.settings,
    }
    properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    if storage is not None and storage.exists():
        shutil.copytree(storage, folder / "data")
    else:
        tool = ["kafka.tools.StorageTool", "format", "-t", _cluster(), "-c", properties, *wanted.users]
        run([*java, *BRIEF, "-cp", classes, *tool], folder=folder, log=log, within=FORMAT_SECONDS_MAX)
        if storage is not None:
            shutil.copytree(folder / "data", storage)
    return service.of_process(
        address,
        f"apache/kafka:{VERSION} as jars on {java[0]}",
        [*java, *HEAP, *wanted.options, "-cp", classes, "kafka.Kafka", properties],
        folder=folder,
        log=log,
        ready=lambda running: _wait_until_ready(address, within=START_SECONDS_MAX, running=running),
        end=signal.SIGTERM,
    )


def jars() -> Path:
    """The folder of the broker's jars. Maven copies them once; with them there, neither Maven nor a network is needed."""
    fetched = CACHE / JARS
    if fetched.exists():
        return fetched
    maven = shutil.which("mvn")
    if maven is None:
        raise NoService("there is no `mvn` to fetch Kafka's jars; Debian has it in maven")
    CACHE.mkdir(exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    with locked(CACHE / "lock", within=FETCH_SECONDS_MAX):
        if not fetched.exists():
            # Under another name until it is whole.
            with tempfile.TemporaryDirectory(dir=CACHE) as part:
                copied = Path(part) / "jars"
                command: list[str | Path] = [maven, "-q", "-B", "-f", POM, "dependency:copy-dependencies", f"-DoutputDirectory={copied}"]
                run(command, folder=Path(part), log=CACHE / "maven.log", within=FETCH_SECONDS_MAX)
                copied.rename(fetched)
    return fetched


def left_by_a_first(java: str) -> Path:
    """What a first broker leaves to others, which start in half the time: its CLASSES, where this Java can share them, and STORAGE."""
    left = jars() / "left"
    with locked(CACHE / "lock", within=FETCH_SECONDS_MAX):
        if not left.exists():
            with tempfile.TemporaryDirectory(dir=CACHE) as part:
                made = Path(part) / "left"
                made.mkdir()
                archiving = (*BRIEF, f"-XX:ArchiveClassesAtExit={made / CLASSES}")
                _broker([java], Wanted(Path(part) / "broker", archiving), made / STORAGE).stop()
                made.rename(left)
    return left


def _cluster() -> str:
    """An id as Kafka's own tool makes them: like a UUID in base 64, and no hyphen in front."""
    return "J" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]


def _wait_until_ready(address: str, *, within: float, running: Callable[[], bool] = lambda: True) -> None:
    async def ask() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        try:
            await admin.start()
            if not (await admin.describe_cluster())["brokers"]:
                raise KafkaError("it answers, and no broker is let in yet")
        finally:
            await admin.close()

    host, _, port = address.split(",")[0].rpartition(":")
    if not (host and port.isdigit()):
        raise NoService("that is no HOST:PORT")
    wait_for_answer((host.strip("[]"), int(port)), ask, (KafkaError,), within=within, running=running)
