"""Kafka in and out of Flink, by tables: only they give a record's key, time and offset, and take tombstones."""

from pyflink.common import Types
from pyflink.datastream import DataStream, OutputTag
from pyflink.datastream.data_stream import KeyedStream
from pyflink.java_gateway import get_gateway
from pyflink.table import ChangelogMode, DataTypes, Schema, StatementSet, StreamTableEnvironment

from connectors.kafka.settings import KafkaSettings
from flink_jobs.adapter import RECORD_TYPE
from flink_jobs.records import MALFORMED, STATE_KEY

UPSERT = "upsert-kafka"


def keyed_log(tables: StreamTableEnvironment, kafka: KafkaSettings, topic: str, group: str) -> KeyedStream:
    """The records of a topic from its beginning, by their state keys: rows of key, value, partition and offset.

    Watermarks are declared on the metadata timestamp, so that the source makes them for each partition;
    one given after `to_data_stream` would be for each subtask, and late on a skewed catch-up.

    PyFlink's `key_by` would call Python for each record once more, in the source's thread, which fights for the
    interpreter with the step's own: the state key is made by SQL instead (docs/adr/0018).
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
    keyed = tables.sql_query(f"""
        SELECT
            COALESCE(REGEXP_EXTRACT(DECODE(`key`, 'UTF-8'), '{STATE_KEY}', 1), '{MALFORMED}') AS `state_key`,
            ROW(`key`, `value`, `partition`, `offset`) AS `record`,
            `log_time`
        FROM `source_{topic}`""")  # noqa: S608
    stream = tables.to_data_stream(keyed)
    # The table's own type is unknown to PyFlink's operators; these are the classes that it hands out.
    row = Types.ROW([Types.STRING(), RECORD_TYPE, Types.INSTANT()])
    stream._j_data_stream.getTransformation().setOutputType(row.get_java_type_info())  # noqa: SLF001
    return keyed_records(stream)


def keyed_records(stream: DataStream) -> KeyedStream:
    """Rows that begin with a state key and a record, keyed by the first and reduced to the second."""
    by_first_field = get_gateway().jvm.KeyByKeySelector()
    key_type = Types.ROW([Types.STRING()]).get_java_type_info()
    return KeyedStream(stream._j_data_stream.keyBy(by_first_field, key_type), RECORD_TYPE, stream)  # noqa: SLF001


def side_output(stream: DataStream, tag: OutputTag) -> DataStream:
    """What an operator says beside its output.

    PyFlink's own way puts a Python operator behind it, in the same thread. There a second interpreter state makes
    libraries built with pybind11 wait for themselves for ever, when they are imported.
    """
    return DataStream(stream._j_data_stream.getSideOutput(tag.get_java_output_tag()))  # noqa: SLF001


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
