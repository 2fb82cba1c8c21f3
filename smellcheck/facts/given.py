"""What the summaries of other modules come to: the kinds of values, whether classes are modules, what callees do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from . import frameworks
from .modes import NEUTRAL, OFF, ON

if TYPE_CHECKING:
    from ..summaries.model import Function, Given
    from ..view import Found, View
    from .kinds import Kind

#: What gives a module weights, or other modules.
_ADDS = re.compile(r"(^|\.)(Parameter|register_(?!buffer|\w*hook)\w+|add_module)$")
#: How many returns and re-exports deep an answer is looked for.
_DEEPEST = 8
#: How far from a file those may be who call it under a mode.
_FAR = 2


@dataclass(frozen=True)
class Thing:
    """What is known of a value that another module makes."""

    kind: Kind | None = None
    name: str = ""
    #: The class of the project that it is an instance of.
    origin: Found | None = None
    #: Whether it was put into evaluation mode on its way.
    evaluates: bool = False
    #: Of a loader: whether it pins plain batches.
    pins: bool = False
    #: What a tuple holds.
    items: tuple[Thing | None, ...] = ()
    #: The parameter that is given back.
    param: str = ""


class Answers:
    """What one file can be told by the modules that it imports."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._made: dict[tuple[str, str], Thing | None] = {}
        self._trains: dict[tuple[str, str], bool] = {}

    # -- classes -------------------------------------------------------------------------------

    def is_module_class(self, found: Found) -> bool | None:
        """Whether a class of the project is a `torch.nn.Module`; `None` when a base is out of sight."""
        unsure = False
        for base in self.view.lineage(found)[1]:
            if base is not None and frameworks.MODULE_BASES.match(base):
                return True
            unsure |= base is None or not base.startswith(("torch.", "abc.", "typing.", "enum.", "keras", "tensorflow"))
        return None if unsure else False

    def derives(self, found: Found) -> tuple[str, ...]:
        """The full names of the bases of a class that are not the project's own."""
        return tuple(base for base in self.view.lineage(found)[1] if base is not None)

    def words(self, found: Found) -> frozenset[str]:
        """What a class and its ancestors in the project say of gradients and freezing."""
        line = [each.cls for each in self.view.lineage(found)[0] if each.cls is not None]
        return frozenset(word for cls in line for method in cls.methods.values() for word in method.words)

    def attribute(self, found: Found, name: str, depth: int = 0) -> Thing | None:
        """What an attribute of an instance is."""
        for each in self.view.lineage(found)[0]:
            if each.cls is not None and name in each.cls.attributes:
                return self.thing(each.cls.attributes[name], each, depth + 1)
        return None

    def has_more(self, found: Found, part: str) -> bool:
        """Whether a class holds a module beside one of its parts, its ancestors in the project taken in."""
        attributes = {
            name: self.thing(given, each)
            for each in self.view.lineage(found)[0]
            if each.cls is not None
            for name, given in each.cls.attributes.items()
        }
        return any(thing is not None and thing.kind == "module" for name, thing in attributes.items() if name != part)

    def weightless(self, found: Found) -> bool:
        """Whether a class and its ancestors surely hold neither parameters nor modules."""
        line, foreign = self.view.lineage(found)
        if [base for base in foreign if base != "abc.ABC"] != ["torch.nn.Module"]:
            return False
        classes = [each.cls for each in line if each.cls is not None]
        # What stands in the body of a class is not in its summary.
        if not any("__init__" in cls.methods for cls in classes):
            return False
        called = {
            name
            for cls in classes
            for method in cls.methods.values()
            for some in method.calls.values()
            for name in some
        }
        if any(_ADDS.search(name) for name in called):
            return False
        for cls in classes:
            for name, given in cls.attributes.items():
                thing = self.thing(given, found)
                kind = thing.kind if thing is not None else None
                if thing is not None and _ADDS.search(thing.name):
                    return False
                # What was handed in, or comes from elsewhere, and is never called is a setting.
                unknown = kind is None and isinstance(given, str) and given[:1] in ("$", "?")
                setting = (unknown or kind == "none") and f"self.{name}" not in called
                if not setting and kind not in ("number", "string", "list", "tuple", "bool", "tensor", "array"):
                    return False
        return True

    def switches(self, found: Found) -> bool:
        """Whether the forward of a class, or a function that it surely calls, names what switches gradients."""
        forward = self.view.method(found, "forward")
        if forward is None:
            return False
        reached = [forward, *self._callees(forward)]
        words = {word for one in reached if one.function is not None for word in one.function.words}
        return any("no_grad" in word or "inference_mode" in word or word == "set_grad_enabled" for word in words)

    def runs_layers(self, found: Found, name: str) -> bool:
        """Whether a method of a class calls its forward or its layers, records while it does, and does not train."""
        method = self.view.method(found, name)
        if method is None or method.function is None or self.trains(method):
            return False
        if method.function.whole or "!off" in method.function.decorators:
            return False
        called = {each for mode in ("", "on") for each in method.function.calls.get(mode, ())}
        if "self.forward" in called:
            return True
        things = (self.attribute(found, each[5:]) for each in sorted(called) if each.startswith("self."))
        return any(thing is not None and thing.kind == "module" for thing in things)

    # -- values --------------------------------------------------------------------------------

    def made_by(self, name: str, path: str | None = None) -> Thing | None:
        """What calling the thing gives that a name means in a file, here if none is given."""
        return self._called(self.view.find(name, path), 0)

    def _called(self, found: Found | str | None, depth: int) -> Thing | None:
        if isinstance(found, str):
            kind = frameworks.makes(found)
            kind = "loss" if kind == "module" and found.endswith("Loss") else kind
            return Thing(cast("Kind", kind), found) if kind else None
        if found is None or depth > _DEEPEST:
            return None
        if found.kind == "class":
            return self._instance(found)
        if found.kind == "value" and isinstance(found.value, str) and found.value.startswith("@"):
            return self._called(self.view.own(found, found.value), depth + 1)
        if found.kind != "function" or found.function is None:
            return None
        key = (found.path, found.name)
        if key not in self._made:
            self._made[key] = None  # recursion adds nothing
            self._made[key] = self._given_back(found, found.function, depth)
        return self._made[key]

    def _given_back(self, found: Found, function: Function, depth: int) -> Thing | None:
        return None if function.pauses else self.thing(function.returns, found, depth + 1)

    def _instance(self, found: Found) -> Thing | None:
        if (
            not found.name
            or not self.is_module_class(found)
            or found.rest not in ("", "from_pretrained", "from_config")
        ):
            return None
        home = _bare(found)
        return Thing(
            "loss" if found.name.endswith("Loss") else "module", found.name, home, found.rest == "from_pretrained"
        )

    def thing(self, given: Given, home: Found, depth: int = 0) -> Thing | None:
        """What an expression gives, as its summary spells it."""
        if depth > _DEEPEST:
            return None
        if isinstance(given, list):
            return Thing("tuple", items=tuple(self.thing(each, home, depth + 1) for each in given))
        if isinstance(given, dict):
            return _common([self.thing(each, home, depth + 1) for each in given["any"]])
        text, _, then = given.partition("|")
        found = self._spelled(text, home, depth)
        if found is None or not then:
            return found
        return replace(found, evaluates=then == "eval", pins=then == "pins")

    def _spelled(self, text: str, home: Found, depth: int) -> Thing | None:
        mark, rest = text[:1], text[1:]
        match mark:
            case "#":
                return Thing(cast("Kind", rest)) if rest != "pending" else None
            case "$":
                return Thing(param=rest)
            case "%" if home.cls is not None:
                return self.attribute(_class_of(home), rest, depth)
            case "@":
                value = self.view.own(home, text)
                if not isinstance(value, str) and value is not None and value.kind == "value":
                    return self.thing(value.value, value, depth + 1)
            case "=" if rest.startswith("self."):
                method = self.view.method(_class_of(home), rest[5:]) if home.cls is not None else None
                return self._called(method, depth + 1)
            case "=":
                kind = frameworks.makes(rest)
                if kind is not None:
                    return self._called(rest, depth)
                return self._called(self.view.own(home, rest), depth + 1)
        return None

    # -- what functions do ---------------------------------------------------------------------

    def function(self, name: str) -> Found | None:
        """The function of the project that a name means."""
        found = self.view.find(name)
        return found if found is not None and not isinstance(found, str) and found.kind == "function" else None

    def holds(self, name: str) -> str | None:
        """What a thing of the project does to autograd as a context or decorator; `None` when it is none of it."""
        found = self.view.find(name)
        if found is None or isinstance(found, str):
            return _held(found) if found is not None and found != name else None
        if found.kind == "function" and found.function is not None:
            return found.function.holds
        if found.kind == "value" and isinstance(found.value, str) and found.value.startswith("="):
            return _held(found.value[1:])
        # A context of the project's own, which says nothing of gradients where it begins and ends.
        silent = found.kind == "class" and not found.rest and not self.derives(found) and not self.words(found)
        return "neutral" if silent else "?"

    def trains(self, found: Found, depth: int = 0) -> bool:
        """Whether a function of the project needs gradients, itself or through those that it surely calls."""
        function = found.function
        if function is None or function.trains or depth >= _FAR:
            return function is not None and function.trains
        key = (found.path, found.name)
        if key not in self._trains:
            self._trains[key] = False
            self._trains[key] = any(self.trains(callee, depth + 1) for callee in self._callees(found))
        return self._trains[key]

    def _callees(self, found: Found) -> Iterator[Found]:
        """The functions of the same module that a function surely calls."""
        function = found.function
        for name in sorted({name for names in function.calls.values() for name in names}) if function else ():
            callee: Found | str | None = None
            if name.startswith("@"):
                callee = self.view.member(found.path, name[1:].split("."))
            elif name.startswith("self.") and found.cls is not None:
                callee = self.view.method(_class_of(found), name[5:])
            if callee is not None and not isinstance(callee, str) and callee.kind == "function":
                yield callee

    def freezes(self, found: Found, position: int | str) -> bool | None:
        """Whether a function freezes the argument at a place; `None` when what it says may come to that."""
        function = found.function
        if function is None:
            return None
        params = (
            function.params[1:] if found.cls is not None and "!neutral" not in function.decorators else function.params
        )
        name = position if isinstance(position, str) else params[position] if position < len(params) else None
        if name in function.freezes:
            return True
        callees = [callee.function for callee in self._callees(found)]
        if function.words or any(callee is None or callee.words for callee in callees):
            return None
        return False


def _held(name: str) -> str:
    return "off" if name in OFF else "on" if name in ON else "neutral" if NEUTRAL.match(name) else "?"


def _bare(found: Found) -> Found:
    from ..view import Found as Made

    return Made(found.path, "class", found.name, found.cls)


def _class_of(found: Found) -> Found:
    from ..view import Found as Made

    return Made(found.path, "class", found.cls.name if found.cls is not None else "", found.cls)


def _common(things: list[Thing | None]) -> Thing | None:
    """What several things have in common."""
    some = [thing for thing in things if thing is None or thing.kind != "none"]
    if not some or any(thing is None for thing in some):
        return None
    known = cast("list[Thing]", some)
    first = known[0]
    if any(thing.kind != first.kind for thing in known):
        return None
    if any(thing.param != first.param for thing in known):
        return None
    same = all(thing.name == first.name for thing in known)
    origin = first.origin if same and all(thing.origin == first.origin for thing in known) else None
    items = first.items if all(len(thing.items) == len(first.items) for thing in known) else ()
    merged = tuple(_common([thing.items[at] for thing in known]) for at in range(len(items)))
    evaluates, pins = all(thing.evaluates for thing in known), all(thing.pins for thing in known)
    return Thing(first.kind, first.name if same else "", origin, evaluates, pins, merged, first.param)
