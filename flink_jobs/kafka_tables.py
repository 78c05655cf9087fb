"""Kafka in and out of Flink, by tables: only they give a record's key, time and offset, and take tombstones."""

from pyflink.datastream import DataStream
from pyflink.java_gateway import get_gateway
from pyflink.table import ChangelogMode, DataTypes, Schema, StatementSet, StreamTableEnvironment

from connectors.kafka.settings import KafkaSettings

UPSERT = "upsert-kafka"


def log_source(tables: StreamTableEnvironment, kafka: KafkaSettings, topic: str, group: str) -> DataStream:
    """The records of a topic from its beginning: rows of key, value, partition, offset, and log time.

    Watermarks are declared on the metadata timestamp, so that the source makes them for each partition;
    one given after `to_data_stream` would be for each subtask, and late on a skewed catch-up.
    """
    tables.execute_sql(f"""
        CREATE TABLE `source_{topic}` (
            `key` BYTES,
            `value` BYTES,
            `partition` INT METADATA VIRTUAL,
            `offset` BIGINT METADATA VIRTUAL,
            `log_time` TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
            WATERMARK FOR `log_time` AS `log_time`
        ) WITH (
            'connector' = 'kafka',
            'topic' = '{topic}',
            'properties.group.id' = '{group}',
            'scan.startup.mode' = 'earliest-offset',
            'key.format' = 'raw',
            'key.fields' = 'key',
            'value.format' = 'raw',
            'value.fields-include' = 'EXCEPT_KEY',
            {_client_options(kafka)}
        )""")
    return tables.to_data_stream(tables.from_path(f"source_{topic}"))


def upsert_sink(
    tables: StreamTableEnvironment, statements: StatementSet, kafka: KafkaSettings, stream: DataStream, topic: str
) -> None:
    """Write a stream of changes (rows of key and value) to a topic; a row of kind DELETE is a true tombstone.

    The mode says that deletes come with the key alone, and `upsert` that no row must be normalised first:
    otherwise the planner adds an exchange and a ChangelogNormalize with state of its own (a test reads the plan).
    """
    tables.execute_sql(f"""
        CREATE TABLE `sink_{topic}` (
            `key` STRING NOT NULL,
            `value` BYTES,
            PRIMARY KEY (`key`) NOT ENFORCED
        ) WITH (
            'connector' = '{UPSERT}',
            'topic' = '{topic}',
            'key.format' = 'raw',
            'value.format' = 'raw',
            'value.fields-include' = 'EXCEPT_KEY',
            'properties.max.request.size' = '8454144',
            'properties.compression.type' = 'none',
            'properties.linger.ms' = '1',
            {_client_options(kafka)}
        )""")
    mode = ChangelogMode(get_gateway().jvm.org.apache.flink.table.connector.ChangelogMode.upsert(False))
    schema = (
        Schema.new_builder()
        .column("key", DataTypes.STRING().not_null())
        .column("value", DataTypes.BYTES())
        .primary_key("key")
        .build()
    )
    tables.create_temporary_view(f"changes_{topic}", tables.from_changelog_stream(stream, schema, mode))
    statements.add_insert_sql(f"INSERT INTO `sink_{topic}` SELECT `key`, `value` FROM `changes_{topic}`")  # noqa: S608


def _client_options(kafka: KafkaSettings) -> str:
    """The settings by which Kafka is reached, as table options."""
    options = {"bootstrap.servers": kafka.bootstrap, "security.protocol": kafka.security_protocol}
    if kafka.sasl_mechanism:
        module = "plain.PlainLoginModule" if kafka.sasl_mechanism == "PLAIN" else "scram.ScramLoginModule"
        options["sasl.mechanism"] = kafka.sasl_mechanism
        options["sasl.jaas.config"] = (
            f"org.apache.flink.kafka.shaded.org.apache.kafka.common.security.{module} required "
            f'username="{_jaas(kafka.sasl_username)}" password="{_jaas(kafka.sasl_password)}";'
        )
    if kafka.ssl_cafile:
        options |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": kafka.ssl_cafile}
    return ",\n            ".join(f"'properties.{name}' = '{_sql(value)}'" for name, value in options.items())


def _sql(value: str) -> str:
    return value.replace("'", "''")


def _jaas(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
