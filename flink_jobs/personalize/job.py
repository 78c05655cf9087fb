"""The drawing of the job: source, key, step, sinks. Run by Flink's client, in any kind of cluster."""

import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StatementSet, StreamTableEnvironment

from connectors.kafka.settings import KafkaSettings
from flink_jobs.adapter import DEAD_LETTERS, HANDED_ON, OUTPUT_TYPE, SIDES, KeyedStepAdapter
from flink_jobs.kafka_tables import keyed_log, keyed_records, side_output, upsert_sink
from flink_jobs.personalize.program import Personalize
from flink_jobs.population.program import LearnPopulation
from flink_jobs.records import KeyedProgram
from schemas import topics

NAME = "personalize"
LEARNER = "population"


@dataclass(frozen=True)
class JobSettings:
    """What the job must be told, in a JSON file.

    Flink's client starts the job's process with arguments only, and those are no place for a password.

    source  the topic to read: `events`, or a replay topic
    secret  the installation's, by which the erased are known; none: no list of them is read
    group   consumer group under which offsets are committed at each checkpoint, for others to see the progress
    """

    kafka: KafkaSettings
    source: str = topics.EVENTS.name
    group: str = "foresend-personalize"
    secret: bytes = b""


def draw(
    env: StreamExecutionEnvironment,
    settings: JobSettings,
    program: KeyedProgram | None = None,
    learner: KeyedProgram | None = None,
) -> StatementSet:
    """Draw the job; nothing runs until it is executed. `program`, `learner`: what runs in place of the job's own."""
    tables = StreamTableEnvironment.create(env)
    statements = tables.create_statement_set()

    events = keyed_log(tables, settings.kafka, settings.source, settings.group)
    communications = (
        events.process(
            KeyedStepAdapter(program or Personalize(settings.kafka, settings.source, settings.secret), NAME),
            OUTPUT_TYPE,
        )
        .uid(NAME)
        .name(NAME)
    )
    # Behind an exchange, so in a thread of its own: never two Python operators in one chain (docs/adr/0018).
    snapshots = (
        keyed_records(side_output(communications, HANDED_ON))
        # Examples are few, and no heartbeat comes by: their counts are handed on at once.
        .process(KeyedStepAdapter(learner or LearnPopulation(settings.kafka), LEARNER, counts_every_s=0), OUTPUT_TYPE)
        .uid(LEARNER)
        .name(LEARNER)
    )
    dead_letters = side_output(communications, DEAD_LETTERS).union(side_output(snapshots, DEAD_LETTERS))

    upsert_sink(tables, statements, settings.kafka, communications, topics.COMMUNICATIONS.name)
    upsert_sink(tables, statements, settings.kafka, dead_letters, topics.DEAD_LETTERS.name)
    upsert_sink(tables, statements, settings.kafka, snapshots, topics.MODELS.name)
    for topic, tag in SIDES.items():
        upsert_sink(tables, statements, settings.kafka, side_output(communications, tag), topic)
    return statements


def main(settings_file: str) -> None:
    """Draw the job and hand it to the cluster."""
    settings = msgspec.json.decode(Path(settings_file).read_bytes(), type=JobSettings)
    env = StreamExecutionEnvironment.get_execution_environment()
    draw(env, settings).attach_as_datastream()
    env.execute(NAME)


if __name__ == "__main__":
    main(sys.argv[1])
