"""What a data loader is set to: which settings it is given, and how many processes make its batches."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

#: What the number of workers is called where it is set.
_COUNTS = ("num_workers", "workers", "n_workers")


class Workers:
    """The settings of one file's data loaders; each answer is yes only where it is sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def known(self, loader: cst.Call) -> bool:
        """Whether all that a loader is set to stands in the call, or in settings that are written out."""
        return not any(arg.star and (arg.star == "*" or self._written(arg.value) is None) for arg in loader.args)

    def count(self, loader: cst.Call) -> int | None:
        """How many worker processes a loader has, where that stands in the file: 0 unless it is said."""
        if not self.known(loader):
            return None
        given = self.setting(loader, "num_workers", 5)
        return 0 if given is None else None if self.added(loader, "num_workers") else self._number(given, 0)

    def any(self, loader: cst.Call) -> bool:
        """Whether a loader has worker processes, by a number in the file or a setting that nothing says is nought."""
        if not self.known(loader):
            return False
        number = self.count(loader)
        given = self.setting(loader, "num_workers", 5)
        project = self._file.project
        if number is not None or given is None or project is None:
            return bool(number)
        names = {*re.findall(r"\w*worker\w*", self._file.text_of(given)), *_COUNTS}
        spelled = {each for name in sorted(names) for each in (name, name.replace("_", "-"))}
        found = [project.noughts(each) for each in sorted(spelled)]
        return None not in found and not any(project.own_code(path) for one in found for path in one or ())

    def setting(self, loader: cst.Call, name: str, position: int | None = None) -> cst.BaseExpression | None:
        """What a loader is given by a name, there or in settings that stand in the same function."""
        given = self._file.argument(loader, name, position)
        named = (arg for arg in loader.args if arg.keyword is not None and arg.keyword.value == name)
        if given is not None or (given := next(named, None)) is not None:
            return given.value
        held = [self._written(arg.value) or {} for arg in loader.args if arg.star == "**"]
        return next((one[name] for one in held if name in one), None)

    def added(self, loader: cst.Call, name: str) -> bool:
        """Whether a setting is put into a dictionary that has a name already, in some runs at least."""
        held = (self._later(arg.value) or {} for arg in loader.args if arg.star and isinstance(arg.value, cst.Name))
        return any(name in one for one in held)

    def _written(self, settings: cst.BaseExpression) -> dict[str, cst.BaseExpression] | None:
        """The settings that a name stands for, where all of them stand in one function, whenever they are added."""
        held = self._together(self._file.scopes.written(settings))
        later = self._later(settings) if isinstance(settings, cst.Name) else {}
        return None if held is None or later is None else {**held, **later}

    def _together(self, settings: cst.CSTNode | None) -> dict[str, cst.BaseExpression] | None:
        """The settings in a dictionary that is written out."""
        match settings:
            case cst.Dict(elements=elements):
                held = {
                    str(one.key.evaluated_value): one.value
                    for one in elements
                    if isinstance(one, cst.DictElement) and isinstance(one.key, cst.SimpleString)
                }
                return held if len(held) == len(elements) else None
            case cst.Call(func=cst.Name("dict"), args=args):
                held = {arg.keyword.value: arg.value for arg in args if arg.keyword is not None}
                return held if len(held) == len(args) else None
        return None

    def _later(self, settings: cst.Name) -> dict[str, cst.BaseExpression] | None:
        """What is put into a dictionary where it has a name, in some runs at least; `None` where that is not sure."""
        file, later = self._file, dict[str, cst.BaseExpression]()
        for use in file.tree.named(settings.value, file.context.function(settings) or file.module):
            above = file.parent(use)
            if isinstance(above, cst.Attribute | cst.Subscript) and above.value is use:
                added = self._added(above)
                if added is None:
                    return None
                later |= added
        return later

    def _added(self, use: cst.Attribute | cst.Subscript) -> dict[str, cst.BaseExpression] | None:
        """What `settings["num_workers"] = 4` or `settings.update(num_workers=4)` puts into a dictionary."""
        around = self._file.parent(use)
        match use, around, self._file.parent(around) if around is not None else None:
            case (
                cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString() as key))]),
                cst.AssignTarget(),
                cst.Assign(value=value),
            ):
                return {str(key.evaluated_value): value}
            case cst.Attribute(attr=cst.Name("update")), cst.Call(args=[cst.Arg(keyword=None, star="", value=more)]), _:
                return self._written(more) if not isinstance(more, cst.Name) else None
            case cst.Attribute(attr=cst.Name("update")), cst.Call(args=args), _ if all(arg.keyword for arg in args):
                return {arg.keyword.value: arg.value for arg in args if arg.keyword is not None}
        return None

    def _number(self, node: cst.CSTNode, depth: int) -> int | None:
        match node:
            case cst.Integer():
                return int(node.evaluated_value)
            case cst.Name():
                made = self._file.scopes.written(node)
                return None if made is None or isinstance(made, cst.Name) else self._number(made, depth + 1)
            case cst.Attribute(attr=cst.Name(value=option)):
                return self._default(option)
        return None

    def _default(self, option: str) -> int | None:
        """What an option of the command line, or of settings in the file, is unless the user says otherwise."""
        for call in self._file.calls.named(frozenset({"add_argument"})):
            names = [str(arg.value.evaluated_value) for arg in call.args if isinstance(arg.value, cst.SimpleString)]
            default = self._file.argument(call, "default")
            if any(name.lstrip("-").replace("-", "_") == option for name in names) and default is not None:
                return int(default.value.evaluated_value) if isinstance(default.value, cst.Integer) else None
        for element in self._file.all(cst.DictElement):
            match element:
                case cst.DictElement(key=cst.SimpleString() as key, value=cst.Integer() as number):
                    if key.evaluated_value == option:
                        return int(number.evaluated_value)
        return None
