"""Series as promtool's tests write them: `a+bxn` for a value, a step, and how often it is taken."""

from collections.abc import Mapping, Sequence
from itertools import groupby

Values = Sequence[float | None]
"""One value for each interval; None: there was none."""


def name_of(labels: Mapping[str, str]) -> str:
    r"""A series as PromQL names it, labels in order.

    >>> name_of({"__name__": "up", "program": "serve"})
    'up{program="serve"}'
    """
    escaped = {key: value.replace("\\", "\\\\").replace('"', '\\"') for key, value in sorted(labels.items())}
    inside = ",".join(f'{key}="{value}"' for key, value in escaped.items() if key != "__name__")
    return f"{labels['__name__']}{{{inside}}}"


def in_words(values: Values) -> str:
    """The values in promtool's notation, equal ones and missing ones told once.

    >>> in_words([1, 1, 1, None, None, 2.5])
    '1+0x2 _x2 2.5'
    """
    words = []
    for value, group in groupby(values):
        times = len(list(group))
        if value is None:
            words.append("_" if times == 1 else f"_x{times}")
        else:
            # The value itself is taken once more than the step is.
            words.append(_number(value) if times == 1 else f"{_number(value)}+0x{times - 1}")
    return " ".join(words)


def _number(value: float) -> str:
    return f"{value:.12g}"
