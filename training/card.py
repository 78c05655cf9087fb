"""The model card: what a part was trained on, how it was judged, and what it cannot do. Markdown, JSON and a plot."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from schemas.models import ModelPart, PartKind
from training.gate import TOLERANCE, Verdict
from training.policy_value import PolicyValue

LIMITS = (
    "It was judged on rewards of what was shown: it says nothing of variants that were hardly ever shown.",
    "What a device did counts for the person from the log-in on; of what was before its newest 200 events, features.",
    "How scores weighted this term is not stored with examples; it is read from them by least squares.",
    "Off-policy figures compare two policies whose scores were made again, with one snapshot of the population.",
    "Templates with a catalogue are not in the off-policy figures.",
)
LIMITS_OF = {
    PartKind.COLLABORATIVE: (
        "An item that training did not meet adds nothing.",
        "How catalogues are ranked by it is not judged here: `foresend evaluate ranking` does.",
    ),
    PartKind.SEQUENCE: (
        "An item or tag that training did not meet adds nothing; one met seldom speaks by its tags alone.",
    ),
}
ABOUT = {
    PartKind.COLLABORATIVE: "Neighbours and factors of items, from who chose what. Its term of a score is how a person "
    "took to items like the variant, beyond what prior and content expected.",
    PartKind.SEQUENCE: "A GRU over what each person did and what became of what was shown. Its state is stepped on "
    "every event; its term of a score is state × embedding of the variant.",
}


class Data(NamedTuple):
    """What there was to train on, in words that tell of no person.

    since_ms  from when on it was kept to judge by
    """

    persons: int
    events: int
    rewards: int
    from_ms: int
    since_ms: int
    until_ms: int


def summary_of(data: Data, verdict: Verdict, loss: float, seed: int) -> dict[str, Any]:
    """The card as plain values: what travels with the part."""
    return {
        "persons": data.persons,
        "events": data.events,
        "rewards": data.rewards,
        "from": _day(data.from_ms),
        "judged_since": _day(data.since_ms),
        "until": _day(data.until_ms),
        "seed": seed,
        "training_loss": _rounded(loss),
        "judged": verdict.judged,
        **{name: _rounded(value) for name, value in verdict.challenger._asdict().items()},
        **{f"champion_{name}": _rounded(value) for name, value in verdict.champion._asdict().items()},
        "slope": round(verdict.slope, 4),
        **_told(verdict.policy),
        "passed": verdict.passed,
        "reason": verdict.reason,
    }


def _told(value: PolicyValue | None) -> dict[str, Any]:
    """Off-policy figures; nothing where it was not asked."""
    if value is None:
        return {}
    told = {f"off_policy_{name}": number for name, number in value._asdict().items()}
    return {name: _rounded(number) if isinstance(number, float) else number for name, number in told.items()}


def write_card(folder: Path, part: ModelPart, verdict: Verdict) -> Path:
    """Write `card.md`, `card.json` and `calibration.png` of a part into a folder of its own; returns it."""
    own = folder / f"{part.kind}-{part.number}"
    own.mkdir(parents=True, exist_ok=True)
    summary = json.loads(part.card)
    (own / "card.json").write_text(json.dumps(summary | {"limits": _limits(part)}, indent=2) + "\n", encoding="utf-8")
    (own / "card.md").write_text(_markdown(part, summary), encoding="utf-8")
    _plot(own / "calibration.png", verdict)
    return own


def _markdown(part: ModelPart, summary: dict[str, Any]) -> str:
    shapes = "\n".join(
        f"| `{array.name}` | {' × '.join(map(str, array.shape))} | {array.type} |" for array in part.arrays
    )
    told = "\n".join(f"| {name.replace('_', ' ')} | {value} |" for name, value in summary.items())
    limits = "\n".join(f"- {limit}" for limit in _limits(part))
    return (
        f"# {part.kind.capitalize()} part {part.number} of workspace {part.workspace}\n\n"
        f"{ABOUT[part.kind]}\n\n"
        f"Checksum `{part.checksum.hex()}`.\n\n"
        f"## Data and figures\n\nThe newest rewards were kept apart to judge by. Figures are of scores with this "
        f"term, beside those of the champion (or, where there was none, without such a term).\n\n"
        f"Progressive figures foretell each reward before it came. Off-policy figures say what a message would have "
        f"earned in the mean, had it been chosen by scores with this term, or with the champion's: logged exposures, "
        f"weighted by policy / logged propensity, self-normalised; 95 % intervals count persons. `reached` is how much "
        f"of what it would show the logged candidates reach. To pass, log loss may be {TOLERANCE} worse at most, and "
        f"the interval of the difference must not lie below 0.\n\n"
        f"| what | value |\n|---|---|\n"
        f"{told}\n\n![Calibration](calibration.png)\n\n## Limits\n\n{limits}\n\n"
        f"## Arrays\n\n| name | shape | type |\n|---|---|---|\n{shapes}\n"
    )


def _limits(part: ModelPart) -> tuple[str, ...]:
    return (*LIMITS, *LIMITS_OF[part.kind])


def _plot(file: Path, verdict: Verdict) -> None:
    """Shares of rewards over mean probabilities, with two standard errors."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - in the environment of training only
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(5, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    means = [mean for mean, _, _ in verdict.bins]
    shares = [share for _, share, _ in verdict.bins]
    errors = [2 * (share * (1 - share) / count) ** 0.5 for _, share, count in verdict.bins]
    top = max([0.01, *means, *shares]) * 1.1
    axes.plot([0, top], [0, top], color="0.7", linewidth=1)
    axes.errorbar(means, shares, yerr=errors, fmt="o", color="tab:blue", capsize=3)
    axes.set_xlabel("probability that was said")
    axes.set_ylabel("share that was rewarded")
    axes.set_title(f"Calibration on {verdict.judged} rewards it never saw")
    figure.savefig(file, dpi=120, metadata={"Software": None})


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds") if at_ms else ""


def _rounded(value: float) -> float | None:
    return round(value, 6) if value == value else None  # noqa: PLR0124 - NaN is not itself
