"""File descriptors 0, 1 and 2: where C libraries read and print, whatever is open there."""

from __future__ import annotations

import os


def fill_standard_descriptors() -> None:
    """Open the null device where a standard stream is closed: else the next file would take its number, and what libraries
    print would be written into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
