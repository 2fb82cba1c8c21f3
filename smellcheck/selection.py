"""Which rules run: selectors against the installed rules, the more specific one winning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .config import did_you_mean

if TYPE_CHECKING:
    from .manifest import Known
    from .rule import Rule

#: Told by the engine itself, about comments and not about code; selected and ignored like any rule.
PSEUDO_RULES = {"unused-suppression": "smellcheck"}

Option = Literal["select", "extend-select", "ignore"]
#: How specific a selector is.
ALL, GROUP, ONE = range(3)


class SelectorError(Exception):
    """A selector that names nothing."""

    def __init__(self, option: str, selector: str, message: str) -> None:
        super().__init__(message)
        self.option, self.selector, self.message = option, selector, message


@dataclass(frozen=True)
class Layer:
    """The selectors of one place: a configuration, or the command line."""

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


NOTHING = Layer()


@dataclass(frozen=True)
class Selection:
    """The names of the rules that run, and of those of them that were asked for one by one or with `all`."""

    names: frozenset[str]
    explicit: frozenset[str]
    #: Preview rules that were named while preview is off.
    withheld: tuple[str, ...] = ()


def choose(config: Layer, command: Layer, rules: Sequence[Rule | Known], *, preview: bool) -> Selection:
    """Weigh the selectors of a configuration and of the command line, whose `select` replaces the former's.

    Raises `SelectorError` for a selector that names no rule, family or practice.
    """
    kinds = _kinds(rules)
    replaced = command.select is not None
    statements = [
        *((0, *statement) for statement in _statements(config) if not replaced or statement[0] == "ignore"),
        *((1, *statement) for statement in _statements(command)),
    ]
    weights: dict[str, tuple[int, int, bool]] = {}
    chosen: dict[str, bool] = {}
    explicit: set[str] = set()
    for place, option, selector in statements:
        names, weight = _expand(option, selector, kinds)
        wanted = option != "ignore"
        if wanted and weight in (ALL, ONE):
            explicit |= names
        rank = (weight, place, not wanted)
        for name in names:
            if rank >= weights.get(name, rank):
                weights[name], chosen[name] = rank, wanted
    if config.select is None and not replaced:
        # The default is no statement: whatever is said weighs more.
        chosen = {**dict.fromkeys(kinds["all"], True), **chosen}
    on_trial = {rule.name for rule in rules if rule.preview}
    names = frozenset(name for name, wanted in chosen.items() if wanted and (preview or name not in on_trial))
    asked = {selector for _, option, selector in statements if option != "ignore"}
    return Selection(names, frozenset(explicit & names), () if preview else tuple(sorted(asked & on_trial)))


def ignored(option: str, selectors: Sequence[str], rules: Sequence[Rule | Known]) -> frozenset[str]:
    """The names that the selectors of a list name together.

    Raises `SelectorError` for a selector that names no rule, family or practice.
    """
    kinds = _kinds(rules)
    return frozenset(name for selector in selectors for name in _expand(option, selector, kinds)[0])


def _statements(layer: Layer) -> Iterator[tuple[Option, str]]:
    yield from (("select", selector) for selector in layer.select or ())
    yield from (("extend-select", selector) for selector in layer.extend_select)
    yield from (("ignore", selector) for selector in layer.ignore)


def _kinds(rules: Sequence[Rule | Known]) -> Mapping[str, frozenset[str]]:
    """Everything that selects, with the names it stands for."""
    groups: dict[str, set[str]] = {"all": set()}
    for name, family, practice in [
        *((rule.name, rule.family, rule.practice) for rule in rules),
        *((name, family, "") for name, family in PSEUDO_RULES.items()),
    ]:
        for group in ("all", name, family, *([practice] if practice else [])):
            groups.setdefault(group, set()).add(name)
    return {group: frozenset(names) for group, names in groups.items()}


def _expand(option: str, selector: str, kinds: Mapping[str, frozenset[str]]) -> tuple[frozenset[str], int]:
    from .rule import PRACTICES

    # As ruff spells it.
    selector = "all" if selector == "ALL" else selector
    names = kinds.get(selector)
    if names is None and selector in PRACTICES:
        return frozenset(), GROUP
    if names is None:
        hint = did_you_mean(selector, [*kinds, *PRACTICES])
        raise SelectorError(option, selector, f"unknown rule, family or practice `{selector}`{hint}")
    return names, ALL if selector == "all" else ONE if names == {selector} else GROUP
