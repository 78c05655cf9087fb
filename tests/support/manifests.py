"""Manifests as a cluster would be given them: rendered by the kustomize that is pinned in deploy/go-tool."""

import os
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
BUILD_S = 600
"""The first time the tool is built from source."""
OVERLAYS = ("dev", "prod")


def rendered(overlay: str) -> list[dict[str, Any]]:
    """All manifests of an overlay. Without Go and a built kustomize the test is skipped; in CI it fails."""
    return [dict(one) for one in _rendered(overlay)]


@lru_cache
def _rendered(overlay: str) -> tuple[dict[str, Any], ...]:
    if not shutil.which("go") and not list((ROOT / ".tools").glob("kustomize-*")) and not os.environ.get("CI"):
        pytest.skip("Go is not installed, and kustomize was not built here")
    built = subprocess.run(
        [ROOT / "deploy/go-tool", "kustomize", "build", ROOT / "deploy/k8s/overlays" / overlay],
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return tuple(YAML(typ="safe").load_all(built.stdout))


def one(overlay: str, kind: str, name: str) -> dict[str, Any]:
    """The manifest of this kind and name."""
    (found,) = (m for m in rendered(overlay) if m["kind"] == kind and m["metadata"]["name"] == name)
    return found


def of_kind(overlay: str, kind: str) -> list[dict[str, Any]]:
    """All manifests of a kind."""
    return [manifest for manifest in rendered(overlay) if manifest["kind"] == kind]


def pod_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """The pod's `spec` of a workload."""
    spec: dict[str, Any] = manifest["spec"]
    spec = spec["jobTemplate"]["spec"] if manifest["kind"] == "CronJob" else spec
    pod: dict[str, Any] = spec["template"]["spec"]
    return pod
