"""Evidence on disk: one file a rule, one entry a proof and device, replaced whole and never half written."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1
_LIBRARIES = ("torch", "numpy", "transformers", "sentence-transformers", "scikit-learn")


def read(path: Path, rule: str) -> dict[str, Any]:
    """The evidence in a file, or none yet. Raises `ValueError` for a file that is no evidence of this rule."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"schema_version": SCHEMA_VERSION, "rule": rule, "entries": []}
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(stored, dict) or stored.get("rule") != rule or stored.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"{path}: not evidence of `{rule}` by schema {SCHEMA_VERSION}")
    return stored


def same_place(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Whether two entries are of the same proof on the same kind of device."""
    return (left["proof"], left["device"]) == (right["proof"], right["device"])


def store(path: Path, rule: str, entry: Mapping[str, Any], base: Path | None = None) -> None:
    """Puts an entry into a file, in place of an older one of the same proof and device.

    A file that is not there yet begins as a copy of `base`.
    """
    stored = read(path if path.exists() or base is None else base, rule)
    entries = [one for one in stored["entries"] if not same_place(one, entry)]
    stored["entries"] = sorted(
        [*entries, entry], key=lambda one: (one["proof"], one["device"]["kind"], one["device"]["name"])
    )
    write(path, stored)


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Writes a document beside its place and moves it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            json.dump(document, file, indent=1, ensure_ascii=False)
            file.write("\n")
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def environment() -> dict[str, Any]:
    """What a reader needs to know of the machine and the libraries: no host name, no user, no path."""
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name)) is not None},
    }


def now() -> str:
    """The time of recording, to the second, UTC."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def recent_probe(files: Iterable[tuple[Path, str]], device: Mapping[str, str]) -> dict[str, Any] | None:
    """What a probe of this device said within the last hour, as the evidence in these files of rules has it."""
    for path, rule in files:
        for one in read(path, rule)["entries"]:
            same = one["device"] == device and one["environment"] == environment()
            if same and one["probe"] is not None and recent(one["recorded_at"]):
                return dict(one["probe"])
    return None


def recent(recorded_at: str, seconds: float = 3600.0) -> bool:
    """Whether something was recorded within the last hour: a machine may be another by then."""
    then = datetime.strptime(recorded_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    return 0 <= (datetime.now(timezone.utc) - then).total_seconds() < seconds


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
