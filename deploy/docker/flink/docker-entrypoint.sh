#!/usr/bin/env bash
# The name under which the Flink Kubernetes Operator looks for the door of an image; as Flink's own image has it.
# `jobmanager`, `taskmanager` and `standalone-job` start Flink's programs; everything else is executed as it is given.
set -euo pipefail
mkdir -p "${FLINK_LOG_DIR}"
case "${1:-}" in
jobmanager | taskmanager | standalone-job)
    program=$1
    shift
    exec "${FLINK_HOME}/bin/${program}.sh" start-foreground "$@"
    ;;
*)
    exec "$@"
    ;;
esac
