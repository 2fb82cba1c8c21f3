"""What an expression surely is: module, tensor, array, loader, pipeline, encoder, estimator and so on, or `None`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, cast

import libcst as cst

from . import frameworks
from .scopes import Definition
from .tree import children

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..file import File

Kind = Literal[
    "module", "loss", "output", "tensor", "array", "optimizer", "loader", "dataset", "pipeline", "encoder",
    "cross-encoder", "estimator", "tokenizer", "frame", "series", "list", "tuple", "dict", "string", "number", "bool",
    "none", "device", "class", "function",
]  # fmt: skip
#: Methods that a module gives itself back from.
_MODULE_SAME = {
    "to",
    "cuda",
    "cpu",
    "eval",
    "train",
    "half",
    "float",
    "double",
    "bfloat16",
    "requires_grad_",
    "type",
    "apply",
    "to_empty",
    "share_memory",
    "xpu",
}
#: Method calls that only a torch module among callables has; used when no constructor is in sight.
_MODULE_METHODS = {"eval", "parameters", "named_parameters", "state_dict", "load_state_dict", "named_modules"}
_TENSOR_SAME = {
    "to", "cuda", "cpu", "half", "float", "double", "long", "int", "bool", "bfloat16", "detach", "clone", "contiguous",
    "view", "reshape", "squeeze", "unsqueeze", "permute", "transpose", "t", "flatten", "expand", "repeat", "sum",
    "mean", "max", "min", "argmax", "argmin", "softmax", "sigmoid", "log_softmax", "exp", "log", "sqrt", "abs", "pow",
    "clamp", "requires_grad_", "type", "type_as", "unfold", "gather", "index_select", "masked_fill", "norm", "std",
    "var", "eq", "ne", "gt", "lt", "topk", "sort", "cumsum", "pin_memory", "chunk", "split", "new_zeros", "new_ones",
}  # fmt: skip
_ARRAY_SAME = {
    "astype",
    "reshape",
    "copy",
    "transpose",
    "flatten",
    "ravel",
    "squeeze",
    "mean",
    "sum",
    "max",
    "min",
    "argmax",
    "argmin",
    "repeat",
    "T",
}
_FRAME_SERIES = {
    "tolist": "list",
    "to_list": "list",
    "to_numpy": "array",
    "unique": "array",
    "apply": "series",
    "map": "series",
    "astype": "series",
    "fillna": "series",
}
_FRAME_SAME = {
    "dropna",
    "head",
    "tail",
    "sample",
    "sort_values",
    "reset_index",
    "drop",
    "rename",
    "copy",
    "merge",
    "query",
    "fillna",
    "drop_duplicates",
    "astype",
    "iloc",
    "loc",
}


@dataclass(frozen=True)
class Value:
    """What is known of a value: its kind, the full name of what made it, and the expression that did."""

    kind: Kind
    name: str = ""
    made: cst.CSTNode | None = field(default=None, repr=False)
    cls: cst.ClassDef | None = field(default=None, repr=False)
    """The class of this file that it is an instance of, or is."""


#: How many expressions deep, and through how many in all, an answer is looked for: what is further is unknown.
_DEEPEST = 60
_LONGEST = 2000
#: A value that is being worked out: `x = x.to(device)` in a loop says nothing new of `x`.
_PENDING = Value("none", "pending")


class Values:
    """Kinds of values in one file; each answer computed once, `None` when two ways of reaching it disagree."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._known: dict[cst.CSTNode, Value | None] = {}
        self._depth = 0
        self._work = 0
        self._defined: dict[Definition, Value | None] = {}
        self._attributes: dict[cst.ClassDef, dict[str, list[cst.CSTNode]]] = {}
        self._module_evidence: dict[str, list[cst.Name | cst.Attribute]] | None = None

    def of(self, node: cst.CSTNode) -> Value | None:
        """The value of an expression, if sure."""
        if node not in self._known:
            if not self._depth:
                self._work = 0
            self._work += 1
            if self._depth > _DEEPEST or self._work > _LONGEST:
                return None
            self._known[node] = _PENDING
            self._depth += 1
            try:
                found = self._of(node)
            finally:
                self._depth -= 1
                del self._known[node]
            if found is _PENDING and self._depth:
                return _PENDING  # not an answer to keep: it depends on what is being worked out
            self._known[node] = None if found is _PENDING else found
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
            self._defined[definition] = _PENDING
            try:
                found = self._bound(definition)
            finally:
                del self._defined[definition]
            if found is _PENDING:
                return _PENDING if self._depth else None
            self._defined[definition] = found
        return self._defined[definition]

    def attribute_values(self, owner: cst.ClassDef, name: str) -> list[cst.CSTNode]:
        """Every expression assigned to `self.<name>` in the class and its ancestors in this file."""
        found: list[cst.CSTNode] = []
        for cls in self._file.calls.bases(owner):
            found += self._self_attributes(cls).get(name, [])
        return found

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
                unseen |= name is not None and not name.startswith(
                    ("torch.", "abc.", "typing.", "enum.", "keras", "tensorflow")
                )
        # The base is the project's own and out of sight: a class with a `forward` in a torch file is a module.
        return unseen and self._file.calls.method(cls, "forward") is not None and self._file.torchlike

    # -- names and attributes ------------------------------------------------------------------

    def _of(self, node: cst.CSTNode) -> Value | None:
        match node:
            case cst.Name():
                return self._of_name(node)
            case cst.Attribute():
                return self._of_attribute(node)
            case cst.Call():
                return self._of_call(node)
            case cst.Await(expression=inner) | cst.NamedExpr(value=inner):
                return self.of(inner)
            case cst.IfExp(body=body, orelse=orelse):
                return self._join([self.of(body), self.of(orelse)])
            case cst.Subscript():
                return self._of_subscript(node)
            case cst.BinaryOperation(left=left, right=right):
                kinds = {self.kind(left), self.kind(right)}
                for kind in ("output", "tensor", "array", "series", "list", "string"):
                    if kind in kinds:
                        return Value("tensor" if kind == "output" else cast("Kind", kind))
                return Value("number") if kinds == {"number"} else None
            case cst.UnaryOperation(expression=inner):
                return self.of(inner)
        return _literal(node)

    def _of_name(self, node: cst.Name) -> Value | None:
        if node.value in ("True", "False"):
            return Value("bool")
        if node.value == "None":
            return Value("none")
        reaching = self._file.scopes.reaching(node)
        found = self._join([self.of_definition(definition) for definition in reaching]) if reaching else None
        if (found is None or found.kind == "output") and reaching and self._used_as_module(node, reaching):
            return Value("module", "", None)
        return found

    def _bound(self, definition: Definition) -> Value | None:
        node, value = definition.node, definition.value
        match definition.kind:
            case "class":
                return Value("class", cls=cast("cst.ClassDef", node))
            case "function":
                return Value("function", made=node)
            case "assign" if value is not None:
                if isinstance(node, cst.AnnAssign):
                    promised = self._annotation(node.annotation.annotation)
                    if promised is not None:
                        return promised
                return self._unpack(value, definition.path)
            case "augment":
                return self._augmented(cast("cst.AugAssign", node))
            case "for" if value is not None:
                return self._element(value, definition.path)
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
        for kind in ("tensor", "output", "array", "list", "number"):
            if kind in kinds:
                return Value("tensor" if kind == "output" else cast("Kind", kind))
        return None

    def _parameter(self, definition: Definition) -> Value | None:
        param = cast("cst.Param", definition.node)
        if param.annotation is not None:
            promised = self._annotation(param.annotation.annotation)
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
                return self._join(values)
        return None

    def _annotation(self, node: cst.CSTNode) -> Value | None:
        match node:
            case cst.Subscript(value=outer, slice=[cst.SubscriptElement(slice=cst.Index(value=inner)), *_]):
                name = self._file.name(outer) or ""
                if name.rpartition(".")[2] in ("Optional", "Annotated", "Final", "ClassVar"):
                    return self._annotation(inner)
                plain = (
                    outer.value
                    if isinstance(outer, cst.Name)
                    else outer.attr.value
                    if isinstance(outer, cst.Attribute)
                    else ""
                )
                if plain in ("List", "list", "Sequence", "Tuple", "tuple"):
                    return Value("list")
                return self._annotation(outer)
            case cst.BinaryOperation(left=left, operator=cst.BitOr(), right=right):
                return self._join([self._annotation(left), self._annotation(right)])
            case cst.SimpleString():
                try:
                    return self._annotation_text(str(node.evaluated_value))
                except (ValueError, SyntaxError):
                    return None
            case cst.Name(value="None"):
                return Value("none")
            case cst.Name(value="list"):
                return Value("list")
            case cst.Name(value="str"):
                return Value("string")
            case cst.Name(value="int" | "float"):
                return Value("number")
            case cst.Name() | cst.Attribute():
                local = self._file.calls.local_class(node)
                if local is not None:
                    return Value("module", local.name.value, None, local) if self.is_module_class(local) else None
                full = self._file.name(node)
                kind = frameworks.annotated(full) if full else None
                return Value(cast("Kind", kind), full or "") if kind else None
        return None

    def _annotation_text(self, text: str) -> Value | None:
        first, _, rest = text.partition(".")
        for scope_name, definitions in self._file.scopes.module.bindings.items():
            if scope_name == first and len(definitions) == 1 and isinstance(definitions[0].node, cst.ClassDef):
                local = definitions[0].node
                return Value("module", first, None, local) if self.is_module_class(local) else None
        base = self._file.names.module_name(first)
        kind = frameworks.annotated(f"{base}.{rest}" if rest else base) if base else None
        return Value(cast("Kind", kind), base or "") if kind else None

    def _of_attribute(self, node: cst.Attribute) -> Value | None:
        if isinstance(node.value, cst.Name) and node.value.value == "self":
            owner = self._file.calls.enclosing_class(node)
            if owner is not None:
                given = self.attribute_values(owner, node.attr.value)
                # Handed in or made here: what is made says what is meant to be handed in.
                made = [value for value in given if not self._is_parameter(value)]
                found = self._join([self.of(value) for value in made or given])
                if found is None and self._attribute_used_as_module(owner, node.attr.value):
                    return Value("module")
                return found
            return None
        inner = self.of(node.value)
        if inner is None or inner is _PENDING:
            return inner
        if inner.kind == "module" and inner.cls is not None:
            return self._join([self.of(value) for value in self.attribute_values(inner.cls, node.attr.value)])
        if inner.kind in ("module",) and node.attr.value == "module":
            return inner
        if inner.kind in ("tensor", "output") and node.attr.value in ("data", "T", "grad", "mT"):
            return Value("tensor")
        if inner.kind == "output" and node.attr.value in (
            "logits",
            "last_hidden_state",
            "pooler_output",
            "loss",
            "hidden_states",
            "sample",
        ):
            return Value("output")
        if inner.kind == "array" and node.attr.value == "T":
            return Value("array")
        if inner.kind == "frame":
            return {"values": Value("array"), "columns": Value("list"), "iloc": inner, "loc": inner}.get(
                node.attr.value, Value("series")
            )
        if inner.kind == "series":
            return {"values": Value("array"), "str": inner, "iloc": inner, "loc": inner}.get(node.attr.value)
        return None

    def _is_parameter(self, node: cst.CSTNode) -> bool:
        """Whether an expression is a bare parameter of which nothing else is known."""
        if not isinstance(node, cst.Name) or self.of(node) is not None:
            return False
        reaching = self._file.scopes.reaching(node)
        return bool(reaching) and all(definition.kind == "parameter" for definition in reaching)

    # -- calls ---------------------------------------------------------------------------------

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
        return self._of_method(node)

    def returned(self, function: cst.FunctionDef) -> Value | None:
        """What a function of this file returns, if every return agrees."""
        if function.asynchronous is not None:
            return None
        returns = [node for node in self._file.calls.own_nodes(function) if isinstance(node, cst.Return | cst.Yield)]
        if not returns or any(isinstance(node, cst.Yield) or node.value is None for node in returns):
            return self._annotation(function.returns.annotation) if function.returns else None
        found = self._join([self.of(cast("cst.CSTNode", node.value)) for node in returns])
        if found is None and function.returns is not None:
            return self._annotation(function.returns.annotation)
        return found

    def _of_method(self, node: cst.Call) -> Value | None:
        inner = self.of(node.func)
        if inner is not None and inner.kind in ("module", "loss"):
            return Value("tensor" if inner.kind == "loss" else "output", "", node)
        if not isinstance(node.func, cst.Attribute):
            return None
        method = node.func.attr.value
        owner = self.of(node.func.value)
        if owner is None and method == "eval" and not node.args and self._file.torchlike:
            return Value("module", "", node)
        if owner is None:
            return Value("list") if method in ("splitlines", "readlines", "tolist") else None
        if owner is _PENDING:
            return _PENDING
        match owner.kind:
            case "module" | "loss":
                if method in _MODULE_SAME:
                    return owner
                if method in ("forward",):
                    return Value("output", "", node)
            case "encoder" | "pipeline" | "cross-encoder" if method in _MODULE_SAME:
                return owner
            case "tensor" | "output":
                if method == "numpy":
                    return Value("array")
                if method == "item":
                    return Value("number")
                if method in ("tolist", "size"):
                    return Value("list")
                if method in _TENSOR_SAME:
                    return (
                        owner
                        if owner.kind == "output" and method in ("to", "cuda", "float")
                        else Value("tensor", "", node)
                    )
            case "array":
                if method == "tolist":
                    return Value("list")
                if method in _ARRAY_SAME:
                    return Value("array", "", node)
            case "frame":
                if method in _FRAME_SAME:
                    return owner
                if method in ("to_numpy",):
                    return Value("array")
            case "series":
                if method in _FRAME_SERIES:
                    return Value(cast("Kind", _FRAME_SERIES[method]))
                if method in _FRAME_SAME:
                    return owner
            case "estimator":
                if method in ("fit", "set_params"):
                    return owner
                if method.startswith(("predict", "decision_function", "score_samples")):
                    return Value("array")
            case "string":
                if method in ("split", "splitlines"):
                    return Value("list")
                return Value("string")
            case "list" | "dict" if method in ("copy", "keys", "values", "items"):
                return Value("list")
        return None

    # -- containers ----------------------------------------------------------------------------

    def _of_subscript(self, node: cst.Subscript) -> Value | None:
        inner = self.of(node.value)
        if inner is None or inner is _PENDING:
            return inner
        if inner.kind in ("tensor", "output", "array"):
            return Value("tensor") if inner.kind != "array" else inner
        sliced = any(isinstance(element.slice, cst.Slice) for element in node.slice)
        if inner.kind == "frame":
            text = [element.slice.value for element in node.slice if isinstance(element.slice, cst.Index)]
            return (
                Value("series")
                if len(text) == 1 and isinstance(text[0], cst.SimpleString)
                else inner
                if sliced or (text and isinstance(text[0], cst.List | cst.Comparison))
                else None
            )
        if inner.kind in ("list", "series", "string", "dataset") and sliced:
            return inner
        if inner.kind == "list" and isinstance(inner.made, cst.List):
            return self._join([self.of(element.value) for element in inner.made.elements])
        return None

    def _unpack(self, value: cst.CSTNode, path: tuple[int, ...]) -> Value | None:
        if not path:
            return self.of(value)
        if isinstance(value, cst.Tuple | cst.List) and 0 <= path[0] < len(value.elements):
            return self._unpack(value.elements[path[0]].value, path[1:])
        if isinstance(value, cst.Call):
            if (
                isinstance(value.func, cst.Attribute)
                and value.func.attr.value in ("prepare", "setup")
                and 0 <= path[0] < len(value.args)
            ):
                return self.of(value.args[path[0]].value)
            name = self._file.name(value.func)
            if name in (
                "open_clip.create_model_and_transforms",
                "clip.load",
                "open_clip.create_model_from_pretrained",
            ) and path == (0,):
                return Value("module", name, value)
            function = self._file.calls.callee(value)
            if function is not None:
                returns = [n for n in self._file.calls.own_nodes(function) if isinstance(n, cst.Return)]
                if returns and all(isinstance(n.value, cst.Tuple) for n in returns):
                    return self._join([self._unpack(cast("cst.CSTNode", n.value), path) for n in returns])
        if self.kind(value) in ("tensor", "output"):
            return Value("tensor")
        return None

    def _element(self, iterable: cst.CSTNode, path: tuple[int, ...]) -> Value | None:
        match self.kind(iterable):
            case "tensor" | "output":
                return Value("tensor")
            case "array":
                return Value("array")
            case "list":
                value = self.of(iterable)
                if value and isinstance(value.made, cst.List) and not path:
                    return self._join([self.of(element.value) for element in value.made.elements])
        if isinstance(iterable, cst.Call) and isinstance(iterable.func, cst.Name):
            args = [arg.value for arg in iterable.args]
            if iterable.func.value == "enumerate" and args and path[:1] == (1,):
                return self._element(args[0], path[1:])
            if iterable.func.value == "zip" and path and 0 <= path[0] < len(args):
                return self._element(args[path[0]], path[1:])
            if iterable.func.value in ("range",):
                return Value("number")
        return None

    # -- joins and evidence --------------------------------------------------------------------

    def _join(self, values: Iterable[Value | None]) -> Value | None:
        given = list(values)
        known = [value for value in given if value is not _PENDING]
        if given and not known:
            return _PENDING
        some = [value for value in known if value is not None and value.kind != "none"]
        if not some or any(value is None for value in known):
            return None
        if len({value.kind for value in some}) > 1:
            return None
        first = some[0]
        if len(some) == 1:
            return first
        same = all(value.cls is first.cls for value in some)
        return Value(
            first.kind,
            first.name if all(v.name == first.name for v in some) else "",
            None,
            first.cls if same else None,
        )

    def _self_attributes(self, cls: cst.ClassDef) -> dict[str, list[cst.CSTNode]]:
        if cls not in self._attributes:
            found: dict[str, list[cst.CSTNode]] = {}
            stack: list[cst.CSTNode] = [cls.body]
            while stack:
                node = stack.pop()
                if isinstance(node, cst.ClassDef):
                    continue
                match node:
                    case cst.Assign():
                        for target in node.targets:
                            match target.target:
                                case cst.Attribute(value=cst.Name(value="self"), attr=cst.Name(value=name)):
                                    found.setdefault(name, []).append(node.value)
                                case cst.Tuple(elements=elements):
                                    self._unpacked_attributes(elements, node.value, found)
                    case cst.AnnAssign(target=cst.Attribute(value=cst.Name(value="self"), attr=cst.Name(value=name))):
                        if node.value is not None:
                            found.setdefault(name, []).append(node.value)
                stack.extend(children(node))
            self._attributes[cls] = found
        return self._attributes[cls]

    @staticmethod
    def _unpacked_attributes(
        elements: Sequence[cst.BaseElement], value: cst.BaseExpression, found: dict[str, list[cst.CSTNode]]
    ) -> None:
        given = value.elements if isinstance(value, cst.Tuple) and len(value.elements) == len(elements) else None
        for index, element in enumerate(elements):
            match element.value:
                case cst.Attribute(value=cst.Name(value="self"), attr=cst.Name(value=name)) as target:
                    # Unpacked from what cannot be seen: the target itself stands for the unknown.
                    found.setdefault(name, []).append(given[index].value if given is not None else target)

    def _evidence(self) -> dict[str, list[cst.Name | cst.Attribute]]:
        """Expressions on which a method is called that only modules have, by their last name."""
        if self._module_evidence is None:
            self._module_evidence = {}
            if self._file.torchlike:
                for call in self._file.all(cst.Call):
                    match call.func:
                        case cst.Attribute(value=(cst.Name() | cst.Attribute()) as owner, attr=cst.Name(value=method)):
                            if method in _MODULE_METHODS and (method != "eval" or not call.args):
                                last = owner.value if isinstance(owner, cst.Name) else owner.attr.value
                                self._module_evidence.setdefault(last, []).append(owner)
        return self._module_evidence

    def _used_as_module(self, node: cst.Name, reaching: tuple[Definition, ...]) -> bool:
        """Whether the very definitions that reach a use are elsewhere treated as only a module can be."""
        if any(d.kind not in ("parameter", "assign", "for", "with") for d in reaching):
            return False
        if any(self._contradicts(self.of_definition(d)) for d in reaching):
            return False
        wanted = set(reaching)
        return any(
            isinstance(owner, cst.Name) and wanted & set(self._file.scopes.reaching(owner))
            for owner in self._evidence().get(node.value, ())
        )

    def _attribute_used_as_module(self, owner: cst.ClassDef, name: str) -> bool:
        if any(self._contradicts(self.of(value)) for value in self.attribute_values(owner, name)):
            return False
        line = self._file.calls.bases(owner)
        for expression in self._evidence().get(name, ()):
            match expression:
                case cst.Attribute(value=cst.Name(value="self")):
                    if self._file.calls.enclosing_class(expression) in line:
                        return True
        return False

    @staticmethod
    def _contradicts(value: Value | None) -> bool:
        # What an annotation calls a module may be the class of one: its "output" is then a module.
        return value is not None and value.kind not in ("module", "output", "none")


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
        case cst.Comparison() | cst.BooleanOperation():
            return None
    return None
