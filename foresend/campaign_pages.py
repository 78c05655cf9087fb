"""The messages of a dry run as files to open in a browser, and a page that lists them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from connectors.delivery.campaign_dry_run import Sample
from schemas.campaigns import Campaign

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 16px/1.5 sans-serif; margin: 2rem; max-width: 60rem }} td, th {{ padding: .2rem 1rem .2rem 0;
text-align: left }}</style></head><body><h1>{title}</h1>
<p>What a start would send to the first people of the audience. They are real people: remove this folder when you have
looked.</p>
<table><tr><th>message</th><th>to</th><th>language</th><th>due</th><th>content</th></tr>
"""


def write_samples(folder: Path, campaign: Campaign, samples: Sequence[Sample]) -> Path:
    """Write each message, and a page that lists them; returns that page. What an older dry run left is removed."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in folder.glob("[0-9][0-9].*"):
        old.unlink()
    rows = []
    for number, sample in enumerate(samples, 1):
        file = folder / (f"{number:02}.json" if sample.block else f"{number:02}.html")
        text = json.dumps(json.loads(sample.block), indent=2, ensure_ascii=False) if sample.block else sample.html
        file.write_text(text, "utf-8")
        rows.append(_row(file.name, sample))
    index = folder / "index.html"
    title = escape(f"Campaign {campaign.name}: {campaign.template}")
    index.write_text(f"{_HEAD.format(title=title)}{''.join(rows)}</table></body></html>\n", "utf-8")
    return index


def _row(file: str, sample: Sample) -> str:
    due = datetime.fromtimestamp(sample.due_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    content = f"default: {sample.reason}" if sample.reason else "chosen"
    subject = escape(sample.subject) or "(a block)"
    cells = (f'<a href="{file}">{subject}</a>', escape(sample.user), escape(sample.locale), due, escape(content))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"
