"""Identifiers. Each is its own type, so that a user id never stands where a template name should."""

from typing import NewType

import msgspec

ID_LENGTH_MAX = 256
ID_LENGTH = msgspec.Meta(min_length=1, max_length=ID_LENGTH_MAX)
"""What decoders demand of an id, so that state which keeps ids has a bound."""

WorkspaceId = NewType("WorkspaceId", str)
UserId = NewType("UserId", str)
RecordId = NewType("RecordId", str)
"""Made by the collector, unique for each record it writes; part of the record's Kafka key."""
EventId = NewType("EventId", str)
"""The sender's own id of an event (`messageId`): equal ids are the same event, sent again."""
SendId = NewType("SendId", str)
DecisionId = NewType("DecisionId", str)
ReleaseId = NewType("ReleaseId", str)
"""Content hash of a library release."""
TemplateName = NewType("TemplateName", str)
SlotName = NewType("SlotName", str)
VariantId = NewType("VariantId", str)
FieldName = NewType("FieldName", str)
Tag = NewType("Tag", str)
Locale = NewType("Locale", str)
