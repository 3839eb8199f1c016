"""docker-compose.yml and the Dockerfile say nothing that does not exist. No engine is needed: they are held against the code."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from ruamel.yaml import YAML
from typer.core import TyperGroup
from typer.main import get_command

from app.cli import app
from app.settings import Settings
from streams.postgres.address import read_address
from tests.services import kafka as test_kafka
from tests.services import postgres as test_postgres
from tests.services.service import Service

ROOT = Path(__file__).parent.parent
COMPOSE_FILE, DOCKERFILE, IGNORED = ROOT / "docker-compose.yml", ROOT / "Dockerfile", ROOT / ".dockerignore"
COMPOSE: dict[str, Any] = YAML(typ="safe").load(COMPOSE_FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
KAFKA, POSTGRES = SERVICES["kafka"], SERVICES["postgres"]
WORKERS = {name: service for name, service in SERVICES.items() if "build" in service}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = [pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]]
COMPOSE_SECONDS_MAX = 30


# --- commands and settings


def test_there_are_two_workers_and_a_server() -> None:
    assert [service["command"][0] for service in WORKERS.values()] == ["worker", "worker", "serve"]


def stated_commands() -> list[str]:
    """What services run, and what the comments tell a person to run."""
    told = re.findall(r"^# +journey (.*)$", COMPOSE_FILE.read_text() + DOCKERFILE.read_text(), re.MULTILINE)
    return sorted({*told, *(" ".join(service["command"]) for service in WORKERS.values())})


@pytest.mark.parametrize("line", stated_commands())
def test_each_command_is_one_of_ours(line: str) -> None:
    command: Any = get_command(app)
    words = line.split()
    while isinstance(command, TyperGroup):
        assert words
        assert words[0] in command.commands
        command = command.commands[words.pop(0)]
    # Refuses options that it does not know.
    command.make_context(line, words)


def test_the_image_runs_our_command() -> None:
    assert '\nENTRYPOINT ["journey"]\n' in DOCKERFILE.read_text()
    assert "journey" in PROJECT["project"]["scripts"]


def test_each_setting_is_one_of_ours() -> None:
    names = set(re.findall(r"JOURNEY_[A-Z_]+", COMPOSE_FILE.read_text() + DOCKERFILE.read_text()))
    assert names - {f"JOURNEY_{field.upper()}" for field in Settings.model_fields} == set()


def test_each_worker_is_known_by_a_name_of_its_own() -> None:
    for name, service in WORKERS.items():
        assert name == service["hostname"] == service["environment"]["JOURNEY_INSTANCE"]


# --- addresses


def listeners(variable: str) -> dict[str, tuple[str, int]]:
    stated = (re.fullmatch(r"(\w+)://([\w.]*):(\d+)", each) for each in KAFKA["environment"][variable].split(","))
    return {found[1]: (found[2], int(found[3])) for found in stated if found}


@pytest.mark.parametrize("service", WORKERS.values(), ids=WORKERS)
def test_workers_find_kafka_where_it_listens(service: dict[str, Any]) -> None:
    host, port = service["environment"]["JOURNEY_KAFKA"].split(":")
    assert (host, int(port)) == listeners("KAFKA_ADVERTISED_LISTENERS")["INSIDE"]
    assert SERVICES[host] is KAFKA
    assert listeners("KAFKA_LISTENERS")["INSIDE"] == ("", int(port))


def test_this_machine_finds_kafka_where_it_is_published() -> None:
    (told,) = re.findall(r"JOURNEY_KAFKA=(.*)", COMPOSE_FILE.read_text())
    host, port = told.split(":")
    assert (host, int(port)) == listeners("KAFKA_ADVERTISED_LISTENERS")["OUTSIDE"]
    assert KAFKA["ports"] == [f"127.0.0.1:{port}:{listeners('KAFKA_LISTENERS')['OUTSIDE'][1]}"]


def test_postgres_is_found_by_name_and_password() -> None:
    (told,) = re.findall(r"JOURNEY_POSTGRES=(.*)", COMPOSE_FILE.read_text())
    stated = POSTGRES["environment"]
    for address, host in [(told, "localhost"), *((service["environment"]["JOURNEY_POSTGRES"], "postgres") for service in WORKERS.values())]:
        parts = urlsplit(address)
        assert (parts.hostname, parts.port) == (host, 5432)
        assert parts.username == stated["POSTGRES_USER"]
        assert parts.password == stated["POSTGRES_PASSWORD"]
        assert parts.path == "/" + stated["POSTGRES_DB"]
        # The image's server has no certificate, and a host's name says nothing of a network inside one machine.
        assert read_address(address).mode == ("prefer" if host == "localhost" else "disable")
    assert POSTGRES["ports"] == ["127.0.0.1:5432:5432"]
    assert {f"--username={stated['POSTGRES_USER']}", f"--dbname={stated['POSTGRES_DB']}"} <= set(POSTGRES["healthcheck"]["test"])


def test_kafka_is_asked_for_its_health_where_it_listens() -> None:
    (port,) = re.findall(r"/dev/tcp/localhost/(\d+)", " ".join(KAFKA["healthcheck"]["test"]))
    assert int(port) in [port for _, port in listeners("KAFKA_LISTENERS").values()]


def test_each_of_ours_is_asked_for_its_health_where_it_answers() -> None:
    published: set[str] = set()
    for service in WORKERS.values():
        ((address, port, inside),) = (one.rsplit(":", 2) for one in service["ports"])
        assert address == "127.0.0.1"
        published.add(port)
        assert f":{inside}/health/ready" in service["healthcheck"]["test"][-1]
        assert inside == (service["environment"]["JOURNEY_METRICS_PORT"] if service["command"] == ["worker"] else "8000")
    assert len(published) == len(WORKERS)


async def test_each_of_kafkas_settings_is_one_that_kafka_has(kafka: Service) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
    await client.start()
    try:
        node = (await client.describe_cluster())["brokers"][0]["node_id"]
        (answer,) = await client.describe_configs([ConfigResource(ConfigResourceType.BROKER, str(node))])
    finally:
        await client.close()
    ((*_, settings),) = answer.resources
    known = {name for name, *_ in settings}
    # The image makes the one of the other.
    stated = {name.removeprefix("KAFKA_").lower().replace("_", ".") for name in KAFKA["environment"] if name.startswith("KAFKA_")}
    assert len(stated) > 10
    assert stated - known == set()


# --- what a storm needs


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_each_service_comes_back_and_has_time_to_stop(service: dict[str, Any]) -> None:
    assert service["restart"] == "unless-stopped"
    assert "stop_grace_period" in service


def test_workers_begin_when_kafka_and_postgres_are_healthy() -> None:
    for service in WORKERS.values():
        for name, condition in service["depends_on"].items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[name]


def test_data_is_in_volumes() -> None:
    assert [volume for service in SERVICES.values() for volume in service.get("volumes", [])] == [
        f"kafka:{KAFKA['environment']['KAFKA_LOG_DIRS']}",
        "postgres:/var/lib/postgresql/data",
    ]
    assert set(COMPOSE["volumes"]) == {"kafka", "postgres"}


def test_images_are_pinned_and_those_of_the_tests() -> None:
    assert KAFKA["image"] == test_kafka.IMAGE
    assert POSTGRES["image"] == test_postgres.IMAGE
    based_on = re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), re.MULTILINE)
    for image in [KAFKA["image"], POSTGRES["image"], *based_on]:
        assert re.search(r":\d+\.\d+(\.\d+)?(-[\w-]+)?@sha256:[0-9a-f]{64}$", image), image


# --- the image


def test_the_image_is_not_run_by_root() -> None:
    last_stage = DOCKERFILE.read_text().rpartition("\nFROM ")[2]
    (user,) = re.findall(r"^USER (\w+)$", last_stage, re.MULTILINE)
    assert user != "root"
    assert re.search(rf"useradd .*\b{user}$", last_stage, re.MULTILINE)


def test_the_image_is_given_every_package_and_nothing_that_is_missing() -> None:
    copied = [name for line in re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE.read_text(), re.MULTILINE) for name in line.split()]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert set(PACKAGES) <= set(copied)
    let_in = {line.removeprefix("!") for line in IGNORED.read_text().splitlines() if line.startswith("!")}
    assert let_in == set(copied)


def test_the_wheel_has_the_files_that_the_code_reads() -> None:
    patterns = [f"{package}/{each}" for package, found in PROJECT["tool"]["setuptools"]["package-data"].items() for each in found]
    files = [file.relative_to(ROOT) for package in PACKAGES for file in (ROOT / package).rglob("*") if file.is_file()]
    others = [str(file) for file in files if file.suffix != ".py" and "__pycache__" not in file.parts]
    assert [file for file in others if not any(fnmatch(file, pattern) for pattern in patterns)] == []


def test_the_image_installs_what_the_code_imports() -> None:
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    imported = {name for file in files for name in top_level_imports(ast.parse(file.read_text()))}
    (lock,) = re.findall(r"--require-hashes --only-binary :all: --requirement (\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    required = {distribution(line) for line in (ROOT / lock).read_text().splitlines() if "==" in line}
    outside = imported - set(PACKAGES) - set(sys.stdlib_module_names)
    makers = {name: {distribution(maker) for maker in packages_distributions().get(name, [name])} for name in outside}
    assert {name: maker for name, maker in makers.items() if not maker & required} == {}


def distribution(line: str) -> str:
    """The name in a line such as `aiokafka[lz4]>=0.12`, as package indexes compare names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; (]", line)[0].lower())


def top_level_imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                found |= {alias.name.partition(".")[0] for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                found.add(module.partition(".")[0])
    return found


def test_docker_compose_reads_the_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, timeout=COMPOSE_SECONDS_MAX).returncode:
        pytest.skip("`docker compose` is not on this machine; it alone can say whether it reads docker-compose.yml")
    read = subprocess.run(
        [docker, "compose", "--file", COMPOSE_FILE, "config", "--quiet"], capture_output=True, text=True, timeout=COMPOSE_SECONDS_MAX
    )
    assert (read.returncode, read.stderr) == (0, "")
