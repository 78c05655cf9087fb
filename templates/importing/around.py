"""What an import must know of the workspace that it is for."""

from collections.abc import Mapping

import msgspec

from schemas.library import WorkspaceSettings
from templates.settings_building import build_settings, workspace_values


class Surroundings(msgspec.Struct, frozen=True):
    """What an import must know of the workspace that it is for: no file, no clock.

    values  what layouts print as `{{ workspace.NAME }}`
    year    what a merge tag for the current year shows
    """

    settings: WorkspaceSettings
    values: Mapping[str, str]
    year: int
    message_class: str = "marketing"

    @classmethod
    def of(cls, value: dict[str, object], *, year: int, message_class: str = "marketing") -> "Surroundings":
        """Of the content of a `foresend.yaml`."""
        return cls(build_settings(value), workspace_values(value), year, message_class)


DEFAULTS: dict[str, object] = {
    "workspace": "import",
    "name": "Your brand",
    "default_locale": "en",
    "timezone": "Etc/UTC",
    "sender": {"name": "Your brand", "email": "post@example.org", "postal_address": "Your postal address"},
    "home_url": "https://www.example.org/",
}
"""What an import without a workspace takes for one."""
