"""The settings that an editor sends, read leniently: what cannot be obeyed is named, and the rest holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..config import did_you_mean
from .ask import Wishes

#: Every setting with the type of its value and its default.
KEYS: Mapping[str, tuple[type, Any]] = {
    "enable": (bool, True),
    "configuration": (str, ""),
    "configurationPreference": (str, "editorFirst"),
    "exclude": (list, []),
    "unsafeFixes": (bool, None),
    "fixAll": (bool, True),
    "showSyntaxErrors": (bool, True),
    "debounce": (int, 200),
    "lint.select": (list, None),
    "lint.extendSelect": (list, []),
    "lint.ignore": (list, []),
    "lint.preview": (bool, None),
    "codeAction.fixViolation.enable": (bool, True),
    "codeAction.disableRuleComment.enable": (bool, True),
}
PREFERENCES = ("editorFirst", "filesystemFirst", "editorOnly")
#: What the editor's own extension keeps in the same section.
_OF_EXTENSION = ("path", "interpreter", "args", "trace", "importStrategy", "logFile", "logLevel")


@dataclass(frozen=True)
class Preferences:
    """What an editor says of one folder."""

    values: Mapping[str, Any] = field(default_factory=lambda: {name: default for name, (_, default) in KEYS.items()})
    #: What could not be obeyed, in words.
    mistakes: tuple[str, ...] = ()

    @classmethod
    def read(cls, given: Any) -> Preferences:
        """The preferences in what an editor sent: a table, nested or with dots in its keys."""
        values = dict(cls().values)
        mistakes = []
        for name, value in _flat(given if isinstance(given, dict) else {}):
            if name.split(".")[0] in _OF_EXTENSION or value is None:
                continue
            if name not in KEYS:
                mistakes.append(f"unknown setting `smellcheck.{name}`{did_you_mean(name, KEYS)}")
            elif not _fits(name, value):
                mistakes.append(f"`smellcheck.{name}` cannot be {value!r}")
            else:
                values[name] = value
        return cls(values, tuple(mistakes))

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def wishes(self, folder: Path) -> Wishes:
        """What they mean for checking the files of a folder."""
        configuration = self["configuration"]
        select = self["lint.select"]
        return Wishes(
            folder=folder,
            configuration=folder / Path(configuration).expanduser() if configuration else None,
            isolated=self["configurationPreference"] == "editorOnly",
            yields=self["configurationPreference"] == "filesystemFirst",
            select=None if select is None else tuple(select),
            extend_select=tuple(self["lint.extendSelect"]),
            ignore=tuple(self["lint.ignore"]),
            exclude=tuple(self["exclude"]),
            preview=self["lint.preview"],
            unsafe_fixes=self["unsafeFixes"],
        )


def _flat(table: Mapping[Any, Any], above: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        name = f"{above}{key}"
        found += _flat(value, f"{name}.") if isinstance(value, dict) else [(name, value)]
    return found


def _fits(name: str, value: Any) -> bool:
    kind = KEYS[name][0]
    if name == "configurationPreference":
        return value in PREFERENCES
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 60_000
    if kind is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, kind)
