"""Fetching the jars: once, whole or not at all, and with clear words when something is missing."""

from pathlib import Path

import pytest

from foresend.local import java
from foresend.local.jars import JarSet, jars
from schemas.errors import ConfigError

pytestmark = pytest.mark.stack

JAVA_17 = """echo 'openjdk version "17.0.1"' >&2"""
MAVEN_THAT_COPIES = """
if [ "$1" = -v ]; then echo 'Apache Maven 3.9.1'; exit; fi
for word in "$@"; do case $word in -DoutputDirectory=*) out=${word#*=};; esac; done
echo run >> "$(dirname "$0")/runs"
touch "$out/b.jar" "$out/a.jar"
"""
MAVEN_THAT_FAILS = """
if [ "$1" = -v ]; then echo 'Apache Maven 3.9.1'; exit; fi
for word in "$@"; do case $word in -DoutputDirectory=*) out=${word#*=};; esac; done
touch "$out/a.jar"
echo 'Could not transfer artifact' ; exit 1
"""


class Machine:
    """A PATH with the programs that a test puts there, and the shell's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def install(self, name: str, script: str) -> None:
        program = self.folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": str(self.folder)}

    def runs_of_maven(self) -> int:
        return len((self.folder / "runs").read_text().splitlines())


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{made.folder}:/usr/bin:/bin")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return made


def test_the_jars_are_fetched_once(machine: Machine, tmp_path: Path) -> None:
    machine.install("java", JAVA_17)
    machine.install("mvn", MAVEN_THAT_COPIES)
    first = jars(JarSet.BROKER, tmp_path / "jars")
    assert [jar.name for jar in first] == ["a.jar", "b.jar"]
    assert jars(JarSet.BROKER, tmp_path / "jars") == first
    assert machine.runs_of_maven() == 1


def test_a_failing_maven_leaves_nothing_that_looks_fetched(machine: Machine, tmp_path: Path) -> None:
    machine.install("java", JAVA_17)
    machine.install("mvn", MAVEN_THAT_FAILS)
    with pytest.raises(ConfigError, match=r"ended with code 1(?s:.*)Could not transfer artifact"):
        jars(JarSet.BROKER, tmp_path / "jars")
    machine.install("mvn", MAVEN_THAT_COPIES)
    assert len(jars(JarSet.BROKER, tmp_path / "jars")) == 2
    assert list((tmp_path / "jars").glob("*.new-*")) == [], "and the next run clears the failed one's rest"


def test_a_missing_java_is_told_with_the_mend(machine: Machine) -> None:
    with pytest.raises(ConfigError, match=r"Java: expected version 17 or 21, found none on the PATH; install a JDK"):
        java.find_java(machine.environment)


def test_a_java_home_without_java_is_told_by_its_path(machine: Machine, tmp_path: Path) -> None:
    machine.install("java", JAVA_17)
    with pytest.raises(ConfigError, match=f"found none at JAVA_HOME={tmp_path}/gone"):
        java.find_java(machine.environment | {"JAVA_HOME": f"{tmp_path}/gone"})


def test_a_java_too_old_is_told_by_its_version(machine: Machine) -> None:
    machine.install("java", """echo 'openjdk version "11.0.2"' >&2""")
    with pytest.raises(ConfigError, match=r"expected version 17 or 21, found 11 at .*/java; install a JDK"):
        java.find_java(machine.environment)


def test_a_missing_maven_is_told_with_the_mend(machine: Machine) -> None:
    with pytest.raises(ConfigError, match=r"expected `mvn` 3.6.3 or newer on the PATH, found none; install it"):
        java.find_maven(machine.environment)


def test_all_that_is_missing_is_told_at_once(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(machine.folder))
    assert [problem.split(":")[0] for problem in java.missing_tools()] == ["Java", "Maven"]
    machine.install("java", JAVA_17)
    machine.install("mvn", MAVEN_THAT_COPIES)
    assert java.missing_tools() == []


@pytest.mark.parametrize(("says", "told"), [("Apache Maven 3.6.2", "found 3.6.2"), ("oh no", "no version .*oh no")])
def test_a_maven_that_will_not_do_is_told_by_what_it_says(machine: Machine, says: str, told: str) -> None:
    machine.install("mvn", f"echo '{says}'")
    with pytest.raises(ConfigError, match=rf"Maven: expected 3\.6\.3 or newer, {told}|{told}"):
        java.find_maven(machine.environment)
