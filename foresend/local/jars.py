"""The jars of the local stack: named in two small pom.xml files, copied by Maven, once.

Which registry they come from is Maven's own setting. A folder of jars is named by the hash
of its pom, and appears whole or not at all, so that its being there is the stamp.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from enum import StrEnum
from pathlib import Path

from foresend import processes
from foresend.local import java
from schemas.errors import ConfigError

RESOURCES = Path(__file__).parent / "resources"
MAVEN_S = 900


class JarSet(StrEnum):
    """What can be fetched; the value is its folder under `resources/`."""

    BROKER = "broker"
    FLINK = "flink"


WORDS = {
    JarSet.BROKER: "the Kafka broker (about 45 MB)",
    JarSet.FLINK: "Flink's Kafka connector (about 11 MB)",
}


def default_folder() -> Path:
    """`.jars` of the checkout; for an installed package, what came with its environment, else the user's cache."""
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").exists():
        return checkout / ".jars"
    # An image's environment belongs to root, and has its jars in it: deploy/docker/flink.Dockerfile.
    shipped = Path(sys.prefix) / "share" / "foresend" / "jars"
    return shipped if shipped.is_dir() else Path.home() / ".cache" / "foresend" / "jars"


def folder_of(wanted: JarSet, folder: Path | None = None) -> Path:
    """Where the jars lie, or will: their pom's hash is in the name."""
    pom = RESOURCES / wanted / "pom.xml"
    name = f"{wanted}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    return (default_folder() if folder is None else folder) / name


def jars(wanted: JarSet, folder: Path | None = None) -> list[Path]:
    """The jars, sorted by name; fetched first if they are not there yet.

    Raises:
        ConfigError: Java or Maven is missing or too old, or Maven failed.
    """
    home = folder_of(wanted, folder)
    if not home.exists():
        with processes.exclusive(home.parent / f"{wanted}.lock"):
            if not home.exists():
                _fetch(wanted, RESOURCES / wanted / "pom.xml", home)
    return sorted(home.glob("*.jar"))


def connector_jar(folder: Path | None = None) -> Path:
    """The one jar that lets Flink read and write Kafka (for `pipeline.jars`)."""
    (jar,) = jars(JarSet.FLINK, folder)
    return jar


def _fetch(wanted: JarSet, pom: Path, home: Path) -> None:
    """Let Maven copy the jars into a folder beside, then rename it. The caller holds the lock."""
    java.find_java()
    maven = java.find_maven()
    for leftover in home.parent.glob(f"{wanted}.new-*"):
        shutil.rmtree(leftover)
    print(f"Fetching the jars of {WORDS[wanted]} with Maven, once ...", file=sys.stderr, flush=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{wanted}.new-", dir=home.parent))
    child = processes.start(
        processes.Program(
            [maven, "--quiet", "--batch-mode", f"--file={pom}", "dependency:copy-dependencies",
             f"-DoutputDirectory={fresh}", "-DincludeScope=runtime"],
            log=fresh / "maven.log",
            folder=fresh,
        )
    )  # fmt: skip
    try:
        code = child.wait(MAVEN_S)
    finally:
        child.kill()
    if code != 0 or not list(fresh.glob("*.jar")):
        raise ConfigError(
            f"Maven: expected it to copy the jars of {pom}, it ended with code {code}; mend the cause below "
            f"(no network: see the mirrors in ~/.m2/settings.xml) and try again\n{processes.last_lines(child.said())}"
        )
    fresh.rename(home)
