"""Loops that take a tensor element by element: which tensor it is, as far as the code shows that it surely is one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File
    from .loops import LoopNode

#: What is made for settings or cut into pieces is small, or holds no numbers one by one.
_SCHEDULE = re.compile(r"torch\.(linspace|arange|logspace|full|zeros|ones)\(|split|chunk|unbind")

_FIRST = re.compile(r"\blen\(\w*state\w*\) == 0|not (in )?\w*state|random")
_SAME = re.compile(r"^(detach|clone|float|squeeze|flatten|view|reshape|contiguous|long|int|data)$")
_NEW = re.compile(r"^new_(zeros|ones|full|empty|tensor)$")
_REDUCES = ("norm", "mean", "sum")
_MADE_THERE = {f"torch.{name}" for name in ("arange", "randperm", "zeros", "ones", "linspace", "from_numpy", "rand")}


class Elements:
    """Answers for the loops of one file; `None` where it is not sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def read_by(self, call: cst.Call, loop: cst.CSTNode) -> cst.BaseExpression | None:
        """The tensor of which a loop reads a number or copies a piece in each turn, or what gives the parameters."""
        match call:
            case cst.Call(func=cst.Attribute(value=read, attr=cst.Name("item" | "cpu" as method)), args=[]):
                pass
            case _:
                return None
        loops = self._file.context.loops(call)
        if not loops or loops[0].node is not loop or loops[0].kind == "few":
            return None
        over = loops[0].over
        if isinstance(over, cst.BaseExpression) and self.is_parameters(over):
            # Weights that are copied go somewhere, each on its own; and the count of steps of each is on the host.
            computed = self._is_reduced(read) or (method == "item" and cst.Call in (type(over), type(read)))
            return over if computed and not self._is_begun(call, loop) else None
        while isinstance(read, cst.Call) and isinstance(read.func, cst.Attribute) and _SAME.match(read.func.attr.value):
            read = read.func.value
        # What is sent back at once is neither drawn nor saved.
        part, copied = read, method == "cpu" and not self._is_sent_back(call)
        # Of a row that is cut, only a part may be wanted.
        while (
            copied
            and isinstance(part, cst.Subscript)
            and not any(isinstance(one.slice, cst.Slice) for one in part.slice)
        ):
            part = part.value
        taken = self.iterated(part, loops[0].node, copied=copied) if isinstance(part, cst.Name) else None
        if taken is not None:
            return taken
        if not isinstance(read, cst.Subscript):
            return None
        taken = self.indexed(read, loops[0].node)
        # Pieces of a batch that go to the host are drawn or saved, each by itself.
        return None if copied and taken is not None and self._file.values.kind(taken) != "tensor" else taken

    def summed_by_row(self, call: cst.Call) -> cst.BaseExpression | None:
        """The tensor of which the loop around a call reads the sum of one row in each turn: `int(mask[row].sum())`."""
        file, loops = self._file, self._file.context.loops(call)
        match call, loops:
            case (
                cst.Call(
                    func=cst.Attribute(
                        value=cst.Subscript(
                            value=cst.Name() as rows,
                            slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Name() as at))],
                        ),
                        attr=cst.Name("sum"),
                    ),
                    args=[],
                ),
                [first, *_],
            ) if first.kind != "few":
                pass
            case _:
                return None
        if isinstance(first.node, cst.While):
            return None
        clause, bound = first.node if isinstance(first.node, cst.For) else first.node.for_in, file.scopes.reaching(at)
        if len(bound) != 1 or bound[0].node is not clause:
            return None
        counts = "range(" if not bound[0].path else "enumerate(" if bound[0].path == (0,) else None
        if counts is None or not file.text_of(clause.iter).startswith(counts):
            return None
        if not self._is_number(call) or not file.context.invariant(rows, first.node):
            return None
        return rows if self._is_read(rows) or self._is_handed_to_torch(rows, first.node) else None

    def _is_number(self, call: cst.Call) -> bool:
        """Whether a number is made of what a call gives: `int(x)`, `float(x)`, `x.item()`."""
        match above := self._file.parent(call):
            case cst.Attribute(attr=cst.Name("item")):
                return True
            case cst.Arg():
                cast = self._file.parent(above)
                return isinstance(cast, cst.Call) and self._file.text_of(cast.func) in ("int", "float")
        return False

    def _is_handed_to_torch(self, rows: cst.Name, loop: cst.CSTNode) -> bool:
        """Whether a loop hands a row, brought to the host by nobody, to a function of torch that takes tensors."""
        file = self._file
        handed = [
            arg.value.value
            for one in file.tree.of_type(cst.Call, loop)
            if (file.name(one.func) or "").startswith("torch.") and not (file.name(one.func) or "").endswith("tensor")
            for arg in one.args[:1]
            if isinstance(arg.value, cst.Subscript)
        ]
        return any(file.same(one, rows) for one in handed) and not file.readbacks.on_host(rows)

    def _is_begun(self, call: cst.Call, loop: cst.CSTNode) -> bool:
        """Whether a loop makes a call only where a parameter is met for the first time, or by chance."""
        for child, above in self._file.context.ancestors(call):
            if above is loop:
                return False
            if isinstance(above, cst.If) and child is above.body and _FIRST.search(self._file.text_of(above.test)):
                return True
        return False

    def first_read(self, loop: cst.CSTNode) -> cst.Call | None:
        """The first call in a loop that reads a number of a tensor in each turn."""
        return next(
            (one for one in self._file.tree.of_type(cst.Call, loop) if self.read_by(one, loop) is not None), None
        )

    def _is_reduced(self, read: cst.BaseExpression) -> bool:
        """Whether a call makes one number of a tensor: `torch.norm(x)`, `x.norm()`."""
        match read:
            case cst.Call(func=func, args=[] | [_]) if (self._file.name(func) or "").startswith("torch."):
                return (self._file.name(func) or "").removeprefix("torch.") in _REDUCES
            case cst.Call(func=cst.Attribute(attr=cst.Name(value=method)), args=[]):
                return method in _REDUCES
        return False

    def is_parameters(self, over: cst.CSTNode | None) -> bool:
        """Whether a loop runs over `model.parameters()`, a list of them, or those of a group of an optimizer."""
        if isinstance(over, cst.Name):
            made = [one.value for one in self._file.scopes.reaching(over) if one.kind == "assign" and not one.path]
            over = made[0] if len(made) == 1 == len(self._file.scopes.reaching(over)) else None
            match over:
                case cst.Call(func=cst.Name("list"), args=[cst.Arg(value=cst.Call() as listed)]):
                    over = listed
                case _:
                    return False
        match over:
            case cst.Call(func=cst.Attribute(attr=cst.Name("parameters" | "named_parameters")), args=[]):
                return True
            case cst.Subscript(
                value=cst.Name(), slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString() as key))]
            ):
                return key.evaluated_value == "params"
        return False

    def gathered(self, listed: cst.Name) -> list[cst.BaseExpression]:
        """What a function puts into the list that `listed` reads, and that it begins empty; nothing where not sure."""
        file = self._file
        function = file.context.function(listed)
        bound = [one for one in file.scopes.definitions(listed) if one.kind != "augment"]
        starts = [file.scopes.part(one.value, one.path) for one in bound if isinstance(one.value, cst.BaseExpression)]
        empty = [one for one in starts if isinstance(one, cst.List) and not one.elements]
        if function is None or not empty or len(empty) != len(bound):
            return []
        found: list[cst.BaseExpression] = []
        for name in file.tree.named(listed.value, function):
            match file.parent(name):
                case cst.AugAssign(value=cst.List(elements=elements)) as grown if grown.target is name:
                    found += [one.value for one in elements]
                case cst.Attribute(attr=cst.Name("append")) as method:
                    match file.parent(method):
                        case cst.Call(args=[cst.Arg(value=given)]):
                            found.append(given)
                case cst.AugAssign() as grown if grown.target is name:
                    return []
                case cst.Attribute(attr=cst.Name("extend" | "insert")):
                    return []
        return found

    def on_device(self, node: cst.BaseExpression) -> bool:
        """Whether an expression surely is a tensor that the host has not got: known as one, or copied elsewhere."""
        file = self._file
        if file.readbacks.on_host(node) or self.made_on_host(node):
            return False
        if file.values.kind(node) == "tensor":
            return True
        function = file.context.function(node)
        return isinstance(node, cst.Name) and any(
            isinstance(above := file.parent(name), cst.Attribute) and above.attr.value in ("cpu", "detach")
            for name in (file.tree.named(node.value, function) if function is not None else ())
        )

    def made_on_host(self, tensor: cst.CSTNode | None) -> bool:
        """Whether a tensor was surely made where nobody has to wait for it, and stayed there."""
        file = self._file
        owner = file.calls.enclosing_class(tensor) if tensor is not None else None
        if owner is not None and file.values.is_dataset_class(owner):
            return ".cuda(" not in file.text_of(owner) and ".to(" not in file.text_of(owner)
        match tensor:
            case cst.Subscript(value=inner):
                return self.made_on_host(inner)
            case cst.Name():
                reaching = file.scopes.reaching(tensor)
                return len(reaching) == 1 and reaching[0].kind == "assign" and self.made_on_host(reaching[0].value)
            case cst.Call(func=func) if (file.name(func) or "") in _MADE_THERE:
                return file.argument(tensor, "device") is None and not any(arg.star for arg in tensor.args)
        return False

    def iterated(self, item: cst.Name, loop: LoopNode, *, copied: bool = False) -> cst.BaseExpression | None:
        """The tensor whose items a loop gives by a name: `for x in t`, `enumerate(t)`, `zip(a, t)`.

        What was compared with a number may be an array as well; not where its items are `copied` by `cpu()`.
        """
        if isinstance(loop, cst.While):
            return None
        reaching = self._file.scopes.reaching(item)
        clause = loop if isinstance(loop, cst.For) else loop.for_in
        if len(reaching) != 1 or reaching[0].node is not clause:
            return None
        over, path = clause.iter, reaching[0].path
        while isinstance(over, cst.Call) and isinstance(over.func, cst.Name) and path:
            match over.func.value, over.args:
                case "enumerate", [first, *_] if path[0] == 1:
                    over, path = first.value, path[1:]
                case "zip", args if 0 <= path[0] < len(args):
                    over, path = args[path[0]].value, path[1:]
                case _:
                    return None
        return over if not path and self._is_read(over, copied=copied) else None

    def indexed(self, item: cst.Subscript, loop: LoopNode) -> cst.BaseExpression | None:
        """The tensor of which a loop takes one number after another by an index."""
        base: cst.BaseExpression = item
        steps: set[str] = set()
        while isinstance(base, cst.Subscript):
            if any(isinstance(part.slice, cst.Slice) for part in base.slice):
                return None
            if any(isinstance(below, cst.SimpleString) for part in base.slice for below in self._file.tree.below(part)):
                return None
            steps |= {name.value for part in base.slice for name in self._file.names_in(part)}
            base = base.value
        described = self._file.context.loop(loop)
        turned = (
            {name.value for name in self._file.names_in(described.target)} if described.target is not None else set()
        )
        if not steps & turned or not self._file.context.invariant(base, loop):
            return None
        return base if isinstance(base, cst.Name | cst.Attribute) and self._is_read(base) else None

    def _is_read(self, tensor: cst.BaseExpression, *, copied: bool = False) -> bool:
        """Whether an expression surely is a tensor, and not one that was made or brought to the host."""
        made = self._origins(tensor)
        masks = copied and all(self._is_mask(one) for one in made[1:] or made)
        known = masks or self._file.values.kind(tensor) == "tensor" or (not copied and self._is_moved(tensor))
        if not (known or self._is_new(tensor)) or self._file.readbacks.on_host(tensor):
            return False
        # A loss or a network of one's own may give several tensors at once.
        several = any(
            isinstance(one, cst.Call) and self._file.values.kind(one.func) in ("module", "loss") for one in made
        )
        return not several and not any(_SCHEDULE.search(self._file.text_of(one)) for one in made)

    def _is_sent_back(self, call: cst.Call) -> bool:
        """Whether what is made of a piece is moved to a device in the same expression: `f(x.cpu()).to(device)`."""
        for _, above in self._file.context.ancestors(call):
            target = self._file.moves.destination(above)
            if target is not None and "cpu" not in target:
                return True
            if not isinstance(above, cst.Arg | cst.Call | cst.Attribute):
                return False
        return False

    def _is_new(self, tensor: cst.CSTNode | None, depth: int = 0) -> bool:
        """Whether a name holds what only a tensor can make, or rows cut of it: `x.new_zeros(n)`."""
        match tensor:
            case cst.Call(func=cst.Attribute(attr=cst.Name(value=method))):
                return bool(_NEW.match(method))
            case cst.Subscript(value=cst.Name() as inner) if depth < 2:
                return self._is_new(inner, depth + 1)
            case cst.Name():
                reaching = self._file.scopes.reaching(tensor)
                return len(reaching) == 1 and not reaching[0].path and self._is_new(reaching[0].value, depth)
        return False

    def _is_moved(self, tensor: cst.BaseExpression) -> bool:
        """Whether a name was surely moved to a device: of what has items that are read so, only a tensor can be."""
        reaching = self._file.scopes.reaching(tensor) if isinstance(tensor, cst.Name) else ()
        made = [
            self._file.scopes.part(one.value, one.path)
            if one.kind == "assign" and isinstance(one.value, cst.BaseExpression)
            else None
            for one in reaching
        ]
        moves = [self._file.moves.destination(_uncast(one)) if one is not None else None for one in made]
        return bool(moves) and all(where is not None and "cpu" not in where for where in moves)

    def _is_mask(self, made: cst.CSTNode) -> bool:
        """Whether something unknown was compared with a number: of what has items, a tensor or an array."""
        match made:
            case cst.Comparison(comparisons=[cst.ComparisonTarget(operator=operator, comparator=bound)]):
                ordered = isinstance(
                    operator, cst.GreaterThan | cst.GreaterThanEqual | cst.LessThan | cst.LessThanEqual
                )
                return ordered and isinstance(bound, cst.Float | cst.Integer) and self._file.values.kind(made) is None
        return False

    def _origins(self, node: cst.BaseExpression) -> list[cst.CSTNode]:
        """The expression, and what its name is bound to."""
        bound = self._file.scopes.reaching(node) if isinstance(node, cst.Name) else ()
        return [node, *(one.value for one in bound if one.value is not None and one.kind in ("assign", "for"))]


def _uncast(made: cst.BaseExpression) -> cst.BaseExpression:
    """What is cast or seen otherwise: `x.to(device)` of `x.to(device).float()`."""
    while isinstance(made, cst.Call) and isinstance(made.func, cst.Attribute) and _SAME.match(made.func.attr.value):
        made = made.func.value
    return made
