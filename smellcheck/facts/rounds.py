"""What the rounds of a loop share: whether each stands on its own, and whether all of them run to the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from .scopes import COMPREHENSIONS, Definition, bound_names, targets
from .tree import children, descend, dotted

if TYPE_CHECKING:
    from ..file import File
    from .loops import LoopNode

# Rounds that are timed or wait for somebody are not waiting to become one batch.
_CLOCKS = re.compile(r"^(time\.\w+|timeit\.default_timer|torch\.cuda\.synchronize|input)$")
_STREAM = re.compile(r"stdin|stream|consumer|queue|socket|camera|capture|listen|poll\b|subscri", re.I)
# Calls whose result nobody takes, and which still change nothing that a later round reads.
_QUIET = re.compile(
    r"^(print|len|log\w*|logger|logging|tqdm|pbar|\w*bar|progress\w*|st|console|warnings|sys|time)\b", re.I
)
_LAZY = {"any", "all", "next", "iter", "islice", "takewhile"}


class Rounds:
    """The rounds of one loop."""

    def __init__(self, file: File, loop: LoopNode) -> None:
        self._file = file
        self._loop = loop
        self.variables = frozenset(variables(loop))
        self._bound = bound_names(loop) if isinstance(loop, cst.For) else set[str]()
        self._mutated = frozenset(self._mutations())
        self._seen: set[Definition] = set()

    def own(self, node: cst.CSTNode) -> bool:
        """Whether an expression reads the loop variable, and nothing that a round leaves for the next."""
        return self._depends(node) is True

    def same(self, node: cst.CSTNode) -> bool:
        """Whether an expression is the same in every round, and no round changes what it stands for."""
        if not self._file.context.invariant(node, self._loop):
            return False
        chain = ".".join(dotted(node) or [])
        return not any(_touch(chain, changed) for changed in self._mutated) if chain else self._depends(node) is False

    def cut_short(self, call: cst.Call) -> bool:
        """Whether rounds are lazy, end early, wait, are timed, or only some of them make the call."""
        loop = self._loop
        if isinstance(loop, cst.GeneratorExp):
            above = self._file.parent(self._file.parent(loop) or loop)
            if not isinstance(above, cst.Call) or _last(above.func) in _LAZY:
                return True
        if isinstance(loop, cst.For):
            if loop.asynchronous is not None or _STREAM.search(self._file.text_of(loop.iter)):
                return True
            if any(self._ends(node) for node in descend(loop.body, into_functions=False)):
                return True
        elif any(isinstance(node, cst.CompFor) and node.asynchronous is not None for node in descend(loop)):
            return True
        for child, above in self._file.context.ancestors(call):
            if above is loop:
                break
            if isinstance(above, cst.If | cst.IfExp) and child is not above.test and self._sparse(above.test):
                return True
        return False

    def _ends(self, node: cst.CSTNode) -> bool:
        """Whether a statement ends the loop, waits, takes the time, or skips rounds for what came before."""
        match node:
            case cst.Return() | cst.Yield():
                return True
            case cst.Break():
                around = (
                    above for _, above in self._file.context.ancestors(node) if isinstance(above, cst.For | cst.While)
                )
                return next(around, None) is self._loop
            case cst.Continue():
                tests = (above.test for _, above in self._file.context.ancestors(node) if isinstance(above, cst.If))
                test = next(tests, None)
                return test is not None and self._sparse(test)
            case cst.Call():
                return bool(_CLOCKS.match(self._file.name(node.func) or self._file.text_of(node.func)))
        return False

    def _sparse(self, test: cst.BaseExpression) -> bool:
        """Whether a condition lets only some rounds through, by number, debug flag or earlier rounds."""
        if any(isinstance(node, cst.Modulo) for node in descend(test)) or re.search(
            "debug|verbose", self._file.text_of(test)
        ):
            return True
        match test:
            case cst.Comparison(
                left=cst.Name(value=name), comparisons=[cst.ComparisonTarget(comparator=cst.Integer())]
            ):
                return name in self.variables
        return self._depends(test) is None

    # -- what reaches an expression -------------------------------------------------------------

    def _depends(self, node: cst.CSTNode) -> bool | None:
        """Whether the loop variable reaches an expression; `None` when an earlier round may reach it too."""
        found = False
        for name in read(node):
            if name.value in self.variables:
                found = True
            elif name.value in self._bound:
                inner = self._through(name)
                if inner is None:
                    return None
                found |= inner
            elif any(_touch(self._chain(name), changed) for changed in self._mutated):
                return None
        return found

    def _through(self, name: cst.Name) -> bool | None:
        """The same for a name that is bound in the round."""
        found = False
        for definition in self._file.scopes.reaching(name):
            if definition.value is None or definition.kind not in ("assign", "with", "for"):
                return None
            # What is bound anew in every round may be changed in it: the next round does not see it.
            if not self._file.context.within(definition.node, self._loop):
                return None
            if definition not in self._seen:
                self._seen.add(definition)
                inner = self._depends(definition.value)
                if inner is None:
                    return None
                found |= inner
        return found

    def _chain(self, name: cst.Name) -> str:
        """The dotted chain that a name begins; of a method call its owner, which the method may read."""
        node: cst.CSTNode = name
        while isinstance(above := self._file.parent(node), cst.Attribute) and above.value is node:
            called = self._file.parent(above)
            if isinstance(called, cst.Call) and called.func is above:
                break
            node = above
        return ".".join(dotted(node) or [name.value])

    def _mutations(self) -> Iterator[str]:
        """The dotted chains of objects that a round changes in place."""
        for node in descend(self._loop, into_functions=False):
            match node:
                case cst.Assign():
                    changed = [_base(target.target) for target in node.targets]
                case cst.AugAssign(target=target) | cst.AnnAssign(target=target):
                    changed = [_base(target)]
                case cst.Expr(value=cst.Call(func=func, args=args)) if not _QUIET.match(self._file.text_of(func)):
                    # A call whose result nobody takes is there for what it changes.
                    changed = [func.value] if isinstance(func, cst.Attribute) else [arg.value for arg in args]
                case _:
                    continue
            for base in changed:
                if base is not None and (chain := dotted(base)):
                    yield ".".join(chain)


def variables(loop: LoopNode) -> Iterator[str]:
    """The names that a `for` or the clauses of a comprehension bind."""
    clauses = [loop] if isinstance(loop, cst.For) else [node for node in descend(loop) if isinstance(node, cst.CompFor)]
    for clause in clauses:
        if isinstance(clause, cst.For | cst.CompFor):
            for name, _ in targets(clause.target):
                yield name


def read(node: cst.CSTNode) -> Iterator[cst.Name]:
    """The names that an expression reads, attributes and keywords left out."""
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, cst.Name):
            yield current
        elif isinstance(current, cst.Attribute | cst.Arg):
            stack.append(current.value)
        else:
            stack.extend(children(current))


def _base(target: cst.BaseExpression) -> cst.BaseExpression | None:
    """The object that an assignment to a subscript or an attribute changes; `None` for a plain name."""
    if isinstance(target, cst.Subscript):
        while isinstance(target, cst.Subscript):
            target = target.value
        return target
    return target if isinstance(target, cst.Attribute) else None


def _touch(first: str, second: str) -> bool:
    return first == second or first.startswith(f"{second}.") or second.startswith(f"{first}.")


def _last(node: cst.CSTNode) -> str:
    match node:
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            return name
    return ""


__all__ = ["COMPREHENSIONS", "Rounds", "read", "variables"]
