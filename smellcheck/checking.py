"""The command `check`: a run as the command line asks for it, its report where wanted, its exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from .config import Chosen, resolver
from .console import Progress, look_of, say, say_bytes, tell
from .report import Look, Report, render
from .report.diff import render as render_diff
from .report.footer import footer, statistics
from .run import CACHE_NAME, Options, run, run_text
from .selection import Layer


@dataclass(frozen=True)
class Call:
    """A run, how it is to be told, and what its exit code depends on."""

    options: Options
    #: Formats, each with the file that it goes to; none for standard output.
    outputs: tuple[tuple[str, Path | None], ...]
    fix: bool
    statistics: bool
    exit_zero: bool
    exit_non_zero_on_fix: bool
    stdin_filename: str | None
    quiet: bool
    color: str

    @classmethod
    def of(cls, given: dict[str, Any]) -> Call:
        """The call that the options of the command line make, and where they are silent the configuration.

        Raises `ConfigError`.
        """
        cwd = Path.cwd()
        keys = ("fix", "unsafe_fixes", "preview", "force_exclude", "respect_gitignore", "fail_on", "jobs")
        overrides = {key: given[key] for key in keys if given[key] is not None}
        if given["exclude"]:
            overrides["exclude"] = ()
        chosen = Chosen(cwd, cwd / given["config"] if given["config"] else None, given["isolated"], overrides)
        settings = resolver(chosen)(cwd)
        cache = None if given["no_cache"] else given["cache_dir"] or settings.root / CACHE_NAME
        outputs = given["outputs"] or ((settings.output_format, None),)
        options = Options(
            chosen,
            Layer(given["select"] or None, given["extend_select"], given["ignore"]),
            exclude=(*given["exclude"], *given["extend_exclude"]),
            diff=given["diff"],
            pages=any(form == "sarif" for form, _ in outputs),
            cache=cache,
            cache_named=given["cache_dir"] is not None,
        )
        rest = ("statistics", "exit_zero", "exit_non_zero_on_fix", "stdin_filename", "quiet", "color")
        return cls(options, outputs, settings.fix, **{name: given[name] for name in rest})

    def exit_code(self, report: Report) -> int:
        """0 when nothing is wrong, 1 when findings or changes remain, 2 when something could not be done."""
        if report.problems:
            return 2
        if self.exit_zero:
            return 0
        if self.options.diff:
            return int(bool(report.changes))
        return int(bool(report.failing or (self.exit_non_zero_on_fix and report.fixed)))


def check_paths(paths: Sequence[str], call: Call) -> int:
    """Check files and directories."""
    progress = Progress.to_stderr(call.quiet)
    try:
        report = run(paths, replace(call.options, progress=progress))
    finally:
        progress.clear()
    if not report.files and not report.problems:
        tell("no Python files found under the given paths", call.color, "warning")
    return _tell(report, call, sys.stdout)


def check_stdin(call: Call) -> int:
    """Check standard input; with `--fix` the mended text goes to standard output and findings step aside."""
    report, data = run_text(sys.stdin.buffer.read(), call.stdin_filename or "-", call.options)
    if call.fix and not call.options.diff:
        say_bytes(data)
        return _tell(report, call, sys.stderr)
    return _tell(report, call, sys.stdout)


def _tell(report: Report, call: Call, stream: TextIO) -> int:
    code = call.exit_code(report)
    look, aside = look_of(stream, call.color), look_of(sys.stderr, call.color)
    here = next((form for form, path in call.outputs if path is None), None)
    if call.options.diff:
        say(render_diff(report, look), stream)
    elif here is not None and not (call.statistics and here in ("text", "concise")):
        say(render(here, report, look), stream)
    for form, path in call.outputs:
        if path is not None and not _save(path, render(form, report, Look())):
            code = 2
    for problem in report.problems:
        tell(f"{problem.place}: {problem.message}", call.color, f"error[{problem.kind}]")
    if call.statistics:
        say(statistics(report, look), stream if here in ("text", "concise") else sys.stderr)
    if not call.quiet:
        for skipped in report.notes:
            tell(f"{skipped.place}: {skipped.message}", call.color, "note")
        for note in _notes(report):
            tell(note, call.color, "warning")
        if here not in ("json", "sarif"):
            say(_summary(report, call, aside), sys.stderr)
    return code


def _summary(report: Report, call: Call, look: Look) -> str:
    if not call.options.diff:
        return footer(report, look)
    fixed, files = sum(report.fixed.values()), len({path for path, _ in report.changes})
    return f"Would fix {fixed} smell{'s' * (fixed != 1)} in {files} file{'s' * (files != 1)}.\n"


def _notes(report: Report) -> Iterator[str]:
    for name in report.withheld:
        yield f"{name} is a preview rule: it runs with `--preview` only"


def _save(path: Path, text: str) -> bool:
    """Write a report so that no reader ever sees half of it."""
    import os
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")  # a device or a pipe
            return True
        with tempfile.TemporaryDirectory(prefix=".smellcheck-", dir=path.parent) as directory:
            whole = Path(directory) / path.name
            whole.write_text(text, encoding="utf-8", newline="")
            os.replace(whole, path)
    except OSError as error:
        tell(f"{path}: cannot be written: {error.strerror or error}")
        return False
    return True
