"""The world a step runs with: a library release and a model snapshot, read-only and shared by all users."""

from dataclasses import dataclass, field
from typing import Protocol

from online_models.candidates import Rules
from online_models.policy import Policy, policy_of
from schemas.ids import FieldName, TemplateName, WorkspaceId
from schemas.library import Template, WorkspaceSettings
from schemas.models import ModelSnapshot
from schemas.worlds import WorldRef
from templates.library import Library


@dataclass(frozen=True)
class World:
    """One release and one snapshot of one workspace, with what is derived from them once."""

    library: Library
    models: ModelSnapshot
    policy: Policy = field(init=False)
    shown_traits: frozenset[FieldName] = field(init=False)

    def __post_init__(self) -> None:
        """Derive what every step with this world needs."""
        object.__setattr__(self, "policy", policy_of(self.settings.policy))
        names = (f.name for template in self.templates for f in template.fields)
        object.__setattr__(self, "shown_traits", frozenset(names))

    @property
    def settings(self) -> WorkspaceSettings:
        """The workspace's settings, as released."""
        return self.library.release.settings

    @property
    def templates(self) -> tuple[Template, ...]:
        """The active templates."""
        return self.library.release.templates

    def template(self, name: TemplateName) -> Template | None:
        """An active template by name; None where the release has it no more."""
        return next((template for template in self.templates if template.name == name), None)


class Worlds(Protocol):
    """Finds the world that an event names; the same answer for ever."""

    def __call__(self, workspace: WorkspaceId, ref: WorldRef) -> World:
        """The world of a workspace at a pair of offsets.

        Raises:
            UnknownWorkspace: no release of this workspace stands below those offsets.
            WorldUnavailable: the topics have not come that far in time.
        """


__all__ = ["Rules", "World", "Worlds"]
