"""How attention that is written out is told to the fused kernel: its layout, mask, dropout and scale, or `None`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File
    from .attention import Attention
    from .scores import AttentionStep

_KERNEL = "torch.nn.functional.scaled_dot_product_attention"
_SQUARE_ROOTS = {"math.sqrt", "numpy.sqrt"}
_INFINITE = re.compile(
    r"""^-(float\(["']inf(inity)?["']\)|(torch|math|np|numpy)\.inf)$|^float\(["']-inf(inity)?["']\)$""", re.I
)
_FINITE = re.compile(
    r"""^(-\d[\d_.]*(e\d+)?|float\(["']-\d[\d.]*(e\d+)?["']\)|torch\.finfo\([^()]*\)\.min|-torch\.finfo\([^()]*\)\.max)$""",
    re.I,
)
_LAST_TWO = ({"-1", "-2"}, {"2", "3"})
_LAST_TURNED = ".transpose(-2, -1)"
# The last axis before and after the arrow of a pattern; what exchanges the last axis for another.
_PATTERN = re.compile(r"""(\w+)\)?\s*->[^"']*?(\w+)\)?\s*["']""")
_EXCHANGED = re.compile(
    r"\.permute\(\(?0, *(1, *3, *2|2, *3, *1)\)?\)$|\.(transpose|swapaxes)\((-[12], *-[12]|2, *3|3, *2)\)$|\.mT$"
)
#: For query, key, value and result, what brings their dimensions into the order of the kernel, and back.
Layout = tuple[str, str, str, str]


class Fused:
    """The calls of the fused kernel that the attentions of one file could be."""

    def __init__(self, file: File) -> None:
        self._file = file

    def call(self, found: Attention, layout: Layout) -> tuple[str, str, str] | None:
        """The one call in the place of it all: what is called, what it is given, and what comes behind."""
        called = self._file.names.local_name(_KERNEL, at=found.result)
        mask, dropout, scale = self._mask(found), self._dropout(found), self._scale(found)
        if called is None or mask is None or dropout is None or scale is None or self._cast(found):
            return None
        key = self._untransposed(found.key) if found.equations is None else self._turned(found.key, layout[1])
        query, value = self._turned(found.query, layout[0]), self._turned(found.value, layout[2])
        given = ", ".join([query, key, value, *filter(None, (mask, dropout, scale))])
        return called, given, layout[3]

    def _turned(self, node: cst.BaseExpression, how: str) -> str:
        """An expression in the order of the kernel, which wants the width side by side in memory."""
        text, apart = self._file.text_of(node), self._is_apart(node)
        # What was turned before lies as it should when it is turned back.
        scattered = not apart if how == _LAST_TURNED else apart and not how
        behind = f"{how}.contiguous()" if scattered else how
        return (
            f"({text}){behind}"
            if behind and isinstance(node, cst.BinaryOperation | cst.UnaryOperation)
            else text + behind
        )

    def _is_apart(self, node: cst.BaseExpression) -> bool:
        """Whether the last dimension of a tensor surely was another one when its memory was laid out."""
        values = [one.value for one in self._file.scopes.reaching(node)] if isinstance(node, cst.Name) else [node]
        for value in values:
            text = self._file.text_of(value) if value is not None else ""
            pattern = _PATTERN.search(text)
            if pattern is not None and pattern[1] != pattern[2]:
                return True
            if _EXCHANGED.search(text):
                return True
        return False

    def _untransposed(self, key: cst.BaseExpression) -> str:
        """The key as it was before its last two dimensions were exchanged."""
        match key:
            case cst.Attribute(value=inner, attr=cst.Name("mT")):
                return self._turned(inner, "")
            case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name("transpose" | "swapaxes")), args=args):
                if {self._file.text_of(arg.value) for arg in args} in _LAST_TWO:
                    return self._turned(inner, "")
                if (
                    self._file.name(key.func) == "torch.transpose"
                    and {self._file.text_of(arg.value) for arg in args[1:]} in _LAST_TWO
                ):
                    return self._file.text_of(args[0].value)
        return self._turned(key, _LAST_TURNED)

    @staticmethod
    def _cast(found: Attention) -> bool:
        """Whether the weights stay of another type than the scores are."""
        kinds = [step.kind for step in found.steps]
        at = kinds.index("softmax")
        return ("cast" in kinds[:at]) != ("cast" in kinds[at:])

    def _mask(self, found: Attention) -> str | None:
        """`attn_mask=…`, nothing where there is none, `None` where it cannot be told."""
        steps = [step for step in found.steps if step.kind in ("fill", "keep", "add")]
        if not steps:
            return ""
        step, operand = steps[0], steps[0].operand
        if len(steps) > 1 or operand is None:
            return None
        text = self._file.text_of(operand)
        if step.kind != "add":
            text = self._kept(step, operand, found) or ""
        if text and step.test is not None:
            match step.test:
                case cst.Comparison(
                    left=cst.Name(given),
                    comparisons=[cst.ComparisonTarget(operator=cst.IsNot(), comparator=cst.Name("None"))],
                ) if given in {name.value for name in self._file.names_in(operand)}:
                    text = text if text == given else f"None if {given} is None else {text}"
                case _:
                    return None
        return f"attn_mask={text}" if text else None

    def _kept(self, step: AttentionStep, operand: cst.BaseExpression, found: Attention) -> str | None:
        """The mask as the kernel takes it: true where a score counts, or what is added to the scores."""
        filled = self._file.text_of(step.filled) if step.filled is not None else ""
        keep, drop = self._file.text_of(operand), self._negated(operand)
        if step.kind == "fill":
            keep, drop = drop, keep
        if _INFINITE.match(filled):
            return keep
        torch = self._file.names.local_name("torch.zeros_like", at=found.result)
        if torch is None or not _FINITE.match(filled) or not isinstance(found.query, cst.Name):
            return None
        # Where a whole row is masked, minus infinity would not give what a large number gives: the mean of all values.
        return f"{torch}({drop}, dtype={found.query.value}.dtype).masked_fill({drop}, {filled})"

    def _negated(self, node: cst.BaseExpression) -> str:
        """What is true where a mask is false."""
        match node:
            case cst.UnaryOperation(operator=cst.BitInvert(), expression=inner):
                return self._file.text_of(inner)
            case cst.Comparison(left=left, comparisons=[cst.ComparisonTarget(operator=operator, comparator=right)]) if (
                isinstance(operator, cst.Equal | cst.NotEqual)
            ):
                sign = "!=" if isinstance(operator, cst.Equal) else "=="
                return f"{self._file.text_of(left)} {sign} {self._file.text_of(right)}"
        text = self._file.text_of(node)
        return f"~{text}" if isinstance(node, cst.Name | cst.Attribute | cst.Call | cst.Subscript) else f"~({text})"

    def _dropout(self, found: Attention) -> str | None:
        """`dropout_p=…`, nothing where there is none, `None` where it cannot be told."""
        steps = [step for step in found.steps if step.kind == "dropout"]
        if not steps:
            return ""
        call = steps[0].node
        if len(steps) > 1 or steps[0].test is not None or not isinstance(call, cst.Call):
            return None
        if self._file.name(call.func) is None:
            layer = self._file.text_of(call.func)
            return f"dropout_p={layer}.p if {layer}.training else 0.0" if isinstance(call.func, cst.Attribute) else None
        share, training = self._file.argument(call, "p", 1), self._file.argument(call, "training", 2)
        rate = self._file.text_of(share.value) if share is not None else "0.5"
        if training is None or self._file.text_of(training.value) == "True":
            return f"dropout_p={rate}"
        return f"dropout_p={rate} if {self._file.text_of(training.value)} else 0.0"

    def _scale(self, found: Attention) -> str | None:
        """`scale=…`, nothing where it is what the kernel does anyway, `None` where it cannot be told."""
        kinds = [step.kind for step in found.steps]
        steps = [step for step in found.steps if step.kind in ("times", "over")]
        if not steps:
            return "scale=1.0"
        step, factor = steps[0], steps[0].operand
        masked = [kinds.index(kind) for kind in ("fill", "keep", "add") if kind in kinds]
        early = masked and min(masked) < kinds.index(step.kind)
        if len(steps) > 1 or factor is None or step.test is not None or early or not self._number(factor, 0):
            return None
        text = self._file.text_of(factor)
        if self._usual(text, step.kind, found):
            return ""
        if step.kind == "times":
            return f"scale={text}"
        plain = isinstance(factor, cst.Name | cst.Attribute | cst.Call | cst.Float | cst.Integer) or factor.lpar
        return f"scale=1 / {text}" if plain else f"scale=1 / ({text})"

    def _usual(self, text: str, kind: str, found: Attention) -> bool:
        """Whether scores are divided by the root of the width of their query or key, as the kernel does untold."""
        width = r"(?P<x>\w+)\.(size\(-1\)|shape\[-1\])"
        root = rf"(\w+\.)?sqrt\({width}\)|{width.replace('?P<x>', '')} ?\*\* ?0\.5"
        inverse = rf"\(?1(\.0)? ?/ ?(\w+\.)?sqrt\({width}\)\)?|\(?{width.replace('?P<x>', '')} ?\*\* ?-0?\.5\)?"
        match = re.fullmatch(root if kind == "over" else inverse, text)
        names = {self._file.text_of(found.query), self._untransposed(found.key)}
        return match is not None and any(re.search(rf"\b{re.escape(name)}\.", text) for name in names)

    def _number(self, node: cst.CSTNode | None, depth: int) -> bool:
        """Whether an expression surely is a number of Python and not a tensor."""
        match node:
            case cst.Integer() | cst.Float():
                return True
            case cst.BinaryOperation(left=left, operator=cst.Power(), right=cst.Float() | cst.UnaryOperation()):
                return self._file.values.kind(left) not in ("tensor", "output")
            case cst.BinaryOperation(left=left, operator=cst.Divide() | cst.Multiply(), right=right):
                return self._number(left, depth) and self._number(right, depth)
            case cst.BooleanOperation(right=right):
                return self._number(right, depth)
            case cst.IfExp(body=body, orelse=orelse):
                return self._number(body, depth) and self._number(orelse, depth)
            case cst.Call(func=func):
                return self._file.name(func) in _SQUARE_ROOTS
            case cst.Name() if depth < 3:
                values = [one.value for one in self._file.scopes.reaching(node)]
                return bool(values) and all(self._number(value, depth + 1) for value in values)
            case cst.Attribute(value=cst.Name("self"), attr=cst.Name(name)) if depth < 3:
                owner = self._file.calls.enclosing_class(node)
                values = [*self._file.values.attribute_values(owner, name)] if owner is not None else []
                return bool(values) and all(self._number(value, depth + 1) for value in values)
        return False


def layout_of(found: Attention) -> Layout | None:
    """What turns query, key, value into (…, length, width), and the result back; `None` for another computation."""
    if found.equations is None:
        return "", "", "", ""
    first, second = ("".join(each.split()) for each in found.equations)
    length = 4 if re.fullmatch(r"\w{4},.*", first) else 3
    term = rf"(\w{{{length}}})"
    product = re.fullmatch(f"{term},{term}->{term}", first)
    query, key, scores = product.groups() if product is not None else ("", "", "")
    match = re.fullmatch(f"{term},{term}->{term}", second)
    if match is None or match[1] != scores:
        return None
    # `j` is what the softmax runs over, `i` tells the queries, and both products share the rest.
    batch, i, j = scores[:-2], scores[-2], scores[-1]
    d, e = set(query) - set(scores), set(match[2]) - set(scores)
    if len(d) != 1 or len(e) != 1 or set(key) != {*batch, j, *d} or set(match[3]) != {*batch, i, *e}:
        return None
    wanted = (f"{batch}{i}{min(d)}", f"{batch}{j}{min(d)}", f"{batch}{j}{min(e)}", f"{batch}{i}{min(e)}")
    if length == 3:
        return "", "", "", ""
    turns = [_turn(have, want) for have, want in zip((query, key, match[2], match[3]), wanted, strict=True)]
    return None if None in turns else (turns[0] or "", turns[1] or "", turns[2] or "", turns[3] or "")


def _turn(have: str, want: str) -> str | None:
    """The transposition that makes one order of dimensions another, and that one this."""
    for text, (a, b) in (("", (0, 0)), (".transpose(-2, -1)", (2, 3)), (".transpose(1, 2)", (1, 2))):
        order = list(have)
        order[a], order[b] = order[b], order[a]
        if "".join(order) == want:
            return text
    return None
