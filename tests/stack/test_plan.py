"""What Flink's planner makes of the job: no state behind our back."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from foresend.local.flink_home import FlinkHome
from foresend.local.jars import connector_jar

pytestmark = pytest.mark.stack

# The plan is made in a process of its own: PyFlink's JVM goes with it.
EXPLAIN = """
import sys
from connectors.kafka.settings import KafkaSettings
from flink_jobs.personalize.job import JobSettings, draw
from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
settings = Configuration()
settings.set_string("pipeline.jars", "file://" + sys.argv[1])
env = StreamExecutionEnvironment.get_execution_environment(settings)
print(draw(env, JobSettings(KafkaSettings("127.0.0.1:1"))).explain())
"""


def test_sinks_take_changes_as_they_are(tmp_path: Path) -> None:
    home = FlinkHome(tmp_path)
    home.write(0, 0, {})
    said = subprocess.run(
        [sys.executable, "-c", EXPLAIN, str(connector_jar())],
        env=home.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    plan = said.stdout
    assert "sink_communications" in plan, json.dumps(plan)
    assert "sink_dead_letters" in plan
    assert "ChangelogNormalize" not in plan
    physical = plan[plan.index("== Optimized Physical Plan ==") :]
    assert "Exchange" not in physical
    assert "SinkUpsertMaterializer" not in plan
