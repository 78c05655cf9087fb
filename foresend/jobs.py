"""What is handed to Flink to run a job: its file, its settings, and the group under which its progress is seen."""

import importlib.util
from pathlib import Path

import msgspec

from connectors.kafka.settings import KafkaSettings
from foresend.local.flink_client import JobOrder
from schemas.errors import ConfigError


def job_order(
    kafka: KafkaSettings,
    source: str,
    folder: Path,
    parallelism: int | None = None,
    savepoint: str | None = None,
    secret: bytes = b"",
) -> JobOrder:
    """What to hand to Flink's client: the job's file, and its settings in a file that only we can read."""
    settings_file = write_settings(folder.resolve() / f"settings-{source}.json", kafka, source, secret)
    found = importlib.util.find_spec("flink_jobs.personalize.job")
    if found is None or found.origin is None:
        raise ConfigError("expected the package flink_jobs to be installed, found none; run `make setup`")
    return JobOrder(Path(found.origin), [str(settings_file)], parallelism, savepoint)


def write_settings(file: Path, kafka: KafkaSettings, source: str, secret: bytes = b"") -> Path:
    """What the job must be told (`flink_jobs.personalize.job.JobSettings`), in a file that only we can read."""
    settings = {"kafka": msgspec.to_builtins(kafka), "source": source, "group": group_of(source), "secret": secret}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_bytes(msgspec.json.encode(settings))
    return file


def group_of(source: str) -> str:
    """The consumer group under which the job commits how far it has come."""
    return f"foresend-personalize-{source}"
