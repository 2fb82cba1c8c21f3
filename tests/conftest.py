"""The same start for all tests: interrupts reach what they start, however they were started themselves."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Take interrupts again where a shell's background job ignores them, which every child would inherit."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
