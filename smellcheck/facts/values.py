"""What an expression surely is: module, tensor, array, loader, pipeline, encoder, estimator and so on, or `None`.

The entrance to what is known of values: names, calls and operators are answered here, the rest by modules of their own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import libcst as cst

from . import frameworks, methods
from .annotations import Annotations
from .attributes import Attributes
from .containers import Containers
from .evidence import Evidence
from .kinds import PENDING, Kind, Value, join
from .scopes import Definition

if TYPE_CHECKING:
    from ..file import File

#: How many expressions deep, and through how many in all, an answer is looked for: what is further is unknown.
_DEEPEST = 60
_LONGEST = 2000
#: What an operator gives when one side is of these kinds: the first that occurs.
_OPERANDS: tuple[Kind, ...] = ("output", "tensor", "array", "series", "list", "string")
#: What is compared element by element.
_COMPARED: tuple[Kind, ...] = ("output", "tensor", "array", "series")
_AUGMENTED: tuple[Kind, ...] = ("tensor", "output", "array", "list", "number")


class Values:
    """Kinds of values in one file; each answer computed once, `None` when two ways of reaching it disagree."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._known: dict[cst.CSTNode, Value | None] = {}
        self._defined: dict[Definition, Value | None] = {}
        self._depth = 0
        self._work = 0
        self._annotations = Annotations(file)
        self._evidence = Evidence(file)
        self._attributes = Attributes(file, self._evidence)
        self._containers = Containers(file)

    def of(self, node: cst.CSTNode) -> Value | None:
        """The value of an expression, if sure."""
        if node not in self._known:
            if not self._depth:
                self._work = 0
            self._work += 1
            if self._depth > _DEEPEST or self._work > _LONGEST:
                return None
            self._known[node] = PENDING
            self._depth += 1
            try:
                found = self._of(node)
            finally:
                self._depth -= 1
                del self._known[node]
            if found is PENDING and self._depth:
                return PENDING  # not an answer to keep: it depends on what is being worked out
            self._known[node] = None if found is PENDING else found
        return self._known[node]

    def kind(self, node: cst.CSTNode) -> Kind | None:
        """The kind of an expression's value, if sure."""
        value = self.of(node)
        return value.kind if value else None

    def is_module(self, node: cst.CSTNode) -> bool:
        """Whether the expression surely is a `torch.nn.Module` with parameters, and not a loss."""
        value = self.of(node)
        return value is not None and value.kind == "module" and not frameworks.stateless(value.name)

    def of_definition(self, definition: Definition) -> Value | None:
        """What one definition binds to its name, if sure."""
        if definition not in self._defined:
            self._defined[definition] = PENDING
            try:
                found = self._bound(definition)
            finally:
                del self._defined[definition]
            if found is PENDING:
                return PENDING if self._depth else None
            self._defined[definition] = found
        return self._defined[definition]

    def attribute_values(self, owner: cst.ClassDef, name: str) -> list[cst.CSTNode]:
        """Every expression assigned to `self.<name>` in the class and its ancestors in this file."""
        return self._attributes.assigned(owner, name)

    def is_dataset_class(self, cls: cst.ClassDef) -> bool:
        """Whether a class of this file is a data set, by its bases or, where these are out of sight, by their names."""
        bases = [base.value for line in self._file.calls.bases(cls) for base in line.bases if base.keyword is None]
        spelled = [(self._file.name(base) or self._file.text_of(base)).partition("[")[0] for base in bases]
        return any("Dataset" in name.rpartition(".")[2] for name in spelled)

    def is_module_class(self, cls: cst.ClassDef) -> bool:
        """Whether a class of this file is a `torch.nn.Module`."""
        unseen = False
        for ancestor in self._file.calls.bases(cls):
            for base in ancestor.bases:
                if base.keyword is not None or self._file.calls.local_class(base.value) is not None:
                    continue
                name = self._file.name(base.value)
                if name and frameworks.MODULE_BASES.match(name):
                    return True
                known = self._file.siblings.is_module_class(base.value)
                if known:
                    return True
                if known is False:
                    continue
                unseen |= name is not None and not name.startswith(
                    ("torch.", "abc.", "typing.", "enum.", "keras", "tensorflow")
                )
        # The base is the project's own and out of sight: a class with a `forward` in a torch file is a module.
        return unseen and self._file.calls.method(cls, "forward") is not None and self._file.torchlike

    def returned(self, function: cst.FunctionDef) -> Value | None:
        """What a function of this file returns, if every return agrees."""
        if function.asynchronous is not None:
            return None
        returns = [node for node in self._file.calls.own_nodes(function) if isinstance(node, cst.Return | cst.Yield)]
        if not returns or any(isinstance(node, cst.Yield) or node.value is None for node in returns):
            return self._annotations.promised(function.returns.annotation) if function.returns else None
        found = join([self.of(cast("cst.CSTNode", node.value)) for node in returns])
        if found is None and function.returns is not None:
            return self._annotations.promised(function.returns.annotation)
        return found

    # -- expressions ---------------------------------------------------------------------------

    def _of(self, node: cst.CSTNode) -> Value | None:
        match node:
            case cst.Name():
                return self._of_name(node)
            case cst.Attribute():
                return self._attributes.of(node)
            case cst.Call():
                return self._of_call(node)
            case cst.Subscript():
                return self._containers.subscript(node)
            case cst.Await(expression=inner) | cst.NamedExpr(value=inner) | cst.UnaryOperation(expression=inner):
                return self.of(inner)
            case cst.IfExp(body=body, orelse=orelse):
                return join([self.of(body), self.of(orelse)])
            case cst.BinaryOperation(left=left, right=right):
                kinds = {self.kind(left), self.kind(right)}
                return _first_of(_OPERANDS, kinds) or (Value("number") if kinds == {"number"} else None)
            case cst.Comparison(left=left, comparisons=[cst.ComparisonTarget(operator=operator, comparator=right)]):
                if not isinstance(operator, cst.In | cst.NotIn | cst.Is | cst.IsNot):
                    return _first_of(_COMPARED, {self.kind(left), self.kind(right)})
        return _literal(node)

    def _of_name(self, node: cst.Name) -> Value | None:
        if node.value in ("True", "False"):
            return Value("bool")
        if node.value == "None":
            return Value("none")
        reaching = self._file.scopes.reaching(node)
        found = join([self.of_definition(definition) for definition in reaching]) if reaching else None
        if (found is None or found.kind == "output") and reaching and self._evidence.of_name(node, reaching):
            return Value("module", "", None)
        return found

    def _of_call(self, node: cst.Call) -> Value | None:
        name = self._file.name(node.func) or (node.func.value if isinstance(node.func, cst.Name) else None)
        if name in frameworks.MODULE_WRAPPERS and node.args:
            inner = self.of(node.args[0].value)
            if inner is not None or name == "copy.deepcopy":
                return replace(inner, made=node) if inner else None
        kind = frameworks.makes(name) if name else None
        if kind is not None:
            if kind == "module" and (name or "").endswith("Loss"):
                kind = "loss"
            return Value(cast("Kind", kind), name or "", node)
        local = self._file.calls.local_class(node.func)
        if local is not None:
            if self.is_module_class(local):
                kind = "loss" if local.name.value.endswith("Loss") else "module"
                return Value(cast("Kind", kind), local.name.value, node, local)
            return None
        function = self._file.calls.callee(node)
        if function is not None:
            return self.returned(function)
        return self._file.siblings.made(node) or self._of_method(node)

    def _of_method(self, node: cst.Call) -> Value | None:
        called = self.of(node.func)
        if called is not None and called.kind in ("module", "loss"):
            return Value("tensor" if called.kind == "loss" else "output", "", node)
        if not isinstance(node.func, cst.Attribute):
            return None
        method = node.func.attr.value
        owner = self.of(node.func.value)
        if owner is PENDING:
            return PENDING
        if owner is not None:
            return methods.given(owner, method, node)
        if method == "eval" and not node.args and self._file.torchlike:
            return Value("module", "", node)
        return methods.given_by_any(method)

    # -- definitions ---------------------------------------------------------------------------

    def _bound(self, definition: Definition) -> Value | None:
        node, value = definition.node, definition.value
        match definition.kind:
            case "class":
                return Value("class", cls=cast("cst.ClassDef", node))
            case "function":
                return Value("function", made=node)
            case "assign" if value is not None:
                if isinstance(node, cst.AnnAssign):
                    promised = self._annotations.promised(node.annotation.annotation)
                    if promised is not None:
                        return promised
                return self._containers.unpacked(value, definition.path)
            case "augment":
                return self._augmented(cast("cst.AugAssign", node))
            case "for" if value is not None:
                return self._containers.element(value, definition.path)
            case "with" if value is not None and not definition.path:
                return self.of(value)
            case "parameter":
                return self._parameter(definition)
        return None

    def _augmented(self, node: cst.AugAssign) -> Value | None:
        kinds = {self.kind(node.value)} | {
            value.kind
            for other in self._file.scopes.definitions(cast("cst.Name", node.target))
            if other.kind == "assign" and (value := self.of_definition(other))
        }
        return _first_of(_AUGMENTED, kinds)

    def _parameter(self, definition: Definition) -> Value | None:
        param = cast("cst.Param", definition.node)
        # `*tensors: Tensor` says what each of them is.
        if param.annotation is not None and param.star not in ("*", "**"):
            promised = self._annotations.promised(param.annotation.annotation)
            # `Model: nn.Module` is a class handed over, whatever its annotation says.
            if promised is not None and not (promised.kind == "module" and definition.name[:1].isupper()):
                return promised
        function = definition.scope.node
        if isinstance(function, cst.FunctionDef):
            owner = self._file.calls.class_of(function)
            first = (*function.params.posonly_params, *function.params.params)[:1]
            if owner is not None and first == (param,) and definition.name == "self":
                return Value("module", owner.name.value, None, owner) if self.is_module_class(owner) else None
            passed = [
                self._file.calls.argument_of(call, function, definition) for call in self._file.calls.passing(function)
            ]
            values = [self.of(arg) for arg in passed if arg is not None]
            if values:
                return join(values)
        return None


def _first_of(kinds: tuple[Kind, ...], found: set[Kind | None]) -> Value | None:
    """The first of some kinds that was found; an output that is computed with is a tensor."""
    for kind in kinds:
        if kind in found:
            return Value("tensor" if kind == "output" else kind)
    return None


def _literal(node: cst.CSTNode) -> Value | None:
    match node:
        case cst.List() | cst.ListComp():
            return Value("list", "", node)
        case cst.Tuple():
            return Value("tuple", "", node)
        case cst.Dict() | cst.DictComp():
            return Value("dict", "", node)
        case cst.SimpleString() | cst.FormattedString() | cst.ConcatenatedString():
            return Value("string", "", node)
        case cst.Integer() | cst.Float():
            return Value("number", "", node)
    return None
