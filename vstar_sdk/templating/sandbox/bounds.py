"""How large things may become while a template is filled in."""

from __future__ import annotations

from jinja2.exceptions import SecurityError

LONGEST = 20_000
"""Characters of the longest part that is rendered, and of any text made on the way."""

LONGEST_RANGE = 1000
"""Steps of the longest ``range``."""

LARGEST_NUMBER = 10**15
"""The largest result of arithmetic: beyond it floats are no longer exact."""


def bounded_length(length: int) -> None:
    """Refuse a text before it is made.

    Raises:
        SecurityError: it would be longer than `LONGEST`.
    """
    if length > LONGEST:
        raise SecurityError(f"this would make a text of more than {LONGEST:,} characters")


def bounded_range(*bounds: int) -> range:
    """``range`` of templates.

    Raises:
        SecurityError: it has more than `LONGEST_RANGE` steps.
    """
    steps = range(*bounds)
    # Not len(steps): that fails beyond what a C integer holds.
    if (steps.stop - steps.start) // steps.step > LONGEST_RANGE:
        raise SecurityError(f"a range of more than {LONGEST_RANGE} steps")
    return steps


def bounded_number(value: int | float) -> int | float:
    """The value itself.

    Raises:
        SecurityError: it is beyond `LARGEST_NUMBER`, or no number.
    """
    if not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
        raise SecurityError("this would make a number beyond 10**15")
    return value
