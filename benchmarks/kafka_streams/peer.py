"""Kafka Streams with exactly_once_v2 over the same topic: builds the Java project beside this file once, into `.bench/`, and runs it.

    python -m benchmarks.kafka_streams.peer --kafka 127.0.0.1:9092 --topic bench

Its fold is the same as ours, to the last transition (`same/`, and `stages_digest` holds it to that); or one in the order of arrival, which
is less and what most people write (`arrival/`). What each does less than ours is said in `Same.java` and `Fold.java`, how they are tuned
in `Main.java`. A JVM interprets and compiles what it runs at first, so the first half million touchpoints take it several times as long
as the same ones later: both are told, as *cold* and *warm*.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from benchmarks.measuring import Failed, Result, bench_folder, run, said_by, tell

Fold = Literal["same", "arrival"]
"""The same as ours; or one in the order of arrival, which is less, and what most people write."""

PROJECT = Path(__file__).parent
STAGES = "SELECT person, stage, at, nth, left_stage, rule FROM stages WHERE ahead = 0"
"""What `stages_digest` is of, in either read model."""
MAIN = "journeypeer.Main"
COMMIT_MS = 1_000
RUNS = 2
"""In one JVM: the first is cold, the last is warm."""
HEAP = ("-Xms1g", "-Xmx2g")
BUILD_SECONDS_MAX = 600
SECONDS_MAX = 600


def stages_digest(entered: Iterable[Sequence[object]]) -> str:
    """Of all transitions that hold, as the peer tells it: (person, stage, at, nth, left, rule) of each, as both read models keep them."""
    lines = sorted(("\t".join(map(str, one)) for one in entered), key=str.encode)
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def build() -> Path:
    """The folder that holds `classes/` and `libs/`. Built by Maven when its sources have changed."""
    for program, what in (("java", "a Java runtime, 17 or later"), ("javac", "a Java compiler, 17 or later"), ("mvn", "Maven")):
        if shutil.which(program) is None:
            raise Failed(f"{program} is not there; the Kafka Streams peer needs {what} (on Debian: openjdk-17-jdk-headless and maven)")
    sources = hashlib.sha256()
    for file in sorted([PROJECT / "pom.xml", *PROJECT.rglob("*.java")]):
        sources.update(file.read_bytes())
    built = bench_folder() / f"kafka-streams-{sources.hexdigest()[:12]}"
    if built.exists():
        return built
    # Built beside, then renamed: a build that was interrupted, or runs twice at once, is never taken for a whole one.
    unfinished = bench_folder() / f"kafka-streams-unfinished-{os.getpid()}"
    try:
        said_by(
            ["mvn", "-q", "-B", "-f", str(PROJECT / "pom.xml"), f"-Dbuild.folder={unfinished}", "compile", "dependency:copy-dependencies",
             f"-DoutputDirectory={unfinished / 'libs'}", "-DincludeScope=runtime"],
            seconds_max=BUILD_SECONDS_MAX,
        )  # fmt: skip
        if not built.exists():
            unfinished.rename(built)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return built


def measure(
    kafka: str, topic: str, *, fold: Fold = "same", runs: int = RUNS, commit_ms: int = COMMIT_MS, seconds_max: float = SECONDS_MAX
) -> list[Result]:
    """The results of `runs` runs over all of `topic`, one after the other in one JVM.

    Those of the same fold hold the digest of the transitions that hold in the end: `stages_digest` of ours.
    """
    built = build()
    application = f"bench-streams-{uuid.uuid4().hex[:8]}"
    folder = bench_folder("kafka-streams-state") / application
    folder.mkdir()
    try:
        return run(
            ["java", *HEAP, "-XX:+UseParallelGC", f"-Djava.io.tmpdir={folder}", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
             "-cp", f"{built / 'classes'}{os.pathsep}{built / 'libs'}{os.sep}*", MAIN,
             fold, kafka, topic, application, str(folder), str(int(seconds_max)), str(commit_ms), str(runs)],
            seconds_max=seconds_max + 30,
        )  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(
    kafka: Annotated[str, typer.Option()],
    topic: Annotated[str, typer.Option()],
    fold: Annotated[Fold, typer.Option()] = "same",
    runs: Annotated[int, typer.Option(min=1)] = RUNS,
    commit_ms: Annotated[int, typer.Option(min=1)] = COMMIT_MS,
) -> None:
    for result in measure(kafka, topic, fold=fold, runs=runs, commit_ms=commit_ms):
        tell(result)


if __name__ == "__main__":
    typer.run(main)
