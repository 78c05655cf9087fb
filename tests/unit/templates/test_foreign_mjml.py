"""Markup that nobody here wrote: each file is compiled or refused with a place, and none crashes the checks."""

from pathlib import Path

import pytest

from templates.expressions import Fault, faults_of, parse
from templates.mjml_source import check_mjml, compile_mjml
from templates.placement import misplaced
from templates.text_part import text_part

DATA = Path(__file__).parents[4] / "shared" / "data" / "mjml-templates"
COMPILED_SHARE_MIN = 0.95

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no foreign templates at {DATA}")


def test_foreign_templates_compile_or_are_refused_with_a_place() -> None:
    files = sorted(DATA.rglob("*.mjml"))
    compiled = 0
    for file in files:
        source = file.read_text("utf-8").replace("\r\n", "\n")
        tree = parse(source)
        if isinstance(tree, Fault):
            assert 1 <= tree.line <= source.count("\n") + 1
            continue
        list(faults_of(tree))
        for line, column, message, mend in check_mjml(source):
            assert 1 <= line <= source.count("\n") + 1, (file, message)
            assert column >= 1
            assert mend
        html = compile_mjml(source)
        if isinstance(html, Fault):
            continue
        compiled += 1
        misplaced(html, lambda _: False, [])
        assert "<table" not in text_part(html)
    assert compiled >= COMPILED_SHARE_MIN * len(files)
