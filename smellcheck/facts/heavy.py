"""Which networks surely keep a GPU busy for long: large ones of libraries, and wide ones of the project's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from .tree import descend

if TYPE_CHECKING:
    from ..file import File
    from .scopes import Definition

#: Networks of libraries whose products keep a GPU busy for long, by full name.
_LARGE = re.compile(
    r"torchvision\.models\.(\w+\.)*((wide_)?resnet|resnext|vgg|densenet|inception|efficientnet|convnext|vit_|swin|regnet)\w*"
    r"|timm\.create_model|segmentation_models_pytorch\.\w+|monai\.networks\.nets\.(\w+\.)*\w*(Swin|UNETR|SegResNet|DenseNet)\w*"
    r"|(transformers|diffusers)\.(\w+\.)+from_pretrained|(\w+\.)*\w*(Model\w*|For[A-Z]\w+)\.from_pretrained"
)
#: Who makes networks in a module that speaks of narrow numbers may have chosen them there.
_NARROW = re.compile(r"autocast|fp16|float16|bf16|\.half\(")
_TOKENIZES = re.compile(r"Tokenizer|Processor|Extractor|Config|Scheduler")
#: A layer of many channels, and a stage of several of them: a block of so many convolutions each.
_LAYER = re.compile(r"\b\w*(?:[Cc]onv|Block|Bottleneck|Down|Up)\w*\(([^()]*)\)")
_STAGE = re.compile(r"\b_?make_(?:layer|stage)s?\(([^()]*)\)|\b\w*(?:Res|Dense)\w*(?:Block|Group|Stage)s?\(([^()]*)\)")
_WIDE, _MANY = 256, 4
#: What holds a network and is none itself, and what gives the network that it is called on.
_HOLDS = frozenset({"DataParallel", "DistributedDataParallel", "DDP", "convert_sync_batchnorm", "compile"})
_SAME = frozenset({"to", "cuda", "cpu", "eval", "train", "float", "requires_grad_"})
#: What a network has that does not compute.
_NO_PART = frozenset({"config", "device", "dtype"})
#: Names, functions and classes are followed so far.
_DEEPEST = 8


class Heavy:
    """The large networks of one file; each answer is yes only where it is sure."""

    def __init__(self, file: File) -> None:
        self._file = file

    def is_heavy(self, model: cst.CSTNode | None, depth: int = 0) -> bool:
        """Whether all that an expression may stand for are networks that keep a GPU busy for long."""
        file = self._file
        if model is None or depth > _DEEPEST:
            return False
        match model:
            case cst.IfExp(body=body, orelse=orelse):
                return self.is_heavy(body, depth + 1) and self.is_heavy(orelse, depth + 1)
            case cst.Attribute(value=cst.Name("self"), attr=attr):
                owner = file.calls.enclosing_class(model)
                values = file.values.attribute_values(owner, attr.value) if owner is not None else []
                return bool(values) and all(self.is_heavy(one, depth + 1) for one in values)
            case cst.Name():
                # `model = model.to(device)` says nothing new of it.
                bound = [one for one in file.scopes.reaching(model) if one.node is not file.context.statement(model)]
                return bool(bound) and all(self._is_bound(one, depth) for one in bound)
            case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value=method))) if method in _SAME:
                return self.is_heavy(inner, depth + 1)
            case cst.Call():
                return self._is_made(model, (), depth)
        return False

    def _is_bound(self, bound: Definition, depth: int) -> bool:
        """Whether a definition binds such a network, or a parameter that all calls in sight give one."""
        if bound.kind == "parameter" and isinstance(function := bound.scope.node, cst.FunctionDef):
            given = [self._file.calls.argument_of(one, function, bound) for one in self._file.calls.passing(function)]
            return bool(given) and all(self.is_heavy(one, depth + 1) for one in given)
        if bound.kind != "assign":
            return False
        if isinstance(bound.value, cst.Call) and bound.path:
            return self._is_made(bound.value, bound.path, depth)
        return not bound.path and self.is_heavy(bound.value, depth + 1)

    def _is_made(self, call: cst.Call, path: tuple[int, ...], depth: int) -> bool:
        """Whether a call gives such a network, at a place of a tuple where there is a path."""
        file = self._file
        name = file.name(call.func) or file.text_of(call.func)
        if not path and _LARGE.fullmatch(name) and not _TOKENIZES.search(name):
            return True
        if not path and name.rpartition(".")[2] in _HOLDS and call.args:
            return self.is_heavy(call.args[0].value, depth + 1)
        local = file.calls.local_class(call.func) or file.calls.callee(call)
        found = (file, local) if local is not None else file.elsewhere.defined(call)
        if found is None or found[0].matches(_NARROW):
            return False
        home, node = found
        if isinstance(node, cst.FunctionDef):
            return home.heavy.gives(node, path, depth + 1)
        if path:
            return False
        # A network that is handed to another one, as its backbone.
        return home.heavy.is_large(node) or any(self.is_heavy(arg.value, depth + 1) for arg in call.args)

    def gives(self, function: cst.FunctionDef, path: tuple[int, ...], depth: int) -> bool:
        """Whether all that a function returns are such networks."""
        returned = [node.value for node in self._file.calls.own_nodes(function) if isinstance(node, cst.Return)]
        parts = [one if one is None else self._file.scopes.part(one, path) for one in returned]
        return bool(parts) and all(self._is_given(one, depth) for one in parts)

    def _is_given(self, node: cst.CSTNode | None, depth: int) -> bool:
        """The same for what is given: of a large network it may be the part that computes."""
        while isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value in _SAME:
            node = node.func.value
        while isinstance(node, cst.Attribute) and not self._file.same(node.value, cst.Name("self")):
            if node.attr.value in _NO_PART:
                return False
            node = node.value
        return self.is_heavy(node, depth + 1)

    def is_large(self, owner: cst.ClassDef) -> bool:
        """Whether a class makes a large network of a library, or is made of many wide layers itself."""
        file = self._file
        if not file.values.is_module_class(owner):
            return False
        classes, seen = [owner], set[cst.ClassDef]()
        layers = stages = 0
        while classes:
            one = classes.pop()
            if one in seen or len(seen) > _DEEPEST:
                continue
            seen.add(one)
            makes = file.calls.method(one, "__init__") or one
            if any(
                _LARGE.fullmatch(file.name(each.func) or "") for each in descend(makes) if isinstance(each, cst.Call)
            ):
                return True
            text = file.text_of(one)
            layers += sum(map(_is_wide, _LAYER.findall(text)))
            stages += sum(_is_wide(" ".join(each)) for each in _STAGE.findall(text))
            called = (each.func for each in descend(one) if isinstance(each, cst.Call))
            classes += [made for each in called if (made := file.calls.local_class(each)) is not None]
        return layers >= _MANY or stages > 1


def _is_wide(args: str) -> bool:
    """Whether the arguments of a layer name many channels."""
    return any(int(number) >= _WIDE and int(number) % 64 == 0 for number in re.findall(r"(?<![\w.=])\d{3,4}\b", args))
