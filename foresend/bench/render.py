"""What rendering costs, in process: a new layout, a new combination of a known one, the choice of candidates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from statistics import mean
from time import perf_counter

from msgspec.structs import replace

from connectors.gateway.marks import LOOK_MARKS
from flink_jobs.worlds import World
from foresend.bench.figures import Run
from foresend.bench.people import SEED, OneWorld, model_people
from foresend.bench.sizes import size
from foresend.bench.telling import Tell
from online_models.candidates import select
from online_models.rules import Rules
from schemas.codec import encode
from schemas.decisions import Communication
from schemas.errors import ConfigError
from schemas.ids import Locale, VariantId
from schemas.library import Layout, Release, Template
from templates.baking import Known
from templates.compiler import compile_release
from templates.expressions import Fault
from templates.library import Library
from templates.mjml_source import compile_mjml
from templates.send_marks import Opener
from templates.sources import LocaleSource, TemplateSource, Workspace
from templates.text_part import text_part
from templates.workspace import SAMPLE, load_marketing

LAYOUT_KEY = "bench"
LAYOUTS_MAX = 50
"""New layouts compiled in one run: each takes some ten milliseconds, and the library remembers 256 of them."""


@dataclass(frozen=True)
class RenderSizes:
    """What is rendered."""

    workspace: Path = size(SAMPLE, "the workspace whose templates are measured")
    people: int = size(300, "made-up people whose entries and choices are measured")
    combinations: int = size(4_000, "combinations rendered, and choices of candidates made, in one run")
    runs: int = size(3, "medians are told of so many runs")


def measure(sizes: RenderSizes, tell: Tell) -> Iterator[Sequence[Run]]:
    """One line for the whole workspace: means over its templates and languages."""
    workspace = load_marketing(sizes.workspace)
    release = compile_release(workspace)
    world = OneWorld(release).world
    tell(f"rendering messages of {sizes.people} made-up people ...")
    entries = [entry for person in model_people(release, sizes.people) for entry in person.entries]
    given = {
        "candidates": max(len(entry.bodies) for entry in entries),
        "entry_bytes": round(mean(len(encode(entry)) for entry in entries)),
        "largest_entry_bytes": _largest_entry_bytes(entries),
        "html_bytes": round(mean(_html_bytes(world.library, sizes.combinations))),
    }
    numbers = count()
    runs = []
    for _ in range(sizes.runs):
        layout_us = _layout_us(workspace, release, numbers, min(LAYOUTS_MAX, sizes.combinations))
        body_us, combination_us = _combination_us(world.library, sizes.combinations, numbers)
        select_us = _select_us(world, entries, sizes.combinations)
        measured = {
            "layout_us": layout_us,
            "combination_us": combination_us,
            "body_us": body_us,
            "select_us": select_us,
        }
        runs.append(Run(given, measured))
    yield runs


def _largest_entry_bytes(entries: Sequence[Communication]) -> int:
    """The mean size of the entries of one template, of that whose are largest."""
    sizes: dict[str, list[int]] = {}
    for entry in entries:
        if entry.decision is not None:
            sizes.setdefault(entry.decision.template, []).append(len(encode(entry)))
    return round(max(mean(of_template) for of_template in sizes.values()))


def _layout_us(workspace: Workspace, release: Release, numbers: Iterator[int], times: int) -> float:
    """Mean time from a template's MJML to one language of it that renders; each layout is one never seen before."""
    shapes = [(source, locale, words) for source in workspace.templates for locale, words in source.locales.items()]
    spent_s = 0.0
    for time in range(times):
        source, locale, words = shapes[time % len(shapes)]
        new = replace(source, mjml=source.mjml.replace("</mj-body>", f"<!-- {next(numbers)} --></mj-body>"))
        compiled = next(one for one in release.templates if one.name == source.template.name)
        started = perf_counter()
        layout = _layout(new, locale, words, workspace.values)
        Library(_only(release, compiled, locale, replace(layout, html=f"{layout.html}<!-- {next(numbers)} -->")))
        spent_s += perf_counter() - started
    return spent_s / times * 1e6


def _layout(source: TemplateSource, locale: Locale, words: LocaleSource, values: dict[str, str]) -> Layout:
    """What a release does with one language of a template."""
    html = compile_mjml(source.mjml)
    if isinstance(html, Fault):
        raise ConfigError(html.message)
    known = Known(locale, words, values)
    text = text_part(html)
    return Layout(known.html(html), known.text(text), locale, known.text(words.subject), known.text(words.preheader))


def _only(release: Release, template: Template, locale: Locale, layout: Layout) -> Release:
    """A release of nothing but one language of one template, without a dictionary: that is made once a release."""
    one = replace(template, layouts={locale: LAYOUT_KEY})
    settings = replace(release.settings, default_locale=locale)
    return replace(
        release,
        settings=settings,
        templates=(one,),
        layouts={LAYOUT_KEY: layout},
        fallbacks={},
        dictionary=b"",
        pieces={},
    )


def _combination_us(library: Library, times: int, numbers: Iterator[int]) -> tuple[float, float]:
    """Mean times for a message that nobody got before: other variants, and a name of its own.

    From traits to the body that is stored; and to the whole message that the gateway joins of it, marks filled.
    """
    opener = Opener(library.release)
    wanted = list(_combinations(library, times, numbers))
    started = perf_counter()
    bodies = [
        library.personal(template, locale, library.fields_of(template, locale, traits)).body(variants)
        for template, locale, variants, traits in wanted
    ]
    made_s = perf_counter() - started
    for body, (template, locale, _, _) in zip(bodies, wanted, strict=True):
        opener.open(body, template.name, locale).filled(LOOK_MARKS)
    return made_s / times * 1e6, (perf_counter() - started) / times * 1e6


def _html_bytes(library: Library, times: int) -> Iterator[int]:
    for template, locale, variants, traits in _combinations(library, times, count()):
        yield len(library.render(template, locale, variants, library.fields_of(template, locale, traits)).html)


def _combinations(
    library: Library, times: int, numbers: Iterator[int]
) -> Iterator[tuple[Template, Locale, list[VariantId], dict[str, str]]]:
    """Templates and languages in turn, variants by chance, and everybody with another name."""
    chance = Random(SEED)
    shapes = [(template, locale) for template in library.templates for locale in template.layouts]
    for time in range(times):
        template, locale = shapes[time % len(shapes)]
        variants = [chance.choice(slot.variants).id for slot in template.slots]
        yield template, locale, variants, {"first_name": f"Ana {next(numbers)}"}


def _select_us(world: World, entries: Sequence[Communication], times: int) -> float:
    """Mean time to choose candidates, for the distributions of real decisions."""
    settings = world.settings.policy
    wanted: list[tuple[list[tuple[float, ...]], Rules]] = []
    for entry in entries:
        if entry.decision is not None:
            template = world.library.template(entry.decision.template)
            slots = entry.decision.slots
            rules = Rules.of(template.rules, [(slot.slot, slot.variants) for slot in slots])
            wanted.append(([slot.probabilities for slot in slots], rules))
    started = perf_counter()
    for seed in range(times):
        distributions, rules = wanted[seed % len(wanted)]
        select(distributions, rules, settings.candidates, settings.floor, seed)
    return (perf_counter() - started) / times * 1e6
