"""What goes to the terminal: colour when wanted, progress when watched, silence when nobody listens."""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TextIO

from .report import Look

#: Seconds before a run is long enough to say how far it is.
PATIENCE = 1.0


def look_of(stream: TextIO, color: str) -> Look:
    """How a stream wants its text; `color` is `auto`, `always` or `never`."""
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
    width = shutil.get_terminal_size((100, 24)).columns
    return Look(wants_color(stream, color), min(max(width, 60), 120), encoding.startswith("utf"))


def wants_color(stream: TextIO, color: str) -> bool:
    """Is a stream to be coloured? NO_COLOR and FORCE_COLOR count unless the option says otherwise."""
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def say(text: str, stream: TextIO | None = None) -> None:
    """Write a text; neither a reader that has gone nor a character that cannot be encoded is an error."""
    stream = stream or sys.stdout
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(text.encode(stream.encoding, "backslashreplace").decode(stream.encoding))
        stream.flush()
    except BrokenPipeError:
        hush()


def say_bytes(data: bytes) -> None:
    """Write bytes to standard output."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        hush()


def hush() -> None:
    """Let what is still to be written go nowhere: its reader is gone."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tell(message: str, color: str = "auto", label: str = "error") -> None:
    """Write a message to standard error."""
    from .report.terminal import Paint, clean

    style = {"error": "1;31", "warning": "1;33"}.get(label, "1")
    painted = Paint(wants_color(sys.stderr, color))(style, label)
    say(f"{painted}: {clean(message)}\n", sys.stderr)


@dataclass
class Progress:
    """How far a run is, on a terminal and only when it takes long."""

    shown: bool
    since: float = field(default_factory=time.monotonic)
    last: float = 0.0

    @classmethod
    def to_stderr(cls, quiet: bool) -> Progress:
        """Shown when somebody watches."""
        return cls(not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb")

    def __call__(self, done: int, of: int) -> None:
        """Tell that `done` files of `of` are finished."""
        now = time.monotonic()
        if self.shown and now - self.since > PATIENCE and now - self.last > 0.1:
            self.last = now
            say(f"\r{done} of {of} files\x1b[K", sys.stderr)

    def clear(self) -> None:
        """Wipe the line."""
        if self.last:
            say("\r\x1b[K", sys.stderr)
