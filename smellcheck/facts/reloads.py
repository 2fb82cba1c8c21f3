"""Which models are read again for each of several samples: a loop over models stands in a loop over samples."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from .rounds import Rounds, read, variables

if TYPE_CHECKING:
    from ..file import File

# What is read may have been written a moment ago, or is trained here.
_STORES = re.compile(r"\bsave(_model|_checkpoint|_pretrained|_state\w*)?\(|\.(train|step)\(|quantize|prune|download")
# Whoever runs a model over a whole data set does not wait for its weights.
_SETS = re.compile(r"data|split|fold|seed|task|config|loader|domain|subject", re.I)
_KINDS = {"batch", "chunk", "sample", "unknown", "stream"}
#: Names are followed so far.
_DEEPEST = 3


class Reloads:
    """The loads of models in the loops of one file; each answer is yes only where it is sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def in_each_round(self, call: cst.Call) -> bool:
        """Whether a call reads another model in each turn of a loop, and all of them again in each of an outer one."""
        loops = self._file.context.loops(call)[:2]
        inner, outer = (loops[0].node, loops[1].node) if len(loops) == 2 else (None, None)
        if not isinstance(inner, cst.For) or not isinstance(outer, cst.For) or not self._is_model(call, inner):
            return False
        if not {one.kind for one in loops} <= _KINDS or self._over_sets(inner, outer):
            return False
        if _STORES.search(self._file.text_of(outer)) or self._file.phase.needs_graph([outer]):
            return False
        if all(self._file.context.invariant(arg.value, inner) for arg in call.args):
            return False
        rounds = Rounds(self._file, outer)
        return (
            not self._file.context.is_guarded(call, outer)
            and not any(map(self._ends, (inner, outer)))
            and all(rounds.same(one) for one in _listed(inner.iter))
            and all(self._told_by(arg.value, inner, rounds, 0) for arg in call.args)
        )

    def _over_sets(self, inner: cst.For, outer: cst.For) -> bool:
        """Whether each turn of the outer loop may be about many samples."""
        text = self._file.text_of
        return any(_SETS.search(text(one)) for one in (outer.iter, outer.target)) or "loader" in text(inner).lower()

    def _ends(self, loop: cst.For) -> bool:
        """Whether a loop may end before its items do."""
        nodes = self._file.calls.own_nodes(loop)
        return any(isinstance(one, cst.Break | cst.Return) for one in nodes)

    def _told_by(self, node: cst.CSTNode, inner: cst.For, rounds: Rounds, depth: int) -> bool:
        """Whether the items of an inner loop alone decide what an expression is, whatever the outer one is at."""
        for name in read(node):
            if name.value in set(variables(inner)) or rounds.same(name):
                continue
            bound = self._file.scopes.reaching(name)
            made = bound[0].value if len(bound) == 1 and bound[0].kind == "assign" else None
            if made is None or depth > _DEEPEST or not self._file.context.within(bound[0].node, inner.body):
                return False
            if not self._told_by(made, inner, rounds, depth + 1):
                return False
        return True

    def _is_model(self, call: cst.Call, loop: cst.For) -> bool:
        """Whether what is read from a file surely is a model, or the weights of one."""
        whole = self._file.loading.whole(call)
        if self._file.loading.loads(call):
            return True
        if self._file.name(call.func) != "torch.load":
            return False
        match self._file.parent(whole):
            case cst.Arg() as arg:
                outer = self._file.parent(arg)
                return isinstance(outer, cst.Call) and self._file.text_of(outer.func).endswith(".load_state_dict")
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))]):
                text = self._file.text_of(loop)
                parts = re.findall(rf"\b(\w+) *= *{name}\b[\[.]", text)
                loaded = re.search(rf"\.load_state_dict\(\s*{name}\b", text)
                return bool(loaded) or any(re.search(rf"\b{one}\.eval\(\)", text) for one in (name, *parts))
        return self._file.text_of(whole).endswith(".eval()")


def _listed(over: cst.BaseExpression) -> list[cst.BaseExpression]:
    """What a loop takes its items from: `names` and `paths` of `enumerate(zip(names, paths))`."""
    match over:
        case cst.Call(func=cst.Name("enumerate" | "zip" | "tqdm" | "sorted" | "range" | "len"), args=args):
            return [one for arg in args for one in _listed(arg.value)]
        case cst.Call(func=cst.Attribute(value=held, attr=cst.Name("items" | "keys" | "values")), args=[]):
            return [held]
    return [over]
