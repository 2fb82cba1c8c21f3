"""Whether a graph that a backward pass keeps is surely gone through by no other one before the next round drops it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File
    from .scopes import Definition

#: What may be given a graph, and surely sends nothing backward: it reports, shows, measures or saves.
_REPORTS = re.compile(
    r"^_?(add_\w+|log\w*|info|debug|print|write\w*|format|item|len|int|float|str|round|isnan|size|numel|dim|isinstance"
    r"|(\w+_)?(metrics?|acc|accuracy|iou|dice|psnr|ssim|meters?|confusion|figure|plot|visuals?|images?|grid))\d*$"
    r"|^_?(plot|show|draw|vis|display|visuali[sz]e|save|log|report|print)(_\w+)?$"
    r"|^_?(update|get|compute|calc\w*|eval\w*)_(\w+_)?(metrics?|acc|accuracy|iou|dice|meters?|confusion)\w*$",
    re.I,
)
#: What is called to give a tensor for tensors, by its name.
_NETWORKS = re.compile(
    r"^(net|model|[gdf]|gen|disc|critic|encoder|decoder|criterion|mse|bce|ce|l1|l2)([_A-Z0-9]\w*)?$"
    r"|^\w*(net|model|loss|generator|discriminator|criterion)(_?\w)?$"
)
#: A weight that losses are multiplied by, and what gives the batches.
_FACTORS = re.compile(
    r"^(lambda|lam|alpha|beta|gamma|weight|coef\w*|scale|ratio|eps\w*)(_\w+|\d)?$|_(weight|coef)$|loader|dataset|iter$",
    re.I,
)
_SENDS = re.compile(r"backward\(|\bgrad\(|\.step\(|\bself\.\w+ = ")
_STORES = re.compile(r"\bself\.\w+ = |\.append\(")
#: What gives no graph where what it is given has none.
_DATA = {
    "to", "cuda", "cpu", "float", "double", "half", "long", "int", "type", "view", "reshape", "squeeze", "unsqueeze",
    "permute", "transpose", "contiguous", "repeat", "expand", "next", "size", "pin_memory", "detach", "clone",
    "flatten", "get", "Variable", "enumerate", "iter", "len", "range",
}  # fmt: skip
_MADE = re.compile(r"^torch\.(device|from_numpy|(zeros|ones|full|rand|randn|empty|arange|tensor|randint)(_like)?)$")
_HELPING = {"parameters", "train", "eval", "state_dict"}
_FAR = 8


class Retained:
    """The backward passes of one file that keep their graph."""

    def __init__(self, file: File) -> None:
        self._file = file

    def in_vain(self, call: cst.Call, lost: cst.BaseExpression, loop: cst.For | cst.While) -> bool:
        """Whether nothing else in the function of a backward pass may go through what a round computes for it."""
        file, held = self._file, self._held(lost, loop)
        home = file.steps.home(call)
        own = {inner for one in held for inner in file.tree.own_of_type(cst.Call, one.node)}
        own |= set(file.tree.own_of_type(cst.Call, lost))
        if not held or any(one.kind == "for" for one in held) or any(self._may_store(one) for one in own):
            return False
        for name in {one.name for one in held}:
            for node in file.tree.named(name, home):
                if file.steps.home(node) is not home:
                    return False
                reads = file.reads(node) and not file.graph.straight_cut(node)
                if reads and held & set(file.scopes.reaching(node)) and not self._stays(node, own):
                    return False
        return not any(self._is_out_of_sight(one) for one in file.calls.own_calls(home))

    def goes_through(self, call: cst.Call, lost: cst.BaseExpression, loop: cst.For | cst.While) -> bool:
        """Whether another backward pass of the function surely takes what a round computes for this one."""
        others = [one for one in self._file.calls.own_calls(self._file.steps.home(call)) if one is not call]
        held = self._held(lost, loop)
        return any(held & self._slice(one) for one in others if self._goes_back(one))

    def _held(self, lost: cst.BaseExpression, loop: cst.For | cst.While) -> set[Definition]:
        """What a round computes for a loss that may have a graph."""
        within = (one for one in self._slice(lost) if self._file.context.within(one.node, loop))
        return {one for one in within if not self.is_plain(one)}

    def _slice(self, value: cst.CSTNode) -> set[Definition]:
        """What a value is computed from in its function, in earlier rounds as well, where no graph is cut."""
        file, found = self._file, set["Definition"]()
        todo: list[cst.CSTNode] = [value]
        while todo:
            for name in file.tree.own_of_type(cst.Name, todo.pop()):
                added_to = isinstance(file.parent(name), cst.AugAssign)
                if not (file.reads(name) or added_to) or file.graph.straight_cut(name):
                    continue
                for one in file.scopes.reaching(name):
                    if one not in found:
                        found.add(one)
                        if one.kind in ("assign", "augment", "for", "with") and one.value is not None:
                            todo.append(one.node if one.kind == "augment" else one.value)
        return found

    def is_plain(self, one: Definition, depth: int = 0) -> bool:
        """Whether a name is bound to what has no graph: data, and what moves or turns it."""
        if one.kind in ("import", "function", "class", "parameter"):
            return True
        if one.value is None or depth > _FAR or one.kind not in ("assign", "for") or self._is_filled(one):
            return False
        file = self._file
        if any(isinstance(below, cst.Dict | cst.List) for below in file.calls.own_nodes(one.value)):
            return False
        for call in file.tree.own_of_type(cst.Call, one.value):
            last = _last(call)
            if last not in _DATA and not _MADE.match(file.name(call.func) or "") and one.kind != "for":
                return False
        for name in file.tree.own_of_type(cst.Name, one.value):
            if name.value == "self" and one.kind != "for":
                return False
            if file.reads(name) and not file.graph.straight_cut(name):
                if one.kind == "for" and file.values.kind(name) not in ("tensor", "output", "list"):
                    continue
                if not all(each is one or self.is_plain(each, depth + 1) for each in file.scopes.reaching(name)):
                    return False
        return True

    def is_tool(self, name: cst.Name) -> bool:
        """Whether a parameter is used as a module, or is a weight of losses or a loader by its name."""
        file = self._file
        if _FACTORS.search(name.value):
            return True
        for use in file.tree.named(name.value, file.steps.home(name)):
            match file.parent(use):
                case cst.Attribute(value=value, attr=cst.Name(value=last)) if value is use and last in _HELPING:
                    return True
                case cst.Call(func=func) if func is use:
                    return True
        return False

    def _is_filled(self, one: Definition) -> bool:
        """Whether entries of what a name is bound to are written later, with a graph perhaps."""
        file = self._file
        home = file.steps.home(one.node)
        return any(
            isinstance(above := file.parent(use), cst.Subscript)
            and above.value is use
            and isinstance(file.parent(above), cst.AssignTarget | cst.AugAssign)
            for use in file.tree.named(one.name, home)
        )

    def _may_store(self, call: cst.Call) -> bool:
        """Whether what a loss is computed by may keep parts of it in an object."""
        file = self._file
        function, value = file.calls.callee(call), file.values.of(call.func)
        if function is None and value is not None and value.cls is not None:
            function = file.calls.method(value.cls, "forward")
        if function is not None:
            return bool(_STORES.search(file.text_of(function)))
        match call.func:
            case cst.Attribute(value=cst.Name("self"), attr=cst.Name(value=last)):
                return not _NETWORKS.match(last) and file.values.kind(call.func) not in ("module", "loss")
        return False

    def _is_out_of_sight(self, call: cst.Call) -> bool:
        """Whether a function that was handed over is called without anything: it may hold whatever it likes."""
        handed = self._file.scopes.reaching(call.func) if isinstance(call.func, cst.Name) and not call.args else ()
        return any(one.kind == "parameter" for one in handed)

    def _goes_back(self, call: cst.Call) -> bool:
        return self._file.steps.sent(call) is not None or _last(call) in ("grad", "backward")

    def _stays(self, node: cst.CSTNode, own: set[cst.Call]) -> bool:
        """Whether what is done with a part of the graph neither hands it on nor keeps it, other than by a name."""
        file = self._file
        while (above := file.parent(node)) is not None:
            match above:
                case cst.Call():
                    if self._goes_back(above) or _REPORTS.match(_last(above)):
                        return True
                    if above not in own and not self._only_computes(above, node):
                        return False
                case cst.Assign(targets=targets):
                    return all(_is_names(target.target) for target in targets)
                case cst.AnnAssign(target=target) | cst.AugAssign(target=target):
                    return isinstance(target, cst.Name)
                case cst.Return() | cst.Yield() | cst.Lambda() | cst.Await() | cst.NamedExpr():
                    return False
                case cst.For() | cst.With() | cst.Expr() | cst.If() | cst.While() | cst.Assert() | cst.Del():
                    return True
                case cst.Comparison() | cst.FormattedStringExpression():
                    return True
            node = above
        return False

    def _only_computes(self, call: cst.Call, part: cst.CSTNode) -> bool:
        """Whether a call gives a value for what it is given, and surely does nothing else."""
        file = self._file
        function = file.calls.callee(call)
        if function is not None:
            return not _SENDS.search(file.text_of(function)) and not _STORES.search(file.text_of(function))
        if part is call.func and isinstance(part, cst.Attribute):
            return True  # a method of the tensor itself
        known = (file.name(call.func) or "").startswith("torch.") or file.values.kind(call.func) in ("module", "loss")
        return known or bool(_NETWORKS.match(_last(call)))


def _last(call: cst.Call) -> str:
    match call.func:
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            return name
    return ""


def _is_names(target: cst.BaseExpression) -> bool:
    """Whether names alone are bound."""
    if isinstance(target, cst.Tuple | cst.List):
        return all(_is_names(element.value) for element in target.elements)
    return isinstance(target, cst.Name)
