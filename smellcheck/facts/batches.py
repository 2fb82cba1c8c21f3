"""Whether what a forward is given is a batch that holds one item of a loop, and which item that is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from .items import is_slice_of_one
from .rounds import Rounds
from .samples import Each

if TYPE_CHECKING:
    from ..file import File
    from .loops import LoopNode

_DEEPEST = 8
#: Methods that give the same items elsewhere or in another type.
_SAME = {"to", "cuda", "float", "half", "type", "contiguous", "requires_grad_", "double", "long", "astype"}
_WRAPPERS = {
    "torch.tensor",
    "torch.from_numpy",
    "torch.as_tensor",
    "torch.autograd.Variable",
    "torch.FloatTensor",
    "torch.Tensor",
}
_LISTED = {
    "torch.tensor",
    "torch.stack",
    "torch.as_tensor",
    "torch.FloatTensor",
    "numpy.array",
    "torch.LongTensor",
}
_EXPANDS = ("torch.unsqueeze", "numpy.expand_dims")
_NEW_AXES = ("numpy.newaxis", "torch.newaxis")
_IMAGES = re.compile(r"(^|_)(image|img|frame|picture|photo|crop)$", re.I)
_TENSORS = {'"pt"', "'pt'"}


class Batches:
    """The batches of one in the loops of one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    def single(self, node: cst.CSTNode, loop: LoopNode) -> cst.CSTNode | None:
        """The single item that an expression makes a batch of, through moves, casts and names bound in the loop."""
        return self._single(node, loop, 0)

    def _single(self, node: cst.CSTNode, loop: LoopNode, depth: int) -> cst.CSTNode | None:
        if depth > _DEEPEST:
            return None
        match node:
            case cst.Name():
                return self._named(node, loop, depth)
            case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value=method))) if method in _SAME:
                return self._single(inner, loop, depth + 1)
            case cst.Call():
                return self._called(node, loop, depth)
            case cst.Subscript():
                return self._taken(node, loop, depth)
            case cst.Attribute(value=inner, attr=cst.Name(value="input_ids" | "pixel_values" | "input_values")):
                return self._single(inner, loop, depth + 1)
            case cst.DictComp(
                value=cst.Call(func=cst.Attribute(attr=cst.Name(value=method))),
                for_in=cst.CompFor(iter=cst.Call(func=cst.Attribute(value=inner, attr=cst.Name("items")))),
            ):
                # `{k: v.to(device) for k, v in inputs.items()}`
                return self._single(inner, loop, depth + 1) if method in _SAME else None
        return None

    def _named(self, name: cst.Name, loop: LoopNode, depth: int) -> cst.CSTNode | None:
        """What a name holds, where all that bind it in the loop make a batch of one of the same item."""
        found = None
        for definition in self._file.scopes.reaching(name):
            if definition.kind != "assign" or not isinstance(definition.value, cst.BaseExpression):
                return None
            bound = self._file.scopes.part(definition.value, definition.path)
            if bound is None or not self._file.context.within(definition.node, loop):
                return None
            inner = self._single(bound, loop, depth + 1)
            if inner is None or (found is not None and self._file.text_of(inner) != self._file.text_of(found)):
                return None
            found = inner
        return found

    def _called(self, call: cst.Call, loop: LoopNode, depth: int) -> cst.CSTNode | None:
        file, name = self._file, self._file.name(call.func)
        match call:
            case cst.Call(
                func=cst.Attribute(value=item, attr=cst.Name("unsqueeze")), args=[cst.Arg(value=cst.Integer("0"))]
            ):
                return item
            case cst.Call(
                func=cst.Attribute(value=item, attr=cst.Name("view" | "reshape")),
                args=[cst.Arg(value=cst.Integer("1")), _, *_],
            ):
                return item
            case cst.Call(args=[cst.Arg(value=inner), *rest]) if name in _EXPANDS:
                return inner if rest and file.text_of(rest[0].value) == "0" else None
            case cst.Call(args=[cst.Arg(value=cst.List(elements=[cst.Element(value=item)])), *_]) if name in _LISTED:
                return item
            case cst.Call(args=[cst.Arg(value=inner), *_]) if name in _WRAPPERS:
                return self._single(inner, loop, depth + 1)
        return self._prepared(call, loop, depth) or self._processed(call, loop)

    def _prepared(self, call: cst.Call, loop: LoopNode, depth: int) -> cst.CSTNode | None:
        """What a function of the file is given first, if all that it gives is a batch of one."""
        function = self._file.calls.callee(call)
        if function is None or function.decorators or not call.args or call.args[0].star or call.args[0].keyword:
            return None
        handed = [one for one in self._file.calls.own_nodes(function) if isinstance(one, cst.Return | cst.Yield)]
        if len(handed) != 1 or not isinstance(handed[0], cst.Return) or handed[0].value is None:
            return None
        return call.args[0].value if self._single(handed[0].value, loop, depth + 1) is not None else None

    def _taken(self, node: cst.Subscript, loop: LoopNode, depth: int) -> cst.CSTNode | None:
        """`x[None]`, `x[np.newaxis]`, `x[i:i + 1]`, `x[[i]]`, and `inputs["input_ids"]` of a tokenizer's answer."""
        match node:
            case cst.Subscript(value=item, slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Name("None"))), *_]):
                return item
            case cst.Subscript(value=item, slice=[cst.SubscriptElement(slice=cst.Index(value=axis)), *_]) if (
                self._file.name(axis) in _NEW_AXES
            ):
                return item
            case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.List(elements=[_]))), *_]):
                return node
            case cst.Subscript(
                value=inner, slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString() as key))]
            ) if key.evaluated_value in ("input_ids", "pixel_values", "input_values", "input_features"):
                return self._single(inner, loop, depth + 1)
        return node if is_slice_of_one(node) else None

    def _processed(self, call: cst.Call, loop: LoopNode) -> cst.CSTNode | None:
        """The one text or image that a tokenizer or processor makes a batch of, asked for tensors."""
        file = self._file
        owner, wanted = call.func, {"images", "text", "audio", "raw_speech"}
        if isinstance(call.func, cst.Attribute) and call.func.attr.value in ("encode", "encode_plus"):
            owner, wanted = call.func.value, {"text"}
        if file.values.kind(owner) != "tokenizer" or any(arg.star for arg in call.args):
            return None
        asked = file.argument(call, "return_tensors")
        if asked is None or file.text_of(asked.value) not in _TENSORS:
            return None
        given = [arg.value for arg in call.args if arg.keyword is None or arg.keyword.value in wanted]
        rounds = Rounds(file, loop)
        own = [value for value in given if rounds.own(value)]
        if not own or not all(self._is_one(value, loop, rounds) for value in own):
            return None
        return own[0]

    def _is_one(self, value: cst.BaseExpression, loop: LoopNode, rounds: Rounds) -> bool:
        """Whether a processor is given one text or image, and not a list of them."""
        described = self._file.context.loop(loop)
        if described.over is None or isinstance(loop, cst.While):
            return False
        item: cst.BaseExpression = value
        if isinstance(item, cst.List) and len(item.elements) == 1:
            item = item.elements[0].value
        each = Each(value, None, item, loop, rounds.variables, described.over, described.kind, described.indexed)
        return self._file.items.is_text(each) or self._is_image(item)

    def _is_image(self, item: cst.BaseExpression) -> bool:
        """Whether an expression is one picture: opened here, or called one."""
        item = self._file.items.spelled_out(item)
        while isinstance(item, cst.Call) and isinstance(item.func, cst.Attribute):
            if self._file.name(item.func) in ("PIL.Image.open", "cv2.imread", "PIL.Image.fromarray"):
                return True
            item = self._file.items.spelled_out(item.func.value)
        return isinstance(item, cst.Name) and bool(_IMAGES.search(item.value))
