"""Java that is missing or too old, and jars that are not the right ones."""

import zipfile
from pathlib import Path

import pytest

from foresend.doctor import java_tools
from foresend.doctor.java_tools import jars_finding, java_finding, maven_finding
from foresend.local.jars import JarSet, folder_of

CONNECTOR = "flink-sql-connector-kafka-5.0.0-2.2.jar"


def fake_java(folder: Path, version: str) -> Path:
    """A program that says what a Java of this version says, and nothing else."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return program


def jar(folder: Path, name: str, version: str) -> Path:
    """A jar that says it is of a version."""
    home = folder_of(JarSet.FLINK, folder)
    home.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(home / name, "w") as file:
        file.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\r\nImplementation-Version: {version}\r\n")
    return home / name


def test_no_java_on_the_path(tmp_path: Path) -> None:
    finding = java_finding({"PATH": str(tmp_path)})

    assert not finding.ok
    assert finding.found == "none on the PATH"
    assert "17 or 21" in finding.expected
    assert "apt install openjdk-17" in finding.mend


def test_a_java_home_without_java(tmp_path: Path) -> None:
    assert java_finding({"JAVA_HOME": str(tmp_path)}).found == f"none at JAVA_HOME={tmp_path}"


def test_java_8_is_too_old(tmp_path: Path) -> None:
    program = fake_java(tmp_path, "1.8.0_402")

    finding = java_finding({"JAVA_HOME": str(tmp_path)})

    assert not finding.ok
    assert finding.found == f"8 at {program}"
    assert "JAVA_HOME" in finding.mend


def test_java_21_is_fine(tmp_path: Path) -> None:
    fake_java(tmp_path, "21.0.1")

    assert java_finding({"PATH": str(tmp_path / "bin")}).ok


def test_maven_is_needed_until_the_jars_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java_tools, "folder_of", lambda wanted: tmp_path / wanted)

    before = maven_finding({"PATH": str(tmp_path)})
    for wanted in JarSet:
        (tmp_path / wanted).mkdir()
    after = maven_finding({"PATH": str(tmp_path)})

    assert not before.ok
    assert "apt install maven" in before.mend
    assert after.ok


def test_an_image_has_the_jars_of_its_program_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java_tools, "folder_of", lambda wanted: tmp_path / wanted)
    (tmp_path / JarSet.FLINK).mkdir()

    assert maven_finding({"PATH": str(tmp_path)}, [JarSet.FLINK]).ok
    assert not maven_finding({"PATH": str(tmp_path)}, [JarSet.BROKER]).ok


def test_the_right_connector(tmp_path: Path) -> None:
    jar(tmp_path, CONNECTOR, "5.0.0-2.2")

    assert jars_finding(JarSet.FLINK, tmp_path).ok


def test_jars_that_were_not_fetched_yet(tmp_path: Path) -> None:
    finding = jars_finding(JarSet.FLINK, tmp_path)

    assert not finding.ok
    assert finding.expected == CONNECTOR
    assert "foresend local jars" in finding.mend


def test_a_connector_for_another_flink(tmp_path: Path) -> None:
    jar(tmp_path, "flink-sql-connector-kafka-3.2.0-1.19.jar", "3.2.0-1.19")

    finding = jars_finding(JarSet.FLINK, tmp_path)

    assert not finding.ok
    assert f"{CONNECTOR} is missing" in finding.found
    assert "flink-sql-connector-kafka-3.2.0-1.19.jar: another connector" in finding.found
    assert "remove" in finding.mend


def test_two_connectors(tmp_path: Path) -> None:
    jar(tmp_path, CONNECTOR, "5.0.0-2.2")
    jar(tmp_path, "flink-sql-connector-kafka-3.2.0-1.19.jar", "3.2.0-1.19")

    assert not jars_finding(JarSet.FLINK, tmp_path).ok


def test_a_jar_that_was_renamed_is_found_out(tmp_path: Path) -> None:
    jar(tmp_path, CONNECTOR, "3.2.0-1.19")

    finding = jars_finding(JarSet.FLINK, tmp_path)

    assert not finding.ok
    assert "holds version 3.2.0-1.19" in finding.found


def test_a_jar_that_was_cut_off(tmp_path: Path) -> None:
    file = jar(tmp_path, CONNECTOR, "5.0.0-2.2")
    file.write_bytes(file.read_bytes()[:40])

    assert "cannot be read as a jar" in jars_finding(JarSet.FLINK, tmp_path).found


def test_a_second_connector_among_flinks_own_jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jar(tmp_path, CONNECTOR, "5.0.0-2.2")
    second = tmp_path / "pyflink" / "lib" / "flink-sql-connector-kafka-4.0.0-2.0.jar"
    second.parent.mkdir(parents=True)
    second.touch()
    monkeypatch.setattr(java_tools, "wheel", lambda: tmp_path / "pyflink")

    assert f"{second}: a second connector" in jars_finding(JarSet.FLINK, tmp_path).found


def test_a_broker_without_one_of_its_jars(tmp_path: Path) -> None:
    home = folder_of(JarSet.BROKER, tmp_path)
    home.mkdir(parents=True)
    with zipfile.ZipFile(home / "log4j-slf4j-impl-2.24.3.jar", "w") as file:
        file.writestr("META-INF/MANIFEST.MF", "")

    assert "kafka_2.13-4.1.0.jar is missing" in jars_finding(JarSet.BROKER, tmp_path).found
