"""`foresend release`: compile a workspace and publish it."""

import json
from argparse import ArgumentParser, Namespace, _SubParsersAction

from connectors.kafka.publishing import publish_release
from connectors.kafka.topics import ensure_topics
from foresend.settings.kafka import add_kafka_arguments, kafka_settings
from foresend.settings.workspace import add_workspace_argument, workspace_folder
from templates.compiler import compile_release
from templates.workspace import load


def add_parser(subparsers: "_SubParsersAction[ArgumentParser]") -> None:
    """Declare the command."""
    parser = subparsers.add_parser("release", help="compile a workspace and publish it to the topic library")
    add_workspace_argument(parser)
    parser.add_argument("--json", action="store_true", help="print what was published as one JSON object")
    add_kafka_arguments(parser)


def run(arguments: Namespace) -> int:
    """Compile, publish, and tell under which offset."""
    kafka = kafka_settings(arguments)
    release = compile_release(load(workspace_folder(arguments)))
    ensure_topics(kafka)
    offset = publish_release(kafka, release)
    if arguments.json:
        print(json.dumps({"workspace": release.workspace, "release": release.id, "offset": offset}))
    else:
        print(f"workspace {release.workspace}: published release {release.id} at offset {offset}")
    return 0
