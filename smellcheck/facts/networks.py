"""Which networks a name may stand for, whichever branch is taken, and whether one of them is more than a few layers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from .kinds import Value
from .tree import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..file import File

#: What holds a network and is none itself.
_WRAPPERS = frozenset(
    {"DataParallel", "DistributedDataParallel", "DDP", "convert_model", "compile", "prepare", "script"}
)
#: What gives the network that it is called on.
_SAME = frozenset({"to", "cuda", "cpu", "eval", "train", "float", "half", "double", "requires_grad_", "share_memory"})
#: What a class is made of that costs next to nothing beside convolutions, recurrent layers and attention: at most a
#: product of a batch of vectors with a matrix.
_FEW = re.compile(
    r"(Linear|Embedding|EmbeddingBag|Parameter|\w*ReLU6?|[CGS]?ELU|SiLU|Tanh|\w*Sigmoid|\w*Softmax|Softplus|\w*Dropout|Flatten"
    r"|Identity|BatchNorm1d|LayerNorm|Sequential|ModuleList|ModuleDict|Module|ParameterList|\w*Tensor|\w*Error|Exception|\w*Loss"
    r"|Variable|Normal|Categorical|Bernoulli|OrderedDict|Size"
    # Transforms of pictures have no weights, also where they stand in a row like layers.
    r"|Normalize|Denormalize|Resize|Compose|\w*Crop|ToTensor|ToPILImage|ConvertImageDtype|ColorJitter|Random\w+|Grayscale)"
)
_MADE = re.compile(r"(?<![\w.])(?:\w+\.)*([A-Z]\w*)\(")
#: What brings layers by other names.
_BUILT = re.compile(
    r"from_pretrained|\b(?:make|build|create|get|load)_?\w*\(|resnet|vgg|densenet|inception|timm\.|models\."
)
_OF_TORCH = "torch.nn."
_LIBRARIES = ("torchvision.models", "timm.models")
#: Assignments, wrappers and callers are followed so far.
_DEEPEST = 6


class Networks:
    """The networks of one file, as far as they are in sight."""

    def __init__(self, file: File) -> None:
        self._file = file

    def substantial(self, model: cst.CSTNode) -> bool:
        """Whether a network is in sight, on one way to it at least, and is more there than a few linear layers.

        Of what is out of sight nobody can say whether it learns, takes gradients itself, or is worth a word.
        """
        return any(self._is_large(value, model) for value in self.behind(model))

    def behind(self, model: cst.CSTNode) -> Iterator[Value]:
        """What is known of the networks that an expression may stand for."""
        yield from self._behind(model, 0, set())

    def _behind(self, node: cst.CSTNode | None, depth: int, seen: set[cst.CSTNode]) -> Iterator[Value]:
        if node is None or node in seen or depth > _DEEPEST:
            return
        seen.add(node)
        value = self._file.values.of(node)
        if value is not None and (value.cls or value.origin or value.name not in ("", "torch.nn.Module")):
            if value.name.rpartition(".")[2] not in _WRAPPERS:
                yield value
                return
            node = value.made or node
        if (home := self._chosen_from(node)) is not None:
            yield Value("module", home, node)
        for one in self._from(node):
            yield from self._behind(one, depth + 1, seen)

    def _chosen_from(self, node: cst.CSTNode) -> str | None:
        """The library of which a network is chosen by a name that comes at run time: `models.__dict__[name]()`."""
        match node:
            case cst.Call(func=cst.Subscript(value=cst.Attribute(value=home, attr=cst.Name("__dict__")))):
                name = self._file.name(home)
            case cst.Call(func=cst.Call(func=cst.Name("getattr"), args=[cst.Arg(value=home), _])):
                name = self._file.name(home)
            case _:
                return None
        return name if name in _LIBRARIES else None

    def _from(self, node: cst.CSTNode) -> Iterator[cst.CSTNode | None]:
        """What an expression takes its network from."""
        file = self._file
        match node:
            case cst.IfExp(body=body, orelse=orelse):
                yield from (body, orelse)
            case cst.Call(func=func, args=args) if (dotted(func) or [""])[-1] in _WRAPPERS:
                yield from (arg.value for arg in args[:1])
            case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value=method))) if method in _SAME:
                yield inner
            case cst.Attribute(value=inner, attr=cst.Name("module")):
                yield inner
            case cst.Attribute(value=cst.Name("self"), attr=cst.Name(value=name)):
                owner = file.calls.enclosing_class(node)
                yield from file.values.attribute_values(owner, name) if owner is not None else ()
            case cst.Name():
                for one in file.scopes.reaching(node):
                    if one.kind == "assign" and not one.path:
                        yield one.value
                    elif one.kind == "parameter" and isinstance(one.scope.node, cst.FunctionDef):
                        calls = file.calls.passing(one.scope.node)
                        yield from (file.calls.argument_of(call, one.scope.node, one) for call in calls)

    def _is_large(self, value: Value, model: cst.CSTNode) -> bool:
        """Whether a network is made of more than what costs next to nothing."""
        if value.cls is not None:
            return self._holds_more(self._file.text_of(value.cls))
        if value.origin is not None:
            text = self._text_of_class(value.origin.path, value.origin.name)
            return text is None or self._holds_more(text)
        if not value.name.startswith(_OF_TORCH):
            return True
        name = value.name.rpartition(".")[2]
        if name in ("Sequential", "ModuleList", "ModuleDict"):
            # What is put in later stands in the same class.
            owner = self._file.calls.enclosing_class(model)
            makes = self._file.calls.method(owner, "__init__") if owner is not None else None
            return self._holds_more(self._file.text_of(makes or value.made or model))
        return _FEW.fullmatch(name) is None

    def _text_of_class(self, path: str, name: str) -> str | None:
        """What a class of another module of the project says."""
        text = self._file.project.module_text(path) if self._file.project is not None else None
        found = re.search(rf"(?m)^class {re.escape(name)}\b.*(?:\n(?![\w@#]).*)*", text) if text is not None else None
        return found[0] if found is not None else None

    @staticmethod
    def _holds_more(text: str) -> bool:
        """Whether the text of a class names layers of any cost, or something that may bring them."""
        if _BUILT.search(text) or re.search(r"class \w+\((?!(?:torch\.)?(?:nn\.)?Module\b|object\))", text):
            return True
        own = set(re.findall(r"\bclass (\w+)", text))
        return any(made not in own and _FEW.fullmatch(made) is None for made in _MADE.findall(text))
