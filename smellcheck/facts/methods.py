"""What a method gives, by the kind of what it is called on."""

from __future__ import annotations

import libcst as cst

from .kinds import Kind, Value

# Methods that give back what they are called on.
_MODULE_SAME = frozenset({
    "to", "cuda", "cpu", "eval", "train", "half", "float", "double", "bfloat16", "requires_grad_", "type", "apply",
    "to_empty", "share_memory", "xpu",
})  # fmt: skip
_FRAME_SAME = frozenset({
    "dropna", "head", "tail", "sample", "sort_values", "reset_index", "drop", "rename", "copy", "merge", "query",
    "fillna", "drop_duplicates", "astype", "iloc", "loc",
})  # fmt: skip
_SAME: dict[Kind, frozenset[str]] = {
    "module": _MODULE_SAME,
    "loss": _MODULE_SAME,
    "encoder": _MODULE_SAME,
    "pipeline": _MODULE_SAME,
    "cross-encoder": _MODULE_SAME,
    "output": frozenset({"to", "cuda", "float"}),
    "frame": _FRAME_SAME,
    "series": _FRAME_SAME,
    "estimator": frozenset({"fit", "set_params"}),
}
# Methods that give another tensor, another array.
_TENSOR_ANOTHER = frozenset({
    "to", "cuda", "cpu", "half", "float", "double", "long", "int", "bool", "bfloat16", "detach", "clone", "contiguous",
    "view", "reshape", "squeeze", "unsqueeze", "permute", "transpose", "t", "flatten", "expand", "repeat", "sum",
    "mean", "max", "min", "argmax", "argmin", "softmax", "sigmoid", "log_softmax", "exp", "log", "sqrt", "abs", "pow",
    "clamp", "requires_grad_", "type", "type_as", "unfold", "gather", "index_select", "masked_fill", "norm", "std",
    "var", "eq", "ne", "gt", "lt", "topk", "sort", "cumsum", "pin_memory", "chunk", "split", "new_zeros", "new_ones",
})  # fmt: skip
_ARRAY_ANOTHER = frozenset({
    "astype", "reshape", "copy", "transpose", "flatten", "ravel", "squeeze", "mean", "sum", "max", "min", "argmax",
    "argmin", "repeat", "T",
})  # fmt: skip
# Methods that give something of another kind.
_TENSOR_GIVES: dict[str, Kind] = {"numpy": "array", "item": "number", "tolist": "list", "size": "list"}
_VIEWS: dict[str, Kind] = {"copy": "list", "keys": "list", "values": "list", "items": "list"}
_GIVES: dict[Kind, dict[str, Kind]] = {
    "tensor": _TENSOR_GIVES,
    "output": _TENSOR_GIVES,
    "array": {"tolist": "list"},
    "frame": {"to_numpy": "array"},
    "series": {
        "tolist": "list", "to_list": "list", "to_numpy": "array", "unique": "array", "apply": "series",
        "map": "series", "astype": "series", "fillna": "series",
    },
    "string": {"split": "list", "splitlines": "list"},
    "list": _VIEWS,
    "dict": _VIEWS,
}  # fmt: skip
_PREDICTIONS = ("predict", "decision_function", "score_samples")
#: Methods that give a list whatever has them.
_LISTS = ("splitlines", "readlines", "tolist")


def given(owner: Value, method: str, call: cst.Call) -> Value | None:
    """What a call of a method gives, if sure."""
    gives = _GIVES.get(owner.kind, {}).get(method)
    if gives is not None:
        return Value(gives)
    if method in _SAME.get(owner.kind, ()):
        return owner
    match owner.kind:
        case "module" | "loss" if method == "forward":
            return Value("output", "", call)
        case "tensor" | "output" if method in _TENSOR_ANOTHER:
            return Value("tensor", "", call)
        case "array" if method in _ARRAY_ANOTHER:
            return Value("array", "", call)
        case "estimator" if method.startswith(_PREDICTIONS):
            return Value("array")
        case "string":
            return Value("string")
    return None


def given_by_any(method: str) -> Value | None:
    """What a method of something unknown gives, where its name says it."""
    return Value("list") if method in _LISTS else None
