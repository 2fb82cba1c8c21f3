"""Which calls read the weights of a model from disk or network, and whether each call of them reads the same ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File

_LOADERS = re.compile(
    r"^(transformers\.([\w.]+\.)?(?!\w*(Config|Tokenizer\w*|Processor|FeatureExtractor)\.)[A-Z]\w*\.from_pretrained"
    r"|diffusers\.([\w.]+\.)?\w*Pipeline\w*\.from_pretrained|diffusers\.([\w.]+\.)?\w*Model\w*\.from_pretrained"
    r"|transformers\.(pipelines\.)?pipeline|torch\.hub\.load|torch\.jit\.load|whisper\.load_model|ultralytics\.YOLO"
    r"|sentence_transformers\.(SentenceTransformer|CrossEncoder)|faster_whisper\.WhisperModel|clip\.load|easyocr\.Reader"
    r"|open_clip\.create_model_and_transforms|spacy\.load|onnxruntime\.InferenceSession|vllm\.LLM)$"
)
_BUILDERS = re.compile(r"^(timm\.create_model|timm\.models\.create_model|torchvision\.models\.[a-z][\w.]*)$")
#: What may be done with a model that is the same afterwards.
_USES = {
    "eval", "to", "cuda", "cpu", "half", "float", "bfloat16", "generate", "encode", "predict", "transcribe", "forward",
    "detect", "readtext", "run", "rank", "get_text_features", "get_image_features", "encode_text", "encode_image",
    "config", "device", "dtype", "parameters", "tokenizer", "get_inputs", "get_outputs",
}  # fmt: skip


class Loading:
    """The loads of one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    def loads(self, call: cst.Call) -> bool:
        """Whether a call surely reads a model's weights."""
        name = self._file.name(call.func) or ""
        if _LOADERS.match(name):
            return bool(call.args) and not any(arg.keyword and arg.keyword.value == "modules" for arg in call.args)
        return bool(_BUILDERS.match(name)) and any(self._pretrained(arg) for arg in call.args)

    def _pretrained(self, arg: cst.Arg) -> bool:
        if arg.keyword is None or arg.keyword.value not in ("pretrained", "weights"):
            return False
        return self._file.text_of(arg.value) not in ("False", "None")

    def only_read(self, call: cst.Call, body: cst.CSTNode) -> bool:
        """Whether what is loaded stays in this piece of code and is only run: not changed, handed on or kept."""
        whole = self.whole(call)
        above = self._file.parent(whole)
        if isinstance(above, cst.Attribute | cst.Call):
            return self._runs(whole, above)
        if not isinstance(above, cst.Assign) or len(above.targets) != 1:
            return False
        target = above.targets[0].target
        if not isinstance(target, cst.Name) or len(self._file.scopes.definitions(target)) != 1:
            return False
        uses = [n for n in self._file.names_in(body) if n.value == target.value and n is not target]
        return bool(uses) and all(self._runs(use, self._file.parent(use)) for use in uses)

    @staticmethod
    def _runs(node: cst.CSTNode, above: cst.CSTNode | None) -> bool:
        if isinstance(above, cst.Call):
            return above.func is node
        return isinstance(above, cst.Attribute) and above.value is node and above.attr.value in _USES

    def whole(self, call: cst.Call) -> cst.CSTNode:
        """The load with what is chained to it: `load(...).to(device).eval()`."""
        current: cst.CSTNode = call
        while isinstance(method := self._file.parent(current), cst.Attribute) and method.attr.value in (
            "eval",
            "to",
            "cuda",
            "half",
            "float",
            "cpu",
        ):
            outer = self._file.parent(method)
            if not isinstance(outer, cst.Call) or outer.func is not method:
                break
            current = outer
        return current

    def constant(self, call: cst.Call) -> bool:
        """Whether each run of its function loads the same: every argument stands in the source or in the module."""
        return all(
            self._file.scopes.bound(name.value, self._file.scopes.around(name)) in (None, self._file.scopes.module)
            for arg in call.args
            if not arg.star
            for name in self._file.names_in(arg.value)
        ) and not any(arg.star or isinstance(arg.value, cst.Call) for arg in call.args)

    def now_and_then(self, call: cst.Call) -> bool:
        """Whether a condition, a handler or a cache around it decides whether anything is loaded."""
        return any(
            (isinstance(above, cst.If) and child is not above.test and not self._file.context.is_entry(above))
            or isinstance(above, cst.IfExp | cst.ExceptHandler | cst.BooleanOperation)
            for child, above in self._file.context.ancestors(call)
        )
