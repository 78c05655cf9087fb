"""What is told of a person in `profiles`: at once where a send relies on it or somebody asks, else at a bounded rate.

One place decides when; after quiescence the topic holds what the state says.
"""

from flink_jobs.personalize.effects import Effects, Output
from flink_jobs.personalize.state import UserState
from flink_jobs.worlds import World
from online_models.cells import Profile
from online_models.told import features_in_words
from schemas.profiles import PROFILE_AFTER_MS, ToldProfile
from schemas.topics import PROFILES


def consent_of(profile: Profile) -> dict[str, bool]:
    """What was said last of each purpose."""
    return {purpose: said.granted for purpose, said in profile.consent.items()}


def tell_later(state: UserState, now_ms: int) -> None:
    """Have what moved told in time; the first movement since the last telling sets when."""
    if not state.profile.tell_at_ms:
        state.profile.tell_at_ms = now_ms + PROFILE_AFTER_MS


def tell(state: UserState, world: World, at_ms: int, effects: Effects) -> None:
    """Write the person as the state says."""
    profile = state.profile
    profile.tell_at_ms, profile.is_told = 0, True
    told = ToldProfile(
        version=profile.next_version(),
        at_ms=at_ms,
        locale=profile.locale,
        timezone=profile.timezone,
        traits={str(name): value for name, value in profile.traits.items()},
        consent=consent_of(profile),
        contact=state.contact.get().contact,
        features=features_in_words(profile, world.settings, at_ms),
        linked=profile.linked,
        consented_ms={purpose: said.at_ms for purpose, said in profile.consent.items()},
    )
    effects.outputs.append(Output(state.user_key, told, PROFILES.name))


def tell_grave(state: UserState, effects: Effects) -> None:
    """Replace what was told of somebody by a versioned grave; call it after the state was forgotten."""
    profile = state.profile
    profile.tell_at_ms = 0
    if profile.is_told:
        effects.outputs.append(Output(state.user_key, ToldProfile(profile.next_version(), grave=True), PROFILES.name))


def bury_told(state: UserState, effects: Effects) -> None:
    """Remove the grave of what was told, where nothing older can come back any more."""
    if state.profile.is_told:
        state.profile.is_told = False
        effects.outputs.append(Output(state.user_key, None, PROFILES.name))
