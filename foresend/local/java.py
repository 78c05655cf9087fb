"""Finding the Java and the Maven that the local stack needs, with clear words when they are missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache

from schemas.errors import ConfigError

# Flink 2 runs on 17 and 21; Kafka 4's broker needs 17 or newer.
JAVA_VERSIONS = (17, 21)
# The first Maven that the pinned maven-dependency-plugin accepts.
MAVEN_OLDEST = (3, 6, 3)
ANSWER_S = 60


def find_java(environment: Mapping[str, str] = os.environ) -> str:
    """The path of a Java 17 or 21: JAVA_HOME's, else the first on the PATH.

    Raises:
        ConfigError: none there, or another version.
    """
    mend = "install a JDK 17 or 21 (Debian, Ubuntu: `apt install openjdk-17-jdk-headless`) and point JAVA_HOME at it"
    java, version = java_found(environment)
    if java is None:
        home = environment.get("JAVA_HOME")
        where = f"at JAVA_HOME={home}" if home else "on the PATH"
        raise ConfigError(f"Java: expected version 17 or 21, found none {where}; {mend}")
    if version not in JAVA_VERSIONS:
        raise ConfigError(f"Java: expected version 17 or 21, found {version or 'no version'} at {java}; {mend}")
    return java


def java_found(environment: Mapping[str, str] = os.environ) -> tuple[str | None, int | None]:
    """The path of the Java that would be used, and its version; None where there is none of it."""
    home = environment.get("JAVA_HOME")
    java = shutil.which(f"{home}/bin/java") if home else shutil.which("java", path=environment.get("PATH"))
    return java, None if java is None else java_version(_ask(java, "-version"))


def java_words() -> str:
    """All that `java -version` says of the Java in use: what was built for one build suits no other."""
    return _ask(find_java(), "-version")


def find_maven(environment: Mapping[str, str] = os.environ) -> str:
    """The path of a Maven that can copy the jars.

    Raises:
        ConfigError: none there, or too old.
    """
    oldest = ".".join(map(str, MAVEN_OLDEST))
    mend = "install it (Debian, Ubuntu: `apt install maven`)"
    maven = shutil.which("mvn", path=environment.get("PATH"))
    if maven is None:
        raise ConfigError(f"Maven: expected `mvn` {oldest} or newer on the PATH, found none; {mend}")
    said = _ask(maven, "-v")
    version = maven_version(said)
    if version is None or version < MAVEN_OLDEST:
        found = ".".join(map(str, version)) if version else f"no version in its answer ({said.strip()[:200]})"
        raise ConfigError(f"Maven: expected {oldest} or newer, found {found} at {maven}; {mend}")
    return maven


def java_version(said: str) -> int | None:
    """The feature release in what `java -version` says; None when there is none.

    >>> java_version('openjdk version "17.0.15" 2025-04-15'), java_version('java version "1.8.0_402"')
    (17, 8)
    """
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found.group(1)) if found else None


def maven_version(said: str) -> tuple[int, int, int] | None:
    """The version in what `mvn -v` says; None when there is none.

    >>> maven_version('Apache Maven 3.8.7 (b89d5959)')
    (3, 8, 7)
    """
    found = re.search(r"Apache Maven (\d+)\.(\d+)\.(\d+)", said)
    return (int(found.group(1)), int(found.group(2)), int(found.group(3))) if found else None


@cache
def _ask(program: str, question: str) -> str:
    """Everything the program says; an empty text when it cannot be run."""
    try:
        answer = subprocess.run([program, question], capture_output=True, text=True, timeout=ANSWER_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stderr + answer.stdout


def missing_tools() -> list[str]:
    """Every problem with Java and Maven together; none when the stack can be set up."""
    problems: list[str] = []
    for find in (find_java, find_maven):
        try:
            find()
        except ConfigError as error:
            problems += error.problems
    return problems


if __name__ == "__main__":
    # Asked by the Makefile before anything is installed: only the standard library is there yet.
    sys.exit("\n".join(missing_tools()) or None)
