"""Java, Maven, and the jars that came by them."""

import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from foresend.doctor.findings import Finding, fault, fine
from foresend.local import java
from foresend.local.flink_home import wheel
from foresend.local.jars import RESOURCES, JarSet, folder_of
from schemas.errors import ConfigError

JAVA_EXPECTED = "version " + " or ".join(map(str, java.JAVA_VERSIONS))
JAVA_MEND = "install a JDK 17 or 21 (Debian, Ubuntu: `apt install openjdk-17-jdk-headless`) and point JAVA_HOME at it"
MAVEN_MEND = "install it (Debian, Ubuntu: `apt install maven`)"
FETCH = "fetch them with `foresend local jars`"
_POM = {"pom": "http://maven.apache.org/POM/4.0.0"}


def java_finding(environment: Mapping[str, str] = os.environ) -> Finding:
    """The Java that Flink and the local broker run on."""
    path, version = java.java_found(environment)
    if path is None:
        home = environment.get("JAVA_HOME")
        found = f"none at JAVA_HOME={home}" if home else "none on the PATH"
    else:
        found = f"{version or 'no version'} at {path}"
    if version in java.JAVA_VERSIONS:
        return fine("java", found, JAVA_EXPECTED)
    return fault("java", found, JAVA_EXPECTED, JAVA_MEND)


def maven_finding(environment: Mapping[str, str] = os.environ, needed: Iterable[JarSet] = JarSet) -> Finding:
    """Maven, which is wanted until the jars that are needed are there: an image has those of its program only."""
    expected = f"{'.'.join(map(str, java.MAVEN_OLDEST))} or newer, until the jars are fetched"
    if all(folder_of(wanted).exists() for wanted in needed):
        return fine("maven", "not needed: the jars are there", expected)
    try:
        return fine("maven", java.find_maven(environment), expected)
    except ConfigError as error:
        return fault("maven", str(error), expected, MAVEN_MEND)


def jars_finding(wanted: JarSet, folder: Path | None = None) -> Finding:
    """The jars of one kind: each that its pom.xml names, in that version, whole, and no other beside it.

    folder  of all kinds; None: where they are fetched to
    """
    check = f"jars.{wanted}"
    home = folder_of(wanted, folder)
    named = _named(wanted)
    expected = ", ".join(sorted(named))
    files = sorted(home.glob("*.jar"))
    if not files:
        return fault(check, f"none in {home}", expected, FETCH)
    wrong = [f"{name} is missing" for name in sorted(named - {file.name for file in files})]
    wrong += [f"{file.name}: {words}" for file in files if (words := _wrong_jar(file, wanted, named))]
    wrong += _beside_flink() if wanted == JarSet.FLINK else []
    if not wrong:
        return fine(check, f"{len(files)} in {home}", expected)
    return fault(check, "; ".join(wrong), expected, f"remove {home} and {FETCH}")


def _named(wanted: JarSet) -> set[str]:
    """The files that a pom.xml names itself."""
    tree = ET.parse(RESOURCES / wanted / "pom.xml")  # noqa: S314 - our own file
    return {
        f"{one.findtext('pom:artifactId', '', _POM)}-{one.findtext('pom:version', '', _POM)}.jar"
        for one in tree.iterfind("pom:dependencies/pom:dependency", _POM)
    }


def _wrong_jar(file: Path, wanted: JarSet, named: set[str]) -> str:
    """What is wrong with a jar; nothing where it is what its name says."""
    try:
        with zipfile.ZipFile(file) as jar:
            about = jar.read("META-INF/MANIFEST.MF").decode(errors="replace")
    except (zipfile.BadZipFile, KeyError, OSError):
        return "cannot be read as a jar"
    if wanted != JarSet.FLINK:
        return ""
    if file.name not in named:
        return "another connector than the one for this Flink"
    lines = dict(line.split(": ", 1) for line in about.splitlines() if ": " in line)
    version = lines.get("Implementation-Version", "")
    # Mutant: trust the name; then `test_a_jar_that_was_renamed_is_found_out` fails.
    return "" if version and file.stem.endswith(f"-{version}") else f"holds version {version or 'unknown'}"


def _beside_flink() -> list[str]:
    """Connectors that lie among Flink's own jars: which of two is loaded is chance."""
    try:
        lib = wheel() / "lib"
    except ConfigError:
        return []
    return [f"{file}: a second connector" for file in sorted(lib.glob("*connector-kafka*.jar"))]
