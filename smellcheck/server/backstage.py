"""One worker process behind the event loop: asks wait in a row, a newer ask takes the place of an older one."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from typing import Any

from ..pool import PATIENCE, TIME_LIMIT, WEIGHT_PER_SECOND
from .ask import Answer, Ask, Failed, Forget
from .worker import serve

log = logging.getLogger(__name__)


class Backstage:
    """Answers asks in the order in which their keys first came."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._row: dict[Hashable, tuple[Ask, asyncio.Future[Answer | None]]] = {}
        self._runner: asyncio.Task[None] | None = None
        # Reading from a pipe blocks: this one thread waits, the loop does not.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="backstage")
        self._process: Any = None
        self._pipe: Any = None
        self._closed = False

    def ask(self, key: Hashable, ask: Ask) -> asyncio.Future[Answer | None]:
        """The answer to come; None when a newer ask of the same key came before this one was begun."""
        future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        older = self._row.get(key)
        if older is not None and not older[1].done():
            older[1].set_result(None)
        self._row[key] = ask, future
        if self._runner is None or self._runner.done():
            self._runner = asyncio.ensure_future(self._run())
        return future

    def drop(self, key: Hashable) -> None:
        """Take back an ask that was not begun."""
        dropped = self._row.pop(key, None)
        if dropped is not None and not dropped[1].done():
            dropped[1].set_result(None)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._row and not self._closed:
            key = next(iter(self._row))
            ask, future = self._row.pop(key)
            if future.done():
                continue
            answer = await loop.run_in_executor(self._thread, self._answer, ask)
            if not future.done():
                future.set_result(answer)

    def _answer(self, ask: Ask) -> Answer:
        """Runs in the thread; a process that died is replaced, and the ask that it died of is not put again."""
        if self._process is None or not self._process.is_alive():
            if isinstance(ask, Forget):
                return ()
            self._hire()
        seconds = (TIME_LIMIT + len(getattr(ask, "text", "")) / WEIGHT_PER_SECOND) * self._patience
        try:
            self._pipe.send(ask)
            if self._pipe.poll(seconds):
                answer: Answer = self._pipe.recv()
                return answer
        except (EOFError, OSError) as error:
            log.warning("the worker process ended: %r", error)
            self._dismiss()
            return Failed("crash", "the process that checked the text ended before it answered")
        self._dismiss()
        return Failed("timeout", f"not finished after {seconds:.0f} seconds")

    def _hire(self) -> None:
        # A fork would inherit the pipes to the editor; a new interpreter starts clean, and as well everywhere.
        if sys.version_info >= (3, 11):
            os.environ.setdefault("PYTHONSAFEPATH", "1")
        context = get_context("spawn")
        self._pipe, there = context.Pipe()
        self._process = context.Process(target=serve, args=(there,), daemon=True, name="smellcheck-worker")
        self._process.start()
        there.close()

    def _dismiss(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process = self._pipe = None

    def close(self) -> None:
        """End the process at once; what was asked is not answered."""
        self._closed = True
        process = self._process
        if process is not None:
            with suppress(OSError, ValueError):
                process.kill()
        self._thread.shutdown(wait=True, cancel_futures=True)
        with suppress(OSError, ValueError):
            self._dismiss()
