"""The data map: every place where something is kept, from the tables by which it is kept.

`python -m foresend.data_map` prints docs/privacy/data-map.md; a test holds the two together.
"""

from collections.abc import Iterable, Sequence

from connectors.cache.families import FAMILIES
from flink_jobs.cells import CELLS, POPULATION_CELLS
from schemas.topics import TOPICS

HEAD = """# Data map

Every place where data is kept: what for, for how long, whether it is of persons, and how a person is erased from it.
This page is written by `python -m foresend.data_map` from the tables that the programs themselves use
(`schemas/topics.py`, `flink_jobs/cells.py`, `connectors/cache/families.py`); a place
that says no purpose, retention or erasure fails the build. What never comes this far is told in
[reduction](reduction.md).
"""
LEARNER = """## State of the population's learner

Of a workspace, not of a person. Statistics hold nobody; examples that wait to be folded in hold a person's id and
features.
"""
ELSEWHERE = (
    (
        "checkpoints of the job",
        "to go on after a crash",
        "the newest; Flink deletes older ones",
        "replaced by the next one, seconds later",
    ),
    (
        "savepoints",
        "upgrades, kept by hand",
        "as long as their operator keeps them",
        "delete them; after a restore from one: `foresend erase --reapply`",
    ),
    (
        "damaged caches: `quarantine-…` in a node's folder",
        "to find out what damaged them",
        "one at most, for 7 days at most",
        "the next erasure of anybody removes them",
    ),
    (
        "copies by `foresend cache backup`",
        "to restore a node",
        "as long as their operator keeps them",
        "delete them; a node that starts on one reads every erasure since, or everything anew, before it answers",
    ),
    (
        "logs of all programs",
        "to mend what is broken",
        "the operator's rule",
        "they hold no person; a test searches them",
    ),
    ("metrics", "to see how it goes", "Prometheus's rule", "labels name workspaces and reasons, never a person"),
    (
        "pieces and dictionaries of releases",
        "what messages are made of",
        "as the release",
        "made of the workspace and its sample people only: they hold nobody",
    ),
)


def page() -> str:
    """The whole page, as Markdown."""
    topics = _table(
        ("topic", "key", "what for", "kept", "persons", "erasure"),
        ([f"`{t.name}`", t.key, t.purpose, t.retention, _yes(t.personal), t.erasure] for t in TOPICS),
    )
    cells, population = (
        _table(
            ("cell", "what for", "bound", "erasure"),
            ([f"`{row.name}`", row.purpose, row.bound, row.erasure] for row in rows),
        )
        for rows in (CELLS, POPULATION_CELLS)
    )
    families = _table(
        ("family", "key", "what for", "kept", "persons", "erasure"),
        ([f"`{f.name}`", f.key, f.purpose, f.retention, _yes(f.personal), f.erasure] for f in FAMILIES),
    )
    state = "All of it is of persons, and is kept as long as the person is known: what bounds it stands beside it.\n"
    parts = [HEAD, "## Topics of Kafka\n", topics, "## State of the job\n", state, cells, LEARNER, population]
    elsewhere = _table(("place", "what for", "kept", "erasure"), ELSEWHERE)
    return "\n".join([*parts, "## Column families of the cache\n", families, "## Elsewhere\n", elsewhere])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


if __name__ == "__main__":
    print(page(), end="")
