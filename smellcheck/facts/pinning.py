"""Which loaders surely pin plain batches: in memory that the GPU can read, put together in torch's own way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from .elsewhere import CallSite

if TYPE_CHECKING:
    from ..file import File
    from .scopes import Definition
    from .siblings import Siblings

# Where there is no GPU, there is nothing that could wait.
_WITH_GPU = re.compile(r"\(?(torch\.cuda\.is_available\(\)|(self\.)?device(\.type)? == ['\"]cuda['\"])\)?", re.I)
# A switch for the GPU: where it is off, batches are neither pinned nor copied.
_SWITCH = re.compile(r"(\w+\.)*(use_?)?cuda|(\w+\.)*use_?gpu", re.I)
_ASKS = re.compile(r"(\w+\.)*((use|has)_?)?(cuda|gpu)( is not None)?", re.I)
_EMPTY = ("{}", "dict()")
#: Assignments and calls are followed so far.
_DEEPEST = 4


class Pinning:
    """The pinning loaders of one file; each answer is yes only where it is sure."""

    def __init__(self, file: File, siblings: Siblings | None = None) -> None:
        self._file = file
        # A module that was read for the sake of another one asks what that one knows of the project.
        self._siblings = siblings or file.siblings

    def pins(self, loader: cst.CSTNode | None, depth: int = 0) -> bool:
        """Whether all that a name may stand for are loaders that pin plain batches of tensors."""
        if loader is None or depth > _DEEPEST:
            return False
        match loader:
            case (
                cst.Call(func=cst.Name("tqdm" | "enumerate"), args=[cst.Arg(value=inner), *_])
                | cst.Call(
                    func=cst.Attribute(attr=cst.Name("log_every")), args=[cst.Arg(value=inner, keyword=None), *_]
                )
            ):
                return self.pins(inner, depth + 1)
            case cst.Call():
                return self._is_pinning(loader) or self._gives_pinned(loader, (), depth)
            case cst.Subscript(value=inner):
                return self.pins(inner, depth + 1)
            case cst.Dict(elements=elements):
                held = [one.value for one in elements]
                return bool(held) and all(self.pins(one, depth + 1) for one in held)
            case cst.IfExp(body=body, orelse=orelse):
                ways = [one for one in (body, orelse) if not (isinstance(one, cst.Name) and one.value == "None")]
                return bool(ways) and all(self.pins(one, depth + 1) for one in ways)
            case cst.DictComp(value=value):
                return self.pins(value, depth + 1)
            case cst.Attribute(value=cst.Name("self"), attr=attr):
                owner = self._file.calls.enclosing_class(loader)
                values = self._file.values.attribute_values(owner, attr.value) if owner is not None else []
                return bool(values) and all(self.pins(one, depth + 1) for one in values)
            case cst.Attribute():
                return self._file.siblings.keeps_pinned(loader)
            case cst.Name():
                reaching = self._file.scopes.reaching(loader)
                if not reaching or all(one.kind == "import" for one in reaching):
                    return self._file.siblings.keeps_pinned(loader)
                return bool(reaching) and all(self._is_bound_to_pinned(one, depth) for one in reaching)
        return False

    def _is_bound_to_pinned(self, bound: Definition, depth: int) -> bool:
        """Whether a definition binds such a loader, or a parameter that every call in sight gives one."""
        match bound.kind:
            case "assign":
                if isinstance(bound.value, cst.Call) and bound.path:
                    return self._gives_pinned(bound.value, bound.path, depth)
                if bound.value is not None and not bound.path and self._file.text_of(bound.value) in _EMPTY:
                    return self._is_filled(bound, depth)
                return not bound.path and self.pins(bound.value, depth + 1)
            case "parameter" if isinstance(bound.scope.node, cst.FunctionDef):
                function = bound.scope.node
                sites = [CallSite(self._file, call) for call in self._file.calls.passing(function)]
                # Who is called from other modules alone is given what is made there.
                sites = sites or self._file.elsewhere.calls(function) or []
                given = [(one.file, self._file.calls.argument_of(one.call, function, bound)) for one in sites]
                return bool(given) and all(Pinning(home, self._siblings).pins(one, depth + 1) for home, one in given)
        return False

    def _is_filled(self, bound: Definition, depth: int) -> bool:
        """Whether an empty dictionary is filled with such loaders, and with nothing else."""
        stored = []
        for use in self._file.tree.named(bound.name, bound.scope.node):
            item = self._file.parent(use)
            if not isinstance(item, cst.Subscript) or item.value is not use:
                # Whoever is given it may put others in.
                if isinstance(item, cst.Arg | cst.Attribute) and self._file.reads(use):
                    return False
                continue
            target = self._file.parent(item)
            if isinstance(target, cst.AssignTarget) and isinstance(statement := self._file.parent(target), cst.Assign):
                stored.append(statement.value)
        return bool(stored) and all(self.pins(one, depth + 1) for one in stored)

    def _gives_pinned(self, call: cst.Call, path: tuple[int, ...], depth: int) -> bool:
        """Whether a function of the project gives such a loader, at a place of a tuple where there is a path."""
        function = self._file.calls.callee(call)
        if function is None:
            return self._siblings.pins(call, path, self._file)
        whole = [node.value for node in self._file.calls.own_nodes(function) if isinstance(node, cst.Return)]
        parts = [one if one is None else self._file.scopes.part(one, path) for one in whole]
        return bool(parts) and all(self.pins(one, depth + 1) for one in parts)

    def _is_pinning(self, call: cst.Call) -> bool:
        """Whether a call makes a loader of torch that pins its batches, and puts them together in torch's own way."""
        name = self._file.name(call.func) or ""
        # What MONAI's own loader puts together are tensors, too.
        if not name.startswith(("torch.utils.data.", "monai.data.")) or not name.endswith(".DataLoader"):
            return False
        starred = [arg for arg in call.args if arg.star]
        if any(arg.star == "*" for arg in starred) or not self._file.collating.gives_tensors(call):
            return False
        pins = self._file.argument(call, "pin_memory")
        if pins is not None:
            return not starred and self._turned_on(pins.value)
        return len(starred) == 1 and self._settings_pin(starred[0].value)

    def _turned_on(self, value: cst.BaseExpression) -> bool:
        """Whether a switch is on wherever there is a GPU."""
        if _SWITCH.fullmatch(self._file.text_of(value)):
            return True
        if isinstance(value, cst.Name) and value.value != "True":
            reaching = self._file.scopes.reaching(value)
            made = reaching[0].value if len(reaching) == 1 and reaching[0].kind == "assign" else None
            return made is not None and not reaching[0].path and self._with_gpu(made)
        match value:
            case cst.Name("True"):
                return True
            case cst.IfExp(test=test, body=cst.Name("True")):
                return self._with_gpu(test)
        return self._with_gpu(value)

    def _with_gpu(self, test: cst.CSTNode) -> bool:
        """Whether a condition asks for a GPU and nothing else."""
        return bool(_WITH_GPU.fullmatch(self._file.text_of(test)))

    def _settings_pin(self, settings: cst.CSTNode, depth: int = 0) -> bool:
        """Whether the settings of a loader are written out, and say that it pins, wherever there is a GPU."""
        match settings:
            case cst.Dict(elements=elements):
                held = {
                    self._file.text_of(one.key).strip("\"'"): one.value
                    for one in elements
                    if isinstance(one, cst.DictElement)
                }
                return len(held) == len(elements) and "collate_fn" not in held and self._is_on(held.get("pin_memory"))
            case cst.Call(func=cst.Name("dict"), args=args):
                held = {arg.keyword.value: arg.value for arg in args if arg.keyword is not None}
                return len(held) == len(args) and "collate_fn" not in held and self._is_on(held.get("pin_memory"))
            case cst.IfExp(test=test, body=body, orelse=orelse):
                return self.asks_gpu(test) and self._file.text_of(orelse) in _EMPTY and self._settings_pin(body, depth)
            case cst.Name(value=name) if depth < _DEEPEST:
                home = self._file.context.function(settings) or self._file.module
                changed = any(
                    isinstance(above := self._file.parent(use), cst.Attribute | cst.Subscript) and above.value is use
                    for use in self._file.tree.named(name, home)
                )
                reaching = () if changed else self._file.scopes.reaching(settings)
                made = [one.value for one in reaching if one.kind == "assign" and not one.path]
                usual = all(one.kind == "assign" or self._left_out(one) for one in reaching)
                return bool(made) and usual and all(one and self._settings_pin(one, depth + 1) for one in made)
        return False

    def _is_on(self, value: cst.BaseExpression | None) -> bool:
        """The same for a setting that may be missing."""
        return value is not None and self._turned_on(value)

    def asks_gpu(self, test: cst.BaseExpression) -> bool:
        """Whether a condition, or the name that it is bound to, asks for a GPU."""
        return self._turned_on(test) or bool(_ASKS.fullmatch(self._file.text_of(test)))

    def _left_out(self, bound: Definition) -> bool:
        """Whether a parameter is `None` unless it is given, and no call in sight gives it."""
        function = bound.scope.node
        if not isinstance(bound.node, cst.Param) or not isinstance(function, cst.FunctionDef):
            return False
        default = bound.node.default
        calls = self._file.calls.passing(function)
        return (
            isinstance(default, cst.Name)
            and default.value == "None"
            and all(self._file.calls.argument_of(one, function, bound) is None for one in calls)
            and not any(arg.star for one in calls for arg in one.args)
        )
