"""Both Dockerfiles' steps, run for real in fresh folders, and what they built: started as an engine would start it.

No engine is needed (tests/support/image_layers.py). Not run here: the base images themselves, for which this machine
stands: its Debian, Python, Java and Maven.
"""

import json
import os
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from foresend.local import java
from foresend.local.broker import Broker
from foresend.local.ports import free_port
from tests.support.dockerfiles import stages
from tests.support.documents import ROOT
from tests.support.image_layers import Builder, Image, missing_rights, python_base
from tests.support.image_process import ImageProcess, asked
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1_800)]
SETTLE_S = 120.0
KEY = "a-write-key-of-this-test"
SECRET = "5e" * 32
SITE = "/opt/foresend/lib/python3.11/site-packages"
PYTHON = "/opt/foresend/bin/python"
# As deploy/k8s/base/job.yaml has it, as far as one machine without object storage can.
FLINK = {
    "python.execution-mode": "thread",
    "python.executable": PYTHON,
    "python.client.executable": PYTHON,
    "classloader.parent-first-patterns.additional": "pemja.",
    "state.backend.type": "rocksdb",
    "pipeline.max-parallelism": "720",
    "taskmanager.numberOfTaskSlots": "1",
    "taskmanager.memory.process.size": "1600m",
    "jobmanager.memory.process.size": "1024m",
    "execution.checkpointing.interval": "2 s",
    "execution.checkpointing.dir": "file:///var/lib/foresend/checkpoints",
    "metrics.reporters": "prom",
    "metrics.reporter.prom.factory.class": "org.apache.flink.metrics.prometheus.PrometheusReporterFactory",
    "io.tmp.dirs": "/var/lib/foresend/tmp",
}
Start = Callable[..., ImageProcess]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], Image]]:
    """Builds a target of a Dockerfile, each stage once; all is removed in the end."""
    folder = tmp_path_factory.mktemp("images")
    if why := missing_rights(folder / "tried"):
        pytest.skip(f"a Dockerfile's steps need overlays of this machine's files: {why}")
    base, other = python_base(folder / "base"), folder / "java"
    (other / "opt/java").mkdir(parents=True)
    (other / "opt/java/openjdk").symlink_to(Path(java.find_java()).resolve().parents[1])
    builders = {}
    for name in ("python", "flink"):
        file = ROOT / f"deploy/docker/{name}.Dockerfile"
        elsewhere = {one.base for one in stages(file)} - {one.name for one in stages(file)}
        elsewhere |= {step.flag("from") for one in stages(file) for step in one.instructions}
        stand_ins = {one: other if one.startswith("eclipse-temurin:") else base for one in elsewhere}
        (folder / name).mkdir()
        builders[name] = Builder(file, folder / name, stand_ins)
    yield lambda name, target: builders[name].build(target)
    shutil.rmtree(folder)


@pytest.fixture
def start(tmp_path: Path, own_broker: Broker) -> Iterator[Start]:
    """Starts a program of an image at a broker of this test's own; in the end it is killed, if it still runs."""
    given = {"FORESEND_KAFKA_BOOTSTRAP": own_broker.bootstrap, "FORESEND_INSTALLATION_SECRET": SECRET}
    with ExitStack() as running:

        def start(image: Image, name: str, *arguments: str, volume: str = "", **settings: str) -> ImageProcess:
            made = ImageProcess(image, tmp_path / name, tmp_path / f"volume-{volume or name}", {**given, **settings})
            running.callback(made.kill)
            made.start(arguments)
            return made

        yield start


def ended_well(process: ImageProcess) -> str:
    assert process.wait_end() == 0, process.said()
    return process.said()


def test_an_image_is_nobodys_and_its_files_cannot_be_changed(built: Callable[..., Image], start: Start) -> None:
    image = built("python", "programs")
    # Its entry point is `foresend`; a shell stands for somebody who got in.
    within = Image(image.layer, image.environment, image.folder, image.user)

    # Where the checkout is in a folder that an image has of its own, it is not there at all.
    looks = f"id -u; touch /opt/x; touch /var/lib/foresend/x && echo there; ls -A {ROOT} 2>/dev/null"
    tried = start(within, "shell", "sh", "-c", looks)

    tried.wait_end()
    said = tried.said()
    assert said.startswith("10001\n")
    assert "'/opt/x': Read-only file system" in said
    assert said.endswith("there\n"), "expected nothing of this checkout within"


def test_a_person_gets_a_message_from_programs_of_the_images(built: Callable[..., Image], start: Start) -> None:
    """The job is started as the Flink Kubernetes Operator does it: in application mode, by Flink's PythonDriver."""
    programs, flink = built("python", "programs"), built("flink", "flink")
    ended_well(start(programs, "release", "release"))
    collect, serve = start_programs(programs, start)
    jobmanager, taskmanager, rest = start_job(flink, start)

    wait_until(lambda: all_run(rest), SETTLE_S, f"the job to run:\n{jobmanager[0].said()[-2000:]}")
    track = json.dumps({"userId": "ana", "event": "Content Rated", "properties": {"genres": ["Sci-Fi"]}}).encode()
    assert asked(collect[1], "/v1/track", track, {"Authorization": f"Basic {b64encode(f'{KEY}:'.encode()).decode()}"})[
        0
    ] in {200, 202}

    wait_until(lambda: is_personal(serve[1]), SETTLE_S, "a personal message in the cache")
    wait_until(lambda: checkpoints(rest) > 0, SETTLE_S, "a checkpoint")
    for process, port in (collect, serve, jobmanager, taskmanager):
        assert asked(port, "/metrics")[0] == 200, process.said()[-2000:]
    # As process 1, a program that had no handler would pass over SIGTERM and be killed.
    assert [collect[0].told_to_stop(), serve[0].told_to_stop()] == [0, 0]
    assert taskmanager[0].told_to_stop() is not None


def test_the_job_runs_in_one_jvm(built: Callable[..., Image], start: Start, tmp_path: Path) -> None:
    """As in the compose file."""
    flink, port = built("flink", "flink"), free_port()
    ended_well(start(flink, "release", "foresend", "release"))

    job = start(
        flink, "job", "foresend", "job", "personalize", "--folder", "/var/lib/foresend/job", "--metrics-port", str(port)
    )

    job.wait_answer(port, "/metrics")
    wait_until(lambda: "runs; logs in" in job.said(), SETTLE_S, "the job to run")
    # What an image lacks must not be fetched at its start.
    assert {one.name for one in (tmp_path / "volume-job").iterdir()} == {"job", "log"}
    assert job.told_to_stop() is not None


def test_training_ends_well_on_an_empty_log(built: Callable[..., Image], start: Start) -> None:
    train = built("python", "train")

    said = ended_well(start(train, "train", "train", "--output", "/var/lib/foresend/train"))

    assert "no examples to train on yet" in said


def start_programs(image: Image, start: Start) -> tuple[tuple[ImageProcess, int], tuple[ImageProcess, int]]:
    """Collector and node, ready, each with its port."""
    ports = free_port(), free_port()
    collect = start(
        image, "collect", "collect", FORESEND_COLLECT_KEYS=f"{KEY}:sample", FORESEND_COLLECT_PORT=str(ports[0])
    )
    serve = start(
        image,
        "serve",
        "serve",
        FORESEND_SERVE_HOST="127.0.0.1",
        FORESEND_SERVE_PORT=str(ports[1]),
        FORESEND_SERVE_SIGNING_KEYS=f"k1:{SECRET}",
    )
    collect.wait_answer(ports[0], "/readyz")
    serve.wait_answer(ports[1], "/readyz")
    return (collect, ports[0]), (serve, ports[1])


def start_job(image: Image, start: Start) -> tuple[tuple[ImageProcess, int], tuple[ImageProcess, int], int]:
    """Job manager and task manager, each with the port of its metrics, and the port of the REST API."""
    ended_well(
        start(
            image,
            "settings",
            *("foresend", "job", "personalize", "--settings-to", "/var/lib/foresend/job/settings.json"),
            volume="job",
        )
    )
    rest, metrics = free_port(), (free_port(), free_port())
    here = {"jobmanager.rpc.port": str(free_port()), "rest.port": str(rest), "rest.bind-port": str(rest)}

    def dynamic(port: int) -> list[str]:
        settings = FLINK | here | {"metrics.reporter.prom.port": str(port)}
        return [part for name, value in settings.items() for part in ("-D", f"{name}={value}")]

    driver = ["-pyclientexec", PYTHON, "-pyexec", PYTHON, "-py", f"{SITE}/flink_jobs/personalize/job.py"]
    job = start(
        image,
        "jobmanager",
        *("standalone-job", "--job-classname", "org.apache.flink.client.python.PythonDriver", *dynamic(metrics[0])),
        *(*driver, "/var/lib/foresend/job/settings.json"),
        volume="job",
    )
    task = start(image, "taskmanager", "taskmanager", *dynamic(metrics[1]), volume="job")
    return (job, metrics[0]), (task, metrics[1]), rest


def all_run(rest: int) -> bool:
    status, said = asked(rest, "/jobs/overview")
    jobs = json.loads(said)["jobs"] if status == 200 else []
    return [job["tasks"]["running"] == job["tasks"]["total"] > 0 for job in jobs] == [True]


def checkpoints(rest: int) -> int:
    """How many were completed."""
    job = json.loads(asked(rest, "/jobs/overview")[1])["jobs"][0]["jid"]
    return int(json.loads(asked(rest, f"/jobs/{job}/checkpoints")[1])["counts"]["completed"])


def is_personal(port: int) -> bool:
    status, said = asked(port, "/v1/communications/newsletter/ana?format=json")
    return status == 200 and json.loads(said)["source"] == "entry"


def test_the_machine_that_merges_runs_these_tests() -> None:
    """Skipped steps would look like steps that work."""
    if not os.environ.get("CI"):
        pytest.skip("only where CI runs")
    assert os.geteuid() == 0
