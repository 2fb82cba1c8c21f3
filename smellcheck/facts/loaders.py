"""How a data loader is used: which loops read it, how often, and where its batches go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from .containers import prepared
from .frameworks import LIGHTNING_BASES
from .gpus import Gpus
from .scopes import targets
from .tree import descend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..file import File
    from .loops import Loop
    from .scopes import Definition

#: What draws samples at random, and what goes on for ever so that workers live on.
_DRAWS = re.compile(r"random|weighted|distributed|episod", re.I)
_ENDLESS = re.compile(r"infinite|repeat|endless|cycle|forever", re.I)
_EVALUATES = re.compile(r"test|val|eval|infer|pred", re.I)
#: The methods that Lightning asks for loaders, and what makes a trainer of it.
_GIVES = re.compile(r"^(train|val|test|predict)_dataloader$")
_TRAINERS = frozenset({"Trainer", "from_argparse_args"})
#: Callers are followed so far.
_DEEPEST = 3


class StandIn(NamedTuple):
    """What stands in a file for a loader that another module makes."""

    #: A parameter, or a call that gives it back, at a place of a tuple where there is a path.
    node: cst.CSTNode
    path: tuple[int, ...] = ()
    #: The call that gives the parameter its value, the function that it calls, and where the call stands.
    call: cst.Call | None = None
    function: cst.FunctionDef | None = None
    home: File | None = None
    #: What is given for it there, and the loaders of that file.
    given: cst.CSTNode | None = None
    known: Loaders | None = None


class Loaders:
    """The data loaders of one file; each answer is yes only where it is sure."""

    def __init__(self, file: File, stand_in: StandIn | None = None) -> None:
        self._file = file
        self._stand_in = stand_in
        self._gpus = Gpus(file, stand_in)
        self._read: dict[cst.CSTNode, list[Loop]] | None = None
        self._restarts: dict[cst.CSTNode, cst.Call] | None = None

    def readers(self, loader: cst.CSTNode) -> list[Loop]:
        """The `for` loops that surely read this loader."""
        if self._read is None:
            self._read = {}
            for node in self._file.all(cst.For):
                loop = self._file.context.loop(node)
                for made in self.meant(_logged(loop.over)) if loop.over is not None and not loop.indexed else ():
                    self._read.setdefault(made, []).append(loop)
        return self._read.get(loader, [])

    def meant(self, node: cst.CSTNode, depth: int = 0) -> set[cst.CSTNode]:
        """The loaders that an expression surely is: a parameter is whichever a call gives for it."""
        if self._stand_in is not None and (other := self._standing(node, self._stand_in)) is not None:
            return {other}
        value = self._file.values.of(node)
        if value is not None and (value.made is not None or value.kind != "loader"):
            return {value.made} if value.kind == "loader" and value.made is not None else set()
        bound = self._file.scopes.reaching(node) if isinstance(node, cst.Name) and depth <= _DEEPEST else ()
        given: list[cst.CSTNode | None] = self._kept(node) if depth <= _DEEPEST else []
        if len(bound) == 1 and bound[0].kind == "parameter":
            given = self._passed(bound[0])
        elif len(bound) == 1 and isinstance(bound[0].value, cst.Call) and len(bound[0].path) == 1:
            given = [prepared(bound[0].value, bound[0].path[0])]
        return {made for one in given if one is not None for made in self.meant(one, depth + 1)}

    def _passed(self, bound: Definition) -> list[cst.CSTNode | None]:
        """What the calls of a function in this file give for a parameter."""
        function, calls = bound.scope.node, self._file.calls
        if not isinstance(function, cst.FunctionDef):
            return []
        return [calls.argument_of(call, function, bound) for call in calls.passing(function)]

    def _kept(self, node: cst.CSTNode) -> list[cst.CSTNode | None]:
        """What an object is given to keep as an attribute, or a dictionary that is written out as an item."""
        match node:
            case cst.Subscript(value=held, slice=[cst.SubscriptElement(slice=cst.Index(value=key))]):
                return [one for made in self._dictionaries(held) for one in self._items(made, key)]
            case cst.Attribute(value=cst.Name("self"), attr=cst.Name(value=name)):
                owner = self._file.calls.enclosing_class(node)
                kept = self._file.values.attribute_values(owner, name) if owner is not None else []
                return list(kept) if len(kept) == 1 else []
        return []

    def _dictionaries(self, node: cst.CSTNode, depth: int = 0) -> list[cst.CSTNode]:
        """The dictionaries that an expression surely is one of: a parameter is whichever a call gives for it."""
        bound = self._file.scopes.reaching(node) if isinstance(node, cst.Name) else ()
        if len(bound) == 1 and bound[0].kind == "parameter" and depth <= _DEEPEST:
            passed = (one for one in self._passed(bound[0]) if one is not None)
            return [made for one in passed for made in self._dictionaries(one, depth + 1)]
        made = self._file.scopes.written(node)
        kept = self._kept(node) if isinstance(node, cst.Attribute) else [made]
        return [one for one in kept if isinstance(one, cst.Dict | cst.DictComp)]

    def _items(self, made: cst.CSTNode, key: cst.BaseExpression) -> Iterator[cst.CSTNode]:
        """What a dictionary has at a key: one whose items are all made in one place has that at each."""
        spelled = self._file.text_of(key).strip("\"'")
        match made:
            case cst.DictComp(value=value):
                yield value
            case cst.Dict(elements=elements) if isinstance(key, cst.SimpleString):
                for one in elements:
                    if isinstance(one, cst.DictElement) and self._file.text_of(one.key).strip("\"'") == spelled:
                        yield one.value

    def _standing(self, node: cst.CSTNode, stand_in: StandIn) -> cst.CSTNode | None:
        """What stands for a loader of another module, where an expression is that or something made along with it."""
        if node is stand_in.node and not stand_in.path:
            return node
        bound = self._file.scopes.reaching(node) if isinstance(node, cst.Name) else ()
        if len(bound) != 1 or stand_in.node not in (bound[0].node, bound[0].value):
            return None
        if bound[0].node is stand_in.node or (bound[0].kind == "assign" and bound[0].path == stand_in.path):
            return stand_in.node
        return bound[0].node if bound[0].kind == "assign" else None

    def many_epochs(self, loader: cst.Call, loop: Loop) -> bool:
        """Whether a loop reads a loader to its end again and again, and the loader is made once for all of that."""
        return self.again(loader, loop.node)

    def again(self, loader: cst.CSTNode, node: cst.CSTNode, depth: int = 0) -> bool:
        """The same for a loop or a call at a node."""
        context = self._file.context
        for around in context.loops(node):
            # A loop that waits for an end, and reads a loader to its end in each turn, counts epochs in its own way.
            if around.kind in ("epoch", "stream") and not context.within(loader, around.node):
                return not context.is_guarded(node, around.node)
        function = context.function(node)
        if function is None or depth > _DEEPEST or context.function(loader) is function:
            return False
        given = {
            call: {made for arg in call.args for made in self.meant(arg.value)}
            for call in self._file.calls.passing(function)
        }
        # Where calls surely give this loader, it is read by these alone; else by any that does not give others.
        calls = [call for call, loaders in given.items() if loader in loaders]
        calls = calls or [call for call, loaders in given.items() if not loaders]
        return any(self.again(loader, call, depth + 1) for call in calls)

    def restarted(self, loader: cst.Call) -> bool:
        """Whether a training makes a new iterator of a loader whenever the last one has come to its end."""
        if not self._file.phase.file_trains:
            return False
        if self._restarts is None:
            self._restarts = {made: call for call in self._renewals() for made in self._iterated(call.args[0].value)}
        call = self._restarts.get(loader)
        around = self._file.context.loops(call) if call is not None else []
        return bool(around) and not self._file.context.within(loader, around[-1].node)

    def _renewals(self) -> Iterator[cst.Call]:
        """The iterators that are made where another one has ended, in a loop."""
        for call in self._file.calls.named(frozenset({"iter", "enumerate"})):
            above = [each for _, each in self._file.context.ancestors(call)]
            handlers = [one for one in above if isinstance(one, cst.ExceptHandler)]
            if not call.args or not isinstance(call.func, cst.Name) or not handlers or handlers[0].type is None:
                continue
            # Who draws a batch only now and then seldom reaches an end.
            deciding = next((one for one in above if isinstance(one, cst.For | cst.While | cst.If)), None)
            if "StopIteration" in self._file.text_of(handlers[0].type) and isinstance(deciding, cst.For | cst.While):
                yield call

    def _iterated(self, node: cst.BaseExpression) -> set[cst.CSTNode]:
        """The loaders that an expression may be: one of a list that is written out, too."""
        made = self._file.scopes.written(node.value) if isinstance(node, cst.Subscript) else None
        if isinstance(made, cst.ListComp):
            return {made.elt}
        if isinstance(made, cst.List):
            return {found for one in made.elements for found in self.meant(one.value) | {one.value}}
        return self.meant(node)

    def handed_out(self, loader: cst.Call) -> bool:
        """Whether a function gives back a shuffled loader that it makes, and modules of the project train in epochs."""
        # That of an evaluation may be read only once.
        project = self._file.project
        train = project is not None and set(project.calling("backward") or ()) & set(project.mentioning("epoch") or ())
        return bool(train) and self._for_training(loader)

    def handed_to_cuda(self, loader: cst.Call) -> bool:
        """Whether a function gives back a shuffled loader that it makes, and the project trains on CUDA devices."""
        project = self._file.project
        on = project is not None and project.calling("backward") and project.calling("cuda")
        return bool(on) and self._for_training(loader)

    def _for_training(self, loader: cst.Call) -> bool:
        """Whether a function makes a loader and gives it back, to be read as a training does."""
        file = self._file
        function = file.context.function(loader)
        if function is None or not self._shuffles(loader) or not self._given_back(loader, function):
            return False
        calls = file.calls.passing(function)
        if any(file.context.loops(call) for call in (loader, *calls)):
            return False
        # Who calls it here and trains nothing looks at samples, or at what a trained model makes of them.
        homes = {call: home for call in calls if (home := file.context.function(call)) is not None}
        return not calls or any(self._given_back(*one) for one in homes.items()) or file.phase.file_trains

    def _shuffles(self, loader: cst.Call) -> bool:
        """Whether a loader gives its samples in another order each time it is read, and comes to an end."""
        samplers = (
            self._file.workers.setting(loader, "sampler", 3),
            self._file.workers.setting(loader, "batch_sampler", 4),
        )
        for given in samplers:
            if given is not None and _ENDLESS.search(self._file.text_of(self._file.scopes.written(given) or given)):
                return False
        given = self._file.workers.setting(loader, "shuffle", 2)
        if given is None:
            return any(
                each is not None and _DRAWS.search(self._file.text_of(self._file.scopes.written(each) or each))
                for each in samplers
            )
        # A name may be bound in several ways, of which one shuffles.
        made = [one.value for one in self._file.scopes.reaching(given)] if isinstance(given, cst.Name) else []
        return any(one is None or self._file.text_of(one) not in ("False", "0", "None") for one in made or [given])

    def _given_back(self, loader: cst.Call, function: cst.FunctionDef) -> bool:
        """Whether a loader, or the name that it is bound to, is what a function returns for a training."""
        file = self._file
        if any(isinstance(node, cst.Yield) for node in file.calls.own_nodes(function)):
            return False
        names: list[cst.CSTNode] = [loader]
        match file.parent(loader):
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as bound)]):
                if _EVALUATES.search(bound.value):
                    return False
                names += file.uses(bound)
        return any(isinstance(self._holding(one), cst.Return) for one in names)

    def _holding(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """What stands around a value and the tuples, lists and choices that it is a part of."""
        above = self._file.parent(node)
        while isinstance(above, cst.Element | cst.Tuple | cst.List | cst.DictElement | cst.Dict | cst.IfExp):
            above = self._file.parent(above)
        return above

    def to_cuda(self, loop: Loop) -> bool:
        """Whether what a loop reads is surely moved to a CUDA device, wherever there is one."""
        return next(self.moves(loop), None) is not None

    def moves(self, loop: Loop) -> Iterator[cst.Call]:
        """The calls that surely move what a loop reads to a CUDA device, wherever there is one."""
        for node in descend(loop.node, into_functions=False):
            if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and self._gpus.is_move(node):
                if self._from_batch(node.func.value, loop, 0):
                    yield node

    def given_to_lightning(self, loader: cst.Call) -> bool:
        """Whether a method gives a loader to a trainer of Lightning that surely moves its batches to GPUs."""
        file = self._file
        function, owner = file.context.function(loader), file.calls.enclosing_class(loader)
        if function is None or owner is None or not _GIVES.match(function.name.value):
            return False
        if not any(LIGHTNING_BASES.search(file.name(base.value) or "") for base in owner.bases):
            return False
        return any(self._has_gpus(call) for call in file.calls.named(_TRAINERS))

    def _has_gpus(self, trainer: cst.Call) -> bool:
        """Whether a trainer is given a number of GPUs, or told to use them."""
        for name, given in (("gpus", r"[1-9]\d*|-1"), ("accelerator", r"[\"'](gpu|cuda)[\"']")):
            arg = self._file.argument(trainer, name)
            if arg is not None and re.fullmatch(given, self._file.text_of(arg.value)):
                return True
        return False

    def _from_batch(self, node: cst.CSTNode, loop: Loop, depth: int) -> bool:
        """Whether an expression is a part of what the loop has read."""
        file = self._file
        while isinstance(node, cst.Subscript | cst.Attribute | cst.Call):
            if isinstance(node, cst.Call) and node.args and file.name(node.func) == "torch.autograd.Variable":
                node = node.args[0].value
            else:
                node = node.func if isinstance(node, cst.Call) else node.value
        if not isinstance(node, cst.Name) or depth > _DEEPEST or not isinstance(loop.node, cst.For):
            return False
        if node.value in {name for name, _ in targets(loop.node.target)}:
            return True
        return any(
            one.value is not None
            and one.kind in ("assign", "for", "comprehension")
            and file.context.within(one.value, loop.node)
            and self._from_batch(one.value, loop, depth + 1)
            for one in file.scopes.reaching(node)
        )


def _logged(over: cst.CSTNode) -> cst.CSTNode:
    """What a loop goes over behind a logger that prints a line now and then: `logger.log_every(loader, 10)`."""
    match over:
        case cst.Call(
            func=cst.Attribute(attr=cst.Name("log_every")), args=[cst.Arg(value=inner, star="", keyword=None), *_]
        ):
            return inner
    return over
