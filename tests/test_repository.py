"""What the files of the project say of each other, and of the machines that they were made on."""

import re
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.app.command import ROOT

REGISTRIES = [
    re.compile(pattern)
    for pattern in (
        # Spelled so that this file names none either.
        r"pypi\s*[.]\s*org",
        r"python" + r"hosted\.org",
        r"registry\.(npm|yarn)",
        r"files\.python",
        r"(index|extra-index)-url",
        r"/(artifactory|nexus|devpi)/",
        r"docker" + r"\.io/",
        r"gh" + r"cr\.io",
        r"qu" + r"ay\.io",
        r"repo1?\.maven",
    )
]
"""Where packages come from is the business of who installs, and of their settings."""

MACHINES = [re.compile(pattern) for pattern in (r"(?<![\w.])/(home|Users|root|work|mnt|opt)/\w", r"[A-Z]:\\Users", r"file:///\w")]


def tracked() -> list[Path]:
    """The files that belong to the project: those that git has, or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=False
    ).stdout.decode()
    paths = [ROOT / name for name in listed.split("\0") if name]
    if not paths:
        pytest.skip("this is no checkout")
    return [path for path in paths if path.is_file()]


def found(patterns: list[re.Pattern[str]], *, but: frozenset[str] = frozenset()) -> list[str]:
    places = []
    for path in tracked():
        if path.name in but:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if any(pattern.search(line) for pattern in patterns) and path != Path(__file__):
                places.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    return places


def test_no_file_names_a_package_registry() -> None:
    assert found(REGISTRIES) == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    # The paths in these are those of a container.
    assert found(MACHINES, but=frozenset({"Dockerfile", "docker-compose.yml"})) == []


def test_no_data_that_is_not_ours_is_in_the_project() -> None:
    assert [path for path in tracked() if "online_shoppers" in path.name and path.suffix == ".csv"] == []
    assert [path for path in tracked() if path.stat().st_size > 1_000_000] == []


LOCKS = {"requirements.lock": ("distributed",), "requirements-dev.lock": ("distributed", "dev")}
"""For which extras each is: the image has the one, we and CI the other."""


def locked(name: str) -> dict[str, str]:
    """Versions by name."""
    stated = re.findall(r"^(\S+?)==([^\s;]+)(?:.*?) \\$", (ROOT / name).read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in stated}


@pytest.mark.parametrize("name", LOCKS)
def test_what_is_required_is_locked(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    required = [*project["project"]["dependencies"], *(line for extra in LOCKS[name] for line in extras[extra])]
    required += [*project["build-system"]["requires"], *project["dependency-groups"]["build"]]
    versions = locked(name)
    assert [
        f"{one}, and {name} has {versions.get(canonicalize_name(one.name), 'none')}; run `make lock`"
        for one in map(Requirement, required)
        if not one.specifier.contains(versions.get(canonicalize_name(one.name), "0.dev0"))
    ] == []


def test_the_image_has_the_versions_that_are_tested() -> None:
    assert locked("requirements.lock").items() <= locked("requirements-dev.lock").items()


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_locked_by_hashes(name: str) -> None:
    for one in re.split(r"\n(?=\S)", (ROOT / name).read_text().rstrip()):
        assert re.fullmatch(r"\S+==\S+( ; .*)?( \\\n    --hash=sha256:[0-9a-f]{64})+", one), one


def test_every_make_target_that_a_page_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in ("README.md", "DEVELOPERS.md"):
        named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", (ROOT / page).read_text(), re.MULTILINE))
        assert named
        assert named <= targets


def test_every_path_that_a_page_names_is_there() -> None:
    for page in ("README.md", "DEVELOPERS.md", "docs/architecture.md"):
        text = (ROOT / page).read_text()
        named = set(re.findall(r"`((?:app|docs|examples|journey|projections|schemas|streams|tests)/[\w./-]*)`", text))
        linked = {(ROOT / page).parent / target for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text)}
        assert [path for path in named if not (ROOT / path).exists()] == [], page
        assert [path for path in linked if not path.exists()] == [], page


def test_the_version_is_stated_once_and_the_changelog_has_it() -> None:
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\n## {stated}\n" in (ROOT / "CHANGELOG.md").read_text()
    try:
        assert version("customer-journey-engine") == stated
    except PackageNotFoundError:
        pytest.skip("it runs from its source here, and is not installed")


def test_no_line_of_the_changelog_is_longer_than_one_of_code() -> None:
    assert [line for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines() if len(line) > 140] == []


def test_every_decision_has_a_number_of_its_own() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [page.name[:4] for page in pages]
    assert len(set(numbers)) == len(numbers)
    for page in pages:
        assert page.read_text().startswith(f"# {page.name[:4]} "), page.name
