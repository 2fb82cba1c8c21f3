"""What earlier runs found, by the content of files: a run where nothing changed parses nothing and loads no rule."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from . import manifest
from .finding import Finding, Physical, Problem, Range, TextEdit, TextFix
from .packed import NO_TEXT, Packed
from .single import Outcome

if TYPE_CHECKING:
    from .manifest import Known
    from .rule import Rule

#: Days after which what nobody asked for is dropped.
KEPT = 30
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# A cache directory of smellcheck: https://bford.info/cachedir/\n"
#: In how many states of a project, as when one goes back and forth between branches, a file is remembered.
_STATES = 4
_MANIFEST = "rules.json"
#: What is found again in the same content; everything else may have passed.
_LASTING = ("syntax-error", "unsupported")


@dataclass
class _Shard:
    """The entries whose keys begin alike: one file."""

    lines: dict[str, tuple[int, Packed]] = field(default_factory=dict)
    changed: bool = False


class Cache:
    """One directory of entries. Every failure to read is a miss, every failure to write is passed over.

    An entry is a line with a digest of its own; files are replaced whole, so that runs side by side never see half
    of one: at worst one forgets what the other found. Nothing in an entry is ever executed.
    """

    def __init__(self, directory: Path, fingerprint: str) -> None:
        self._directory = directory
        self._home = directory / fingerprint
        self._shards: dict[str, _Shard] = {}
        self._today = int(time.time() // 86_400)

    @classmethod
    def at(cls, directory: Path, *, follow: bool = False) -> Cache | None:
        """The cache in a directory; `None` where there can be none.

        Only `follow` lets the directory be a link: a repository must not choose where we write.
        """
        if directory.is_symlink() and not follow:
            return None
        fingerprint = manifest.fingerprint()
        return None if fingerprint is None else cls(directory, fingerprint)

    # -- the rules ---------------------------------------------------------------------------------

    def rules(self) -> tuple[Known, ...] | None:
        """The installed rules, as a run of the same rules has left them."""
        text = _read(self._home / _MANIFEST)
        if text is None:
            return None
        try:
            digest, _, known = text.partition(" ")
            return manifest.read(known) if digest == _sum(known) else None
        except (ValueError, RecursionError):
            return None

    def keep_rules(self, rules: Sequence[Rule]) -> None:
        """Note the installed rules."""
        if self._make():
            known = manifest.written(rules)
            _write(self._home / _MANIFEST, f"{_sum(known)} {known}")

    # -- the files -----------------------------------------------------------------------------------

    def get(self, key: str) -> Outcome | None:
        """What was found, if it is known."""
        line = self._text(key)
        outcome = _decoded(line) if line else None
        if outcome is not None:
            self._touch(key)
        return outcome

    def asked(self, key: str) -> list[list[str]]:
        """What was asked of other files to judge the one of this key: the last time, and before, when it differed."""
        digest, _, entry = self._text(key).partition(" ")
        if not entry.startswith("{") or digest != _sum(entry):
            return []
        self._touch(key)
        asked: list[list[str]] = json.loads(entry)["asked"]
        return asked

    def line(self, key: str) -> str | None:
        """What is known under a key of what modules say of themselves and of their projects."""
        digest, _, entry = self._text(key).partition(" ")
        if not digest or digest != _sum(entry):
            return None
        self._touch(key)
        return entry

    def _text(self, key: str) -> str:
        return self._shard(key).lines.get(key, (0, NO_TEXT))[1].read()

    def _touch(self, key: str) -> None:
        shard = self._shard(key)
        day, line = shard.lines[key]
        if day != self._today:
            shard.lines[key] = (self._today, line)
            # To be told apart from what nobody needs, an entry need not be touched every day.
            shard.changed |= self._today - day > KEPT // 4

    def put(self, outcome: Outcome) -> None:
        """Remember what was found, unless it may be otherwise next time, and what other modules say of themselves."""
        self.learn(outcome.learned)
        lasting = all(problem.kind in _LASTING for problem in outcome.problems)
        if outcome.key and outcome.change is None and lasting:
            if outcome.asked:
                last = [question for question, _ in outcome.asked]
                before = [each for each in self.asked(outcome.key) if each != last]
                entry = json.dumps({"asked": [last, *before[: _STATES - 1]]})
                self._keep(outcome.key, f"{_sum(entry)} {entry}")
            self._keep(outcome.judged or outcome.key, _encoded(outcome))

    def learn(self, summaries: Mapping[str, str]) -> None:
        """Remember what modules say of themselves and of their projects."""
        for key, line in summaries.items():
            self._keep(key, f"{_sum(line)} {line}")

    def _keep(self, key: str, line: str) -> None:
        shard = self._shard(key)
        shard.lines[key] = (self._today, Packed.of(line))
        shard.changed = True

    def save(self) -> None:
        """Write what has changed, and drop what is old."""
        changed = {name: shard for name, shard in self._shards.items() if shard.changed}
        if not changed or not self._make():
            return
        for name, shard in changed.items():
            path = self._home / f"{name}.txt"
            # What another run has written meanwhile is kept.
            lines = {**self._read_lines(path), **shard.lines}
            text = (f"{key} {day} {line.read()}\n" for key, (day, line) in lines.items() if self._today - day <= KEPT)
            _write(path, "".join(text))
        self._prune()

    def _shard(self, key: str) -> _Shard:
        name = key[:2] if key[0] == "s" else key[0]
        if name not in self._shards:
            self._shards[name] = _Shard(self._read_lines(self._home / f"{name}.txt"))
        return self._shards[name]

    @staticmethod
    def _read_lines(path: Path) -> dict[str, tuple[int, Packed]]:
        lines = {}
        for line in (_read(path) or "").split("\n"):
            key, _, rest = line.partition(" ")
            day, _, entry = rest.partition(" ")
            if day.isdecimal() and day.isascii() and len(day) < 9:
                lines[key] = (int(day), Packed.of(entry))
        return lines

    # -- the directory -----------------------------------------------------------------------------

    def _make(self) -> bool:
        """Make the directory one that no tool backs up or commits."""
        try:
            self._home.mkdir(parents=True, exist_ok=True)
        except OSError:
            return False
        for name, text in ((".gitignore", "# Made by smellcheck.\n*\n"), ("CACHEDIR.TAG", _TAG)):
            if not os.path.lexists(self._directory / name):
                _write(self._directory / name, text)
        return not self._home.is_symlink()

    def _prune(self) -> None:
        """Drop what other versions and other rules have left, once nobody uses it."""
        with suppress(OSError):
            os.utime(self._home / _MANIFEST)
        with suppress(OSError):
            for home in os.scandir(self._directory):
                if home.is_dir(follow_symlinks=False) and home.name != self._home.name:
                    age = time.time() - os.stat(os.path.join(home.path, _MANIFEST)).st_mtime
                    if age > KEPT * 86_400:
                        shutil.rmtree(home.path, ignore_errors=True)


def clear(directory: Path) -> bool:
    """Remove a cache directory, if it is one."""
    if directory.is_symlink() or not (directory / "CACHEDIR.TAG").is_file():
        return False
    shutil.rmtree(directory)
    return True


def _read(path: Path) -> str | None:
    # Neither a link nor a pipe that somebody has put there.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with open(os.open(path, flags), "rb") as file:
            return file.read().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _write(path: Path, text: str) -> None:
    staged = path.with_name(f"{path.name}.{token_hex(6)}.tmp")
    try:
        staged.write_text(text, encoding="utf-8", newline="")
        os.replace(staged, path)
    except OSError:
        with suppress(OSError):
            staged.unlink()


def _sum(entry: str) -> str:
    return blake2b(entry.encode(), digest_size=8).hexdigest()


def _encoded(outcome: Outcome) -> str:
    entry = json.dumps([outcome.findings, outcome.problems, outcome.notes, outcome.suppressed], default=vars)
    return f"{_sum(entry)} {entry}"


def _decoded(line: str) -> Outcome | None:
    """The outcome in a line; `None` when it is not whole."""
    digest, _, entry = line.partition(" ")
    if digest != _sum(entry):
        return None
    try:
        findings, problems, notes, suppressed = json.loads(entry)
        return Outcome(
            tuple(_finding(each) for each in findings),
            tuple(Problem(**each) for each in problems),
            int(suppressed),
            notes=tuple(Problem(**each) for each in notes),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _finding(stored: dict[str, Any]) -> Finding:
    fix = stored["fix"]
    if fix is not None:
        fix = TextFix(fix["title"], fix["safety"], tuple(TextEdit(**edit) for edit in fix["edits"]))
    physical = stored["physical"]
    if physical is not None:
        edits = tuple((Range(**span), text) for span, text in physical["edits"])
        physical = Physical(Range(**physical["range"]), edits, physical["line_hash"])
    return Finding(**{**stored, "range": Range(**stored["range"]), "fix": fix, "physical": physical})
