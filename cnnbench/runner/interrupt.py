"""Ctrl-C, not lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Pressed:
    """Whether Ctrl-C was pressed, also where nobody heard of it."""

    def __init__(self) -> None:
        self._seen = False

    def press(self, _number: int, _frame: FrameType | None) -> None:
        """The signal's handler: as Python's own, but it remembers."""
        self._seen = True
        raise KeyboardInterrupt

    def check(self) -> None:
        """Raise KeyboardInterrupt if it was pressed before."""
        if self._seen:
            raise KeyboardInterrupt


@contextmanager
def remembered() -> Iterator[Pressed]:
    """Remember Ctrl-C meanwhile.

    Python raises it in whatever the main thread does at that moment. If that is the end of an
    object, as of a process or a pipe, the exception is written to stderr and forgotten.
    Where a handler of somebody else is in place, or Ctrl-C is ignored, that stays so.
    """
    pressed = Pressed()
    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:
        signal.signal(signal.SIGINT, pressed.press)
    try:
        yield pressed
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
