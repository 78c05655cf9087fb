"""How large an installation must be, from what was measured."""

from foresend.sizing.constants import CONSTANTS, Constant
from foresend.sizing.plan import Load, Size, size_of

__all__ = ["CONSTANTS", "Constant", "Load", "Size", "size_of"]
