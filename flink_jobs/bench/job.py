"""The drawing of `personalize` with the bench's program in it. Run by Flink's client."""

import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
from pyflink.datastream import StreamExecutionEnvironment

from flink_jobs.bench.program import Hotpath
from flink_jobs.personalize.job import JobSettings, draw

NAME = "bench-hotpath"


@dataclass(frozen=True)
class BenchSettings:
    """What the job must be told, in a JSON file."""

    job: JobSettings
    program: Hotpath


def main(settings_file: str) -> None:
    """Draw the job and hand it to the cluster."""
    settings = msgspec.json.decode(Path(settings_file).read_bytes(), type=BenchSettings)
    env = StreamExecutionEnvironment.get_execution_environment()
    draw(env, settings.job, settings.program).attach_as_datastream()
    env.execute(NAME)


if __name__ == "__main__":
    main(sys.argv[1])
