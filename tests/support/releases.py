"""Releases that differ from the sample's in what a test wants to see."""

from msgspec.structs import replace

from schemas.ids import ReleaseId
from schemas.library import PolicySettings, Release


def another_release(release: Release) -> Release:
    """The same library under a hotter policy, and so another release."""
    policy = replace(release.settings.policy, temperature=release.settings.policy.temperature * 2)
    assert isinstance(policy, PolicySettings)
    settings = replace(release.settings, policy=policy)
    return replace(release, id=ReleaseId(release.id[::-1]), settings=settings)
