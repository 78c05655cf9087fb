"""When a variant may be shown."""

from collections.abc import Sequence

from schemas.library import Slot, Variant


def valid_variants(slot: Slot, at_ms: int) -> Sequence[Variant]:
    """The variants of a slot that are valid at a time, in the library's order."""
    return [
        variant
        for variant in slot.variants
        if variant.valid_from_ms <= at_ms and (not variant.valid_until_ms or at_ms < variant.valid_until_ms)
    ]
