"""How a workspace sends in the demo: to the demo's own inbox, at any hour."""

from msgspec.structs import replace

from schemas.library import Release, Sender
from templates.compiler import with_id

CAPS = ((1, 6), (7, 6))
"""Who plays sends more than a person gets in a day, and still meets a cap."""
NOREPLY = "demo@foresend.example"


def to_the_inbox(release: Release) -> Release:
    """The same release with its mail going by SMTP, without quiet hours, and with wide caps; another one by its id."""
    old = release.settings.delivery
    sender = old.sender if old.sender.email else Sender(release.workspace, NOREPLY)
    delivery = replace(old, sender=sender, live=True, channel="smtp", quiet_from=0, quiet_until=0, caps=CAPS)
    return with_id(replace(release, settings=replace(release.settings, delivery=delivery)))


def sending_domains(release: Release) -> list[str]:
    """The domains that messages of a release are from."""
    own = [template.sender for template in release.templates if template.sender is not None]
    senders = [release.settings.delivery.sender, *own]
    return sorted({sender.email.rpartition("@")[2].lower() for sender in senders})
