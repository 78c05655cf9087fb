"""Real e-mails that nobody here wrote: nearly all are imported, and say what they said."""

from pathlib import Path

import pytest

from templates.importing import DEFAULTS, Imported, Refused, Surroundings, import_mail

DATA = Path(__file__).parents[5] / "shared" / "data"
AROUND = Surroundings.of(DEFAULTS, year=2026)
IMPORTED_SHARE_MIN = 0.95


def imports(files: list[Path]) -> dict[str, Imported | Refused]:
    return {str(file.relative_to(DATA)): import_mail(file.read_bytes(), "mail", file.name, AROUND) for file in files}


@pytest.mark.skipif(not (DATA / "mjml-templates").is_dir(), reason=f"no foreign templates at {DATA}")
def test_whole_mjml_4_documents_are_imported_and_say_the_same() -> None:
    found = imports(sorted((DATA / "mjml-templates").rglob("*.mjml")))
    refused = {file: one for file, one in found.items() if isinstance(one, Refused)}
    for one in refused.values():
        assert one.line >= 1
        assert one.column >= 1
        assert one.reason
    whole = [one for one in found.values() if not (isinstance(one, Refused) and _is_no_whole_document(one))]
    imported = [one for one in whole if isinstance(one, Imported)]

    assert len(imported) >= IMPORTED_SHARE_MIN * len(whole)
    assert [one.files for one in imported if not (one.text_equal and one.links_equal)] == []
    assert all(one.slots for one in imported)


def _is_no_whole_document(one: Refused) -> bool:
    return "is MJML 3" in one.reason or "expected a whole MJML 4 document" in one.reason


@pytest.mark.skipif(not (DATA / "html-emails").is_dir(), reason=f"no foreign e-mails at {DATA}")
def test_every_html_mail_is_imported_and_says_the_same() -> None:
    found = imports(sorted((DATA / "html-emails").rglob("*.html")))

    assert [file for file, one in found.items() if isinstance(one, Refused)] == []
    imported = [one for one in found.values() if isinstance(one, Imported)]
    assert [one.files for one in imported if not (one.text_equal and one.links_equal)] == []
    assert all(len(one.slots) > 1 for one in imported)  # one beside the subject
