"""A workspace with a block beside its e-mails."""

import json
from pathlib import Path

from tests.support.workspaces import sample_with

ALERT = "templates/alert"
LAYOUT = """{
  "title": "{{ slots.title.text }}",
  "body": "{{ slots.body.text }} — {{ workspace.name }}",
  "link": {"url": "{{ slots.button.url }}", "words": ["{{ slots.button.text }}", "{{ texts.why }}"]},
  "unsubscribe": "{{ marks.unsubscribe_url }}",
  "terms": "{{ disclosures }}",
  "sound": null, "badge": 1, "urgent": false
}
"""
VARIANTS = """class: marketing
surface: push
fields:
  first_name: { length_max: 20 }
slots:
  title:
    kind: headline
    variants: [{ id: plain }, { id: personal }]
  body:
    kind: text
    variants: [{ id: film, tags: [drama] }, { id: record, tags: [jazz] }]
  button:
    kind: action
    variants:
      - { id: book, content: { url: "https://www.lantern-reel.example/book/friday" } }
rules:
  disclosures:
    - { id: small, with: [body.record] }
    - { id: print, with: [body.record, title.personal] }
"""
WORDS = """fields: { first_name: film friend }
texts: { why: You asked for it }
disclosures: { small: Stocks last. , print: "Really, {{ fields.first_name }}." }
slots:
  title: { plain: { text: Tonight }, personal: { text: "{{ fields.first_name }}, tonight" } }
  body: { film: { text: "A film by \\"her\\"" }, record: { text: "A record\\\\tape" } }
  button: { book: { text: Book } }
"""
FILES = {"template.json": LAYOUT, "variants.yaml": VARIANTS, "locales/en.yaml": WORDS}


def with_block(folder: Path, *changes: tuple[str, str, str]) -> Path:
    """The sample with the template `alert`, each `(file, old, new)` replaced once in the files of that."""
    workspace = sample_with(folder)
    files = dict(FILES)
    for file, old, new in changes:
        assert old in files[file], f"{file} does not hold {old!r}"
        files[file] = files[file].replace(old, new, 1)
    for name, text in files.items():
        path = workspace / ALERT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return workspace


def shape_of(block: bytes) -> object:
    """What an object is made of, its texts left out."""

    def bare(value: object) -> object:
        if isinstance(value, dict):
            return {name: bare(one) for name, one in value.items()}
        if isinstance(value, list):
            return [bare(one) for one in value]
        return str if isinstance(value, str) else value

    return bare(json.loads(block))
