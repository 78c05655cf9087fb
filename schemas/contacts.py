"""The properties of an event of kind `contact`: what is known of how a person may be reached, with its proof."""

from typing import Annotated, Literal, get_args

import msgspec

from schemas.errors import Reason, SchemaError
from schemas.events import Event, Millis

Channel = Literal["email", "push", "sms"]
CHANNELS = get_args(Channel)
Suppression = Literal["hard_bounce", "complaint", "unsubscribed", "import"]
_Text = Annotated[str, msgspec.Meta(max_length=256)]


class ContactChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One change.

    address     the new address; empty: unchanged
    purpose     of a permission, as `newsletter`
    granted     whether permission is given; None: nothing is said of permission
    suppress    why nothing may be sent by this channel any more
    lift        an operator says that what bounced may be written to again; wishes are not an operator's to lift
    source, text_version  proof of a permission: where it was given, and the version of the words agreed to
    """

    channel: Channel
    at_ms: Millis
    address: _Text = ""
    purpose: _Text = "marketing"
    granted: bool | None = None
    suppress: Suppression | None = None
    source: _Text = ""
    text_version: _Text = ""
    lift: bool = False


def contact_change(event: Event) -> ContactChange:
    """Read the properties of a contact event.

    Raises:
        SchemaError: they are none.
    """
    try:
        return msgspec.convert(event.properties, ContactChange)
    except msgspec.ValidationError as error:
        raise SchemaError(Reason.WRONG_TYPE, f"properties of a contact event: {error}") from None
