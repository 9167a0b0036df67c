"""A command in a window of some width: a pseudo-terminal as its standard output."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
import threading
from contextlib import redirect_stdout
from unittest import mock

from cnnbench.cli import main

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def typed(argv: list[str], columns: int) -> tuple[int, str]:
    """The exit status of a command and what the window got, with its control sequences."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    got: list[bytes] = []

    def read() -> None:
        try:
            while chunk := os.read(ours, 65536):
                got.append(chunk)
        except OSError:  # of Linux, when the other end is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    with (
        open(theirs, "w") as window,
        redirect_stdout(window),
        mock.patch.object(sys, "__stdout__", window),  # of which shutil asks the size
    ):
        status = main(argv)
    reader.join()
    os.close(ours)
    return status, b"".join(got).decode().replace("\r\n", "\n")


def plain(text: str) -> str:
    """What one sees of it, without colours."""
    return _CONTROL.sub("", text)


def widest(text: str) -> int:
    """The characters of the longest line; a carriage return starts one again."""
    return max(map(len, re.split("[\r\n]", plain(text))))
