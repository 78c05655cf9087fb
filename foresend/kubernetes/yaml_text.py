"""Manifests as text."""

from collections.abc import Iterable
from io import StringIO
from typing import Any

from ruamel.yaml import YAML


def yaml_text(manifests: Iterable[dict[str, Any]]) -> str:
    """Several documents of YAML. What stands in two of them is written out twice: no reader follows an anchor."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 120
    yaml.representer.ignore_aliases = lambda _: True
    out = StringIO()
    yaml.dump_all(manifests, out)
    return out.getvalue()
