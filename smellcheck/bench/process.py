"""Runs a program as a process of its own and tells what it used and what it left, in a copy that is thrown away."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from .meter import Meter

#: What a copy of a project does without: it is large, belongs to a machine, or is made again.
LEFT_OUT = frozenset(
    ".git .hg .svn .venv venv .tox .nox node_modules __pycache__ .mypy_cache .ruff_cache .pytest_cache".split()  # noqa: SIM905
)

_NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class RunError(Exception):
    """A program cannot be run; the message says why."""


@dataclass(frozen=True)
class Program:
    """What to run, with everything that is relative to the copy it runs in."""

    command: tuple[str, ...]
    directory: Path
    #: Files and directories that hold results.
    compare: tuple[Path, ...] = ()
    #: Where the interpreter looks for modules inside the project.
    paths: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Ran:
    """One run of a program."""

    code: int
    wall_s: float
    cpu_s: float
    peak_rss: int
    #: Joules by the name of the meter.
    joules: dict[str, float] = field(default_factory=dict)
    #: What it printed and left, by where.
    outputs: dict[str, bytes] = field(default_factory=dict)
    complaint: str = ""


def copy_project(project: Path, target: Path) -> None:
    """Copy a project; links stay links, so that data which is linked from elsewhere is not copied."""
    try:
        shutil.copytree(project, target, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    except (OSError, shutil.Error) as error:
        raise RunError(f"{project} cannot be copied: {error}") from error


def run(program: Program, template: Path, place: Path, meters: Sequence[Meter] = ()) -> Ran:
    """Run a program once in `place`, a fresh copy of `template`; what it writes there does not outlive the call."""
    shutil.copytree(template, place, symlinks=True)
    try:
        with ExitStack() as stack:
            for meter in meters:
                stack.enter_context(meter)
            return _measure(program, place, meters)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _measure(program: Program, place: Path, meters: Sequence[Meter]) -> Ran:
    printed, complained = place.with_suffix(".stdout"), place.with_suffix(".stderr")
    with printed.open("wb") as out, complained.open("wb") as err:
        before = [meter.read() for meter in meters]
        begun = time.perf_counter()
        with _started(program, place, out.fileno(), err.fileno()) as process:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - begun
        after = [meter.read() for meter in meters]
    outputs = {"standard output": printed.read_bytes()}
    for path in program.compare:
        outputs |= contents(place / program.directory / path, str(path))
    return Ran(
        code=process.returncode,
        wall_s=wall,
        cpu_s=used.ru_utime + used.ru_stime,
        # Kilobytes on Linux, bytes on macOS.
        peak_rss=used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        joules={meter.name: end - start for meter, start, end in zip(meters, before, after, strict=True)},
        outputs=outputs,
        complaint=complained.read_bytes().decode(errors="replace"),
    )


@contextmanager
def _started(program: Program, place: Path, out: int, err: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process with a group of its own; whatever happens, nothing of the group is left running."""
    try:
        process = subprocess.Popen(
            program.command,
            cwd=place / program.directory,
            env=_environment(program, place),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    except OSError as error:
        raise RunError(f"{program.command[0]} cannot be run: {error.strerror or error}") from error
    try:
        yield process
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.returncode is None:
            process.wait()


def _environment(program: Program, place: Path) -> dict[str, str]:
    """Modules of the project come from the copy, also where the project is installed in place."""
    here = [str(place / path) for path in program.paths]
    given = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*here, *given])}


#: Where modules are looked for: the path, and what setuptools' finders of packages installed in place stand for.
_ASKS_PATHS = """
import os, sys
paths = sys.path[1:]
for finder in sys.meta_path:
    module = sys.modules.get(getattr(finder, "__module__", None))
    for name, where in getattr(module, "MAPPING", {}).items():
        folder, last = os.path.split(os.path.splitext(where)[0])
        if last == name:
            paths.append(folder)
print("\\n".join(paths))
"""


def module_paths(python: str, project: Path) -> tuple[Path, ...]:
    """The directories inside `project` that an interpreter looks for modules in, relative to it.

    A package that is installed in place under another name than its folder's is not among them: see `strays`.
    """
    try:
        told = subprocess.run([python, "-c", _ASKS_PATHS], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise RunError(f"{python} cannot be run: {error}") from error
    paths = [Path(line).resolve() for line in told.splitlines() if line]
    inside = [path.relative_to(project) for path in paths if path.is_relative_to(project)]
    return tuple(dict.fromkeys(path for path in inside if LEFT_OUT.isdisjoint(path.parts)))


#: Where every module that could be the project's would come from; nothing of it is imported.
_ASKS_MODULES = """
import importlib.metadata, importlib.util, json, sys
names = set(json.load(sys.stdin))
for finder in sys.meta_path:
    module = sys.modules.get(getattr(finder, "__module__", None))
    names.update(getattr(module, "MAPPING", {}))
    names.update(name.partition(".")[0] for name in getattr(finder, "known_source_files", {}))
for name in names:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        continue
    for place in (spec.submodule_search_locations or [spec.origin or ""]) if spec else []:
        print(name, place, sep="\\t")
"""


def strays(program: Program, copy: Path, project: Path) -> dict[str, Path]:
    """Modules that runs in the copy would fetch from the project itself, and where they lie, relative to it."""
    found = [path for path in project.rglob("*.py") if LEFT_OUT.isdisjoint(path.relative_to(project).parts)]
    names = {path.parent.name if path.stem == "__init__" else path.stem for path in found}
    told = subprocess.run(
        [program.command[0], "-c", _ASKS_MODULES],
        input=json.dumps(sorted(name for name in names if name.isidentifier())),
        cwd=copy / program.directory,
        env=_environment(program, copy),
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    pairs = (line.partition("\t") for line in told.splitlines())
    places = ((name, Path(place).resolve()) for name, _, place in pairs if place)
    return {
        name: place.relative_to(project)
        for name, place in places
        if place.is_relative_to(project) and LEFT_OUT.isdisjoint(place.relative_to(project).parts)
    }


def contents(path: Path, shown: str = "") -> dict[str, bytes]:
    """The bytes of a file, or of all files below a directory; nothing where there is neither."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return {f"{shown}/{file.relative_to(path).as_posix()}": file.read_bytes() for file in files}
    return {shown: path.read_bytes()} if path.is_file() else {}


def difference(one: Ran, other: Ran, tolerance: float = 0.0) -> str | None:
    """How the outputs of two runs differ, none when they are equal; numbers in texts may be `tolerance` apart."""
    if one.code != other.code:
        return f"exit code {one.code} and {other.code}"
    for where in sorted(one.outputs.keys() | other.outputs.keys()):
        if where not in one.outputs or where not in other.outputs:
            return f"{where} is written by one of them only"
        if not _alike(one.outputs[where], other.outputs[where], tolerance):
            return f"{where} differs"
    return None


def _alike(one: bytes, other: bytes, tolerance: float) -> bool:
    if one == other:
        return True
    if not tolerance or b"\0" in one or _NUMBER.sub(b"#", one) != _NUMBER.sub(b"#", other):
        return False
    pairs = zip(map(float, _NUMBER.findall(one)), map(float, _NUMBER.findall(other)), strict=True)
    return all(abs(left - right) <= tolerance * max(abs(left), abs(right), 1.0) for left, right in pairs)
