"""What is known of the installed rules without loading them, and a fingerprint of all that their answers depend on."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__
from .finding import Level
from .sieve import Triggers

if TYPE_CHECKING:
    from .rule import Rule

_SECTION = b"[smellcheck.rules]"
_KINDS = (".py", ".md", ".json")
_PLAIN = ("name", "family", "practice", "level", "preview")


@dataclass(frozen=True)
class Known:
    """As much of a rule as it takes to select it."""

    name: str
    family: str
    practice: str
    level: Level
    preview: bool
    triggers: Triggers


def fingerprint() -> str | None:
    """A digest of our own code, the rules with their pages and evidence, LibCST and Python; `None` if unsure.

    Contents count, not times: two machines with the same packages agree, and whoever edits a rule is not deceived.
    """
    digest = blake2b(digest_size=16)
    parser = find_spec("libcst")
    if parser is None or parser.origin is None:
        return None
    try:
        _add(digest, __version__.encode(), sys.version.encode())
        _add(digest, (Path(parser.origin).parent / "_version.py").read_bytes())
        _add_folder(digest, str(Path(__file__).parent))
        for distribution, entries in _plugins():
            _add(digest, distribution.encode(), entries)
            for package in _packages(entries):
                spec = find_spec(package)
                for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
                    _add_folder(digest, folder)
    except (OSError, ValueError, ImportError):
        return None
    return digest.hexdigest()


def _add(digest: Any, *parts: bytes) -> None:
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)


def _add_folder(digest: Any, folder: str) -> None:
    for above, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if name != "__pycache__")
        for name in sorted(names):
            if name.endswith(_KINDS):
                path = os.path.join(above, name)
                with open(path, "rb") as file:
                    _add(digest, os.path.relpath(path, folder).encode(), file.read())


def _plugins() -> Iterator[tuple[str, bytes]]:
    """The distributions on the path that bring rules, and what they say of it; `importlib.metadata` costs ten times."""
    for place in dict.fromkeys(sys.path):
        try:
            names = sorted(name for name in os.listdir(place or ".") if name.endswith((".dist-info", ".egg-info")))
        except OSError:
            continue
        for name in names:
            try:
                with open(os.path.join(place, name, "entry_points.txt"), "rb") as file:
                    entries = file.read()
            except OSError:
                continue
            if _SECTION in entries:
                yield name, entries


def _packages(entries: bytes) -> list[str]:
    section = entries.partition(_SECTION)[2].partition(b"[")[0]
    return [line.partition(b"=")[2].decode().strip() for line in section.splitlines() if b"=" in line]


def written(rules: Sequence[Rule]) -> str:
    """The manifest of some rules, as text."""
    return json.dumps(
        [
            {
                **{name: getattr(rule, name) for name in _PLAIN},
                "imports": sorted(rule.triggers.imports),
                "words": [sorted(group) for group in rule.triggers.words],
            }
            for rule in rules
        ]
    )


def read(text: str) -> tuple[Known, ...]:
    """The rules of a manifest; raises `ValueError` when it is none."""
    try:
        return tuple(_known(each) for each in json.loads(text))
    except (TypeError, KeyError) as error:
        raise ValueError(f"no manifest of rules: {error}") from error


def _known(stored: dict[str, Any]) -> Known:
    words = tuple(frozenset(group) for group in stored["words"])
    return Known(**{name: stored[name] for name in _PLAIN}, triggers=Triggers(frozenset(stored["imports"]), words))
