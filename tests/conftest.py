"""Fixtures that reach beyond a folder: Kafka and PostgreSQL, real ones, one of each for a whole session.

Hypothesis profiles: `pytest --hypothesis-profile=soak` looks further than there is time for every day.
"""

import contextlib
import gc
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.services import sharing
from tests.services.databases import fresh_database
from tests.services.kafka import fresh_topics
from tests.services.processes import NoService
from tests.services.service import Service

settings.register_profile("soak", max_examples=10_000)

SERVICES = pytest.StashKey[Path]()
LONGEST = ("benchmarks/", "tests/test_readme.py", "tests/e2e/", "tests/faults/", "tests/streams/")
"""What takes longest comes first: at the end no process is left alone with it."""
MARKS = {
    "kafka": pytest.mark.kafka,
    "own_kafka": pytest.mark.kafka,
    "topics": pytest.mark.kafka,
    "postgres": pytest.mark.postgres,
    "own_postgres": pytest.mark.postgres,
    "database": pytest.mark.postgres,
}


def pytest_configure(config: pytest.Config) -> None:
    # Ignored where a shell started us in the background, and then by all that we start: tests press Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        config.stash[SERVICES] = Path(config.workerinput["services"])
    else:
        stack = contextlib.ExitStack()
        config.stash[SERVICES] = stack.enter_context(sharing.session())
        config.add_cleanup(stack.close)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Of xdist: what the session tells a worker."""
    node.workerinput["services"] = str(node.config.stash[SERVICES])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who uses a service is marked so, and `-m 'not kafka and not postgres'` leaves nobody out."""
    items.sort(key=_turn)
    for item in items:
        for fixture in MARKS.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(MARKS[fixture])


def _turn(item: pytest.Item) -> int:
    return next((turn for turn, where in enumerate(LONGEST) if item.nodeid.startswith(where)), len(LONGEST))


def pytest_collection_finish() -> None:
    """What is there by now stays: to look through it again and again took an eighth of the time of random histories."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in sharing.used(config.stash[SERVICES]):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def services(request: pytest.FixtureRequest) -> Path:
    """A folder for services of a test's own, through which PostgreSQL's user gets as well."""
    return request.config.stash[SERVICES]


@pytest.fixture(scope="session")
def kafka(services: Path) -> Service:
    """The session's Kafka. It is everybody's: tests of faults take `own_kafka`."""
    with _or_fail():
        return sharing.shared("Kafka", services)


@pytest.fixture(scope="session")
def postgres(services: Path) -> Service:
    """The session's PostgreSQL. It is everybody's: tests of faults take `own_postgres`."""
    with _or_fail():
        return sharing.shared("PostgreSQL", services)


@pytest.fixture
def topics(kafka: Service) -> Iterator[str]:
    """A prefix for the names of a test's topics, which are deleted after it."""
    with fresh_topics(kafka.address) as prefix:
        yield prefix


@pytest.fixture
def database(postgres: Service) -> Iterator[str]:
    """The address of an empty database, which is dropped after the test."""
    with fresh_database(postgres.address) as address:
        yield address


@pytest.fixture
def own_kafka(module_kafka: Service) -> Service:
    """A Kafka that a test may kill. It is its module's, so as not to start one for each test, and the next test finds it running."""
    module_kafka.start_again()
    return module_kafka


@pytest.fixture
def own_postgres(module_postgres: Service) -> Service:
    """A PostgreSQL that a test may kill; as `own_kafka`."""
    module_postgres.start_again()
    return module_postgres


@pytest.fixture(scope="module")
def module_kafka(services: Path) -> Iterator[Service]:
    with _or_fail(), sharing.own("Kafka", services) as service:
        yield service


@pytest.fixture(scope="module")
def module_postgres(services: Path) -> Iterator[Service]:
    with _or_fail(), sharing.own("PostgreSQL", services) as service:
        yield service


@contextlib.contextmanager
def _or_fail() -> Iterator[None]:
    """Never skip: a test that did not run has shown nothing."""
    try:
        yield
    except NoService as reason:
        pytest.fail(str(reason), pytrace=False)
