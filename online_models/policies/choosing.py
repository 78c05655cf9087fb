"""Which policy the settings of a workspace name."""

import math
from collections.abc import Callable, Mapping

from online_models.policies.epsilon_greedy import EpsilonGreedy
from online_models.policies.linucb import LinUcb
from online_models.policies.policy import FLOOR_MASS_MAX, Policy
from online_models.policies.softmax import Softmax
from online_models.policies.thompson import Thompson
from schemas.errors import ConfigError
from schemas.library import PolicySettings

POLICIES: Mapping[str, Callable[[PolicySettings], Policy]] = {
    "epsilon-greedy": lambda settings: EpsilonGreedy(epsilon=settings.temperature, floor=settings.floor),
    "linucb": lambda settings: LinUcb(optimism=settings.temperature, floor=settings.floor),
    "softmax": lambda settings: Softmax(temperature=settings.temperature, floor=settings.floor),
    "thompson": lambda settings: Thompson(temperature=settings.temperature, floor=settings.floor),
}
"""Every kind of policy by its name in `foresend.yaml`; a new one adds a row here and in the contract suite."""


def policy_of(settings: PolicySettings) -> Policy:
    """Build the policy that the settings name.

    Raises:
        ConfigError: an unknown kind, or numbers out of their range; all problems are listed.
    """
    problems = policy_problems(settings)
    if problems:
        raise ConfigError(problems)
    return POLICIES[settings.kind](settings)


def policy_problems(settings: PolicySettings) -> list[str]:
    """List in words what is wrong with the settings of a policy; empty where nothing is."""
    problems = []
    if settings.kind not in POLICIES:
        known = ", ".join(sorted(POLICIES))
        problems.append(f"policy kind: expected one of {known}, got {settings.kind!r}")
    if not 0 <= settings.temperature < math.inf:
        problems.append(f"policy temperature: expected 0 or more, got {settings.temperature}")
    elif settings.kind == "epsilon-greedy" and settings.temperature > 1:
        problems.append(f"policy temperature: expected 0 to 1 for epsilon-greedy, got {settings.temperature}")
    if not 0 <= settings.floor <= FLOOR_MASS_MAX:
        problems.append(f"policy floor: expected 0 to {FLOOR_MASS_MAX}, got {settings.floor}")
    if settings.candidates < 1:
        problems.append(f"policy candidates: expected 1 or more, got {settings.candidates}")
    return problems
