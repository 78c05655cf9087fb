"""A release at the pace of people who live fast: what it says in days lasts as many of theirs."""

import msgspec
from msgspec.structs import replace

from schemas.library import FeatureSettings, HumanSettings, LearningSettings, Release, WorkspaceSettings
from templates.compiler import with_id

DAY_S = 86_400.0


def at_pace(release: Release, day_s: float) -> Release:
    """The same release with its durations shortened so that a day lasts `day_s` seconds; another one by its id.

    Half-lives, the attribution window, and the times by which machines are told are shortened: to nothing, where a day
    lasts seconds. Validities are dates, and stay.
    """
    old = release.settings
    features = FeatureSettings(
        tag_half_life_ms=_shortened(old.features.tag_half_life_ms, day_s),
        rhythm_half_life_ms=_shortened(old.features.rhythm_half_life_ms, day_s),
    )
    learning: LearningSettings = replace(old.learning, attribution_ms=_shortened(old.learning.attribution_ms, day_s))
    humans: HumanSettings = replace(
        old.humans,
        **{
            name: round(value * day_s / DAY_S)
            for name, value in msgspec.structs.asdict(old.humans).items()
            if name.endswith("_ms")
        },
    )
    settings: WorkspaceSettings = replace(old, features=features, learning=learning, humans=humans)
    return with_id(replace(release, settings=settings))


def _shortened(duration_ms: int, day_s: float) -> int:
    """A duration in fast days, a millisecond at least."""
    return max(1, round(duration_ms * day_s / DAY_S))
