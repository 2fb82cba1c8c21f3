"""What a repeated call is given: one text, one row, or a batch of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from ..file import File
    from .samples import Each

# Names only decide where nothing surer does: for collections that come from out of sight.
_NOUN = (
    "text|txt|sentence|sent|doc|document|query|question|prompt|line|word|term|phrase|title|name|comment|tweet"
    "|review|headline|post|paragraph|para|article|passage|abstract|message|msg|utterance|row|record|item|entry"
    "|example|ex|sample|instance|caption|description|content|string|str|statement|claim|fact|answer|response"
    "|candidate|keyword|topic|snippet|summary|email|node|path|file|filename|img|image|url|audio|wav|product|job|user|point"
)
_ONE = re.compile(rf"(?:^|_)(?:{_NOUN})$", re.I)
_MANY = re.compile(rf"(?:^|_)(?:(?:{_NOUN})(?:e?s|_?list)|queries|summaries|corpus|entries|sent_tokenize|sents)$", re.I)
COLLECTIVE = re.compile(r"batch|chunk|group|cluster|bucket|window|shard", re.I)
#: What holds one text, when it is cut into pieces.
_WHOLE = re.compile(r"(?:^|_)(?:text|transcript|article|content|document|story|essay)$", re.I)
_PLURAL = re.compile(r"\w\w(?<![su])s$|list$|tokens|^data$|array$|_ids$", re.I)
# Columns that hold a list in each row.
_LISTS = re.compile(
    r"(?:^|_)(?:tokens|chunks|sentences|sents|texts|words|paragraphs|docs|documents|\w*list|\w*ids)$", re.I
)
_TEXT_METHODS = {
    "strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize", "replace", "format", "join",
    "casefold", "removeprefix", "removesuffix", "decode", "read", "read_text", "strftime", "translate",
}  # fmt: skip
_GIVES_TEXT = re.compile(r"clean|normali[sz]e|preprocess|format|prompt|strip|remove|to_text$|get_text$|^sub$", re.I)
_LOADS_ONE = {"PIL.Image.open", "cv2.imread", "librosa.load", "soundfile.read", "torchvision.io.read_image"}
_FRAMES = ("numpy.array", "numpy.asarray", "numpy.atleast_2d", "pandas.DataFrame")


class Items:
    """Answers for the arguments of one file's calls."""

    def __init__(self, file: File) -> None:
        self._file = file

    def is_text(self, each: Each) -> bool:
        """Whether the item surely is one text, path or record and not a batch of them."""
        if each.via is not None and self._named_text(each):
            return True
        if each.via is not None and not self.is_text(each.via):
            return False
        if each.item is None:
            many = each.kind == "sample" or bool(_MANY.search(last_name(each.over)))
            return many and not self._holds_lists(each.over)
        item = self.spelled_out(each.item)
        if isinstance(item, cst.List):
            # A list of one text, or a chat that is put together anew for every item.
            return self._is_listed_text(each, item) or self._is_chat(item)
        kind = self._file.values.kind(item)
        if kind == "string" or self._is_string(item):
            return True
        if isinstance(item, cst.Call):
            return self._gives_one(item)
        root, names, cut = _chain(item)
        if cut and (root is None or root.value not in each.variables or each.indexed):
            # `text[chunk.start : chunk.end]`
            return root is not None and self._is_piece(item)
        if isinstance(item, cst.Name) and self._of_pieces(each.over):
            return True
        if kind is not None or root is None or each.kind not in ("sample", "unknown"):
            return False
        if COLLECTIVE.search(root.value) or _PLURAL.search(names[0]) or self._holds_lists(each.over):
            return False
        if each.kind == "sample" or _MANY.search(last_name(each.over)):
            return True
        if root.value not in each.variables or each.indexed:
            # `titles[i]` is one of many by the name of what it is taken from.
            return isinstance(item, cst.Subscript) and bool(_MANY.search(last_name(item.value)))
        return bool(_ONE.search(root.value))

    def _named_text(self, each: Each) -> bool:
        """Whether the function that makes the call says of what it is given that it is one text."""
        given = each.via.item if each.via is not None else None
        root = _chain(given)[0] if given is not None else None
        if not isinstance(each.item, cst.Name) or root is None or self._file.values.kind(root) in ("list", "array"):
            return False
        collective = COLLECTIVE.search(root.value)
        return bool(_ONE.search(each.item.value)) and (collective is None or collective.group().lower() == "chunk")

    def _is_listed_text(self, each: Each, batch: cst.List) -> bool:
        """Whether a list holds one text: what is put into a list on its own is not one itself."""
        if len(batch.elements) != 1:
            return False
        item = batch.elements[0].value
        alone = isinstance(item, cst.Name) and item.value in each.variables and not _PLURAL.search(item.value)
        return (alone and each.kind in ("sample", "unknown", "batch")) or self.is_text(replace(each, item=item))

    def _is_piece(self, node: cst.CSTNode) -> bool:
        """Whether an expression is cut out of one string: `text[start:end]`, `" ".join(words[start:end])`."""
        match node:
            case cst.Subscript(
                value=(cst.Name() | cst.Attribute()) as whole, slice=[cst.SubscriptElement(slice=cst.Slice())]
            ):
                known = self._file.values.kind(whole)
                return known == "string" or (known is None and bool(_WHOLE.search(last_name(whole))))
        return self._is_string(node)

    def _of_pieces(self, over: cst.CSTNode) -> bool:
        """Whether a list is made of the pieces of one string: `[text[i : i + n] for i in range(0, len(text), n)]`."""
        spelled = self.spelled_out(over) if isinstance(over, cst.BaseExpression) else over
        return isinstance(spelled, cst.ListComp) and self._is_piece(spelled.elt)

    def first_of(self, call: cst.BaseExpression) -> cst.Subscript | None:
        """`call[0]`, where that is what the code takes of a call."""
        match self._file.parent(call):
            case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=index))]) as taken:
                return taken if taken.value is call and isinstance(index, cst.Integer) and index.value == "0" else None
        return None

    def answers_one(self, call: cst.Call) -> bool:
        """Whether only the first answer is read, by its keys: `call(x)[0]["label"]` is what one item gives."""
        answers: Sequence[cst.BaseExpression] = [call]
        match self._file.parent(call):
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as name)]):
                answers = self._file.uses(name)
        return bool(answers) and all(self._reads_first(answer) for answer in answers)

    def _reads_first(self, answer: cst.BaseExpression) -> bool:
        """Whether `answer[0]["key"]` is what becomes of an expression."""
        first = self.first_of(answer)
        above = self._file.parent(first) if first is not None else None
        match above:
            case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString()))]):
                return above.value is first
        return False

    def spelled_out(self, item: cst.BaseExpression) -> cst.BaseExpression:
        """What a name was given, where only one assignment can have given it."""
        for _ in range(4):
            reaching = self._file.scopes.reaching(item) if isinstance(item, cst.Name) else ()
            if len(reaching) != 1 or reaching[0].kind != "assign" or reaching[0].path:
                break
            if not isinstance(reaching[0].value, cst.BaseExpression):
                break
            item = reaching[0].value
        return item

    def one_of(self, batch: cst.BaseExpression) -> cst.BaseExpression | None:
        """`x` for a batch that holds only `x`: `[x]`, `x.reshape(1, -1)`, `x[None]`, `np.array([x])`, …"""
        return self._one_of(self.spelled_out(batch))

    def _is_string(self, node: cst.CSTNode) -> bool:
        match node:
            case (
                cst.FormattedString()
                | cst.SimpleString()
                | cst.ConcatenatedString()
                | cst.Call(func=cst.Name(value="str"))
            ):
                return True
            case cst.BinaryOperation(operator=cst.Add(), left=left, right=right):
                return self._is_string(left) or self._is_string(right)
            case cst.BinaryOperation(operator=cst.Modulo(), left=left):
                return self._is_string(left)
            case cst.Subscript(value=whole):
                return self._is_string(whole)
            case cst.Call(func=cst.Attribute(value=cst.Attribute(attr=cst.Name(value="str")))):
                return False  # `series.str.lower()` is a series
            case cst.Call(func=cst.Attribute(attr=cst.Name(value=method))):
                return method in _TEXT_METHODS
        return False

    def _holds_lists(self, over: cst.CSTNode) -> bool:
        """Whether a column, by a plural name that the file itself fills or that says so, has a list in each row."""
        match over:
            case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString() as key))]):
                filled = rf"\[\s*{re.escape(key.value)}\s*\]\s*=[^=]"
                name = str(key.evaluated_value)
                return bool(_LISTS.search(name) or (_PLURAL.search(name) and re.search(filled, self._file.text)))
        return False

    def _is_chat(self, messages: cst.List) -> bool:
        texts = [self._file.text_of(element.value) for element in messages.elements]
        return bool(texts) and all(re.match(r"\{\s*['\"]role['\"]", text) for text in texts)

    def _gives_one(self, call: cst.Call) -> bool:
        """Whether a function, by what it is or is called, gives one text or image for one."""
        last = last_name(call.func)
        return self._file.name(call.func) in _LOADS_ONE or bool(_GIVES_TEXT.search(last) and not _PLURAL.search(last))

    def _one_of(self, node: cst.BaseExpression) -> cst.BaseExpression | None:
        text = self._file.text_of
        match node:
            case cst.List(elements=[cst.Element(value=inner)]) | cst.Tuple(elements=[cst.Element(value=inner)]):
                return inner
            case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value="reshape")), args=args):
                if [text(arg.value) for arg in args] in (["1", "-1"], ["(1, -1)"], ["[1, -1]"]):
                    match inner:
                        case cst.Call(args=[cst.Arg(value=bare)]) if self._file.name(inner.func) in _FRAMES:
                            return bare
                    return inner
            case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value="astype"))):
                return self.one_of(inner)
            case cst.Call(func=cst.Attribute(attr=cst.Name(value="transform")), args=[cst.Arg(value=inner)]):
                return self.one_of(inner)
            case cst.Call(args=[cst.Arg(value=inner), cst.Arg(value=cst.Integer(value="0"))]):
                return inner if self._file.name(node.func) == "numpy.expand_dims" else None
            case cst.Call(args=[cst.Arg(value=inner, star=""), *_]) if self._file.name(node.func) in _FRAMES:
                return self.one_of(inner)
            case cst.Subscript(
                value=inner, slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Name(value="None"))), *_]
            ):
                return inner
            case cst.Subscript(value=inner, slice=[cst.SubscriptElement(slice=cst.Index(value=index)), *_]):
                if self._file.name(index) == "numpy.newaxis":
                    return inner
            case cst.Call() if (function := self._file.calls.callee(node)) is not None:
                return node if self._gives_one_row(function) else None
        return node if is_slice_of_one(node) else None

    def _gives_one_row(self, function: cst.FunctionDef) -> bool:
        """Whether all that a function of the file returns is made with one row: `np.zeros((1, 1024))`."""
        returned = [node.value for node in self._file.calls.own_nodes(function) if isinstance(node, cst.Return)]
        return bool(returned) and all(value is not None and self._is_row(self.spelled_out(value)) for value in returned)

    def _is_row(self, node: cst.BaseExpression) -> bool:
        match node:
            case cst.Call(args=[cst.Arg(value=cst.Tuple(elements=[cst.Element(value=cst.Integer(value="1")), _])), *_]):
                return self._file.name(node.func) in ("numpy.zeros", "numpy.ones", "numpy.empty")
            case cst.Call(func=cst.Attribute(attr=cst.Name(value="reshape"))):
                return self._one_of(node) is not None
        return False


def is_slice_of_one(node: cst.CSTNode) -> bool:
    """Whether an expression is `x[i:i + 1]`, `x.iloc[[i]]` or `x.iloc[i:i + 1]`: a collection of one row."""
    spell = cst.Module([]).code_for_node
    match node:
        case cst.Subscript(
            slice=[
                cst.SubscriptElement(slice=cst.Slice(lower=cst.BaseExpression() as lower, upper=upper, step=None)),
                *_,
            ]
        ):
            return upper is not None and spell(upper).replace(" ", "") in (
                f"{spell(lower)}+1",
                f"({spell(lower)}+1)",
            )
        case cst.Subscript(
            value=cst.Attribute(attr=cst.Name(value="iloc" | "loc")),
            slice=[cst.SubscriptElement(slice=cst.Index(value=cst.List(elements=[_]))), *_],
        ):
            return True
    return False


def _chain(node: cst.CSTNode) -> tuple[cst.Name | None, list[str], bool]:
    """Of `row["a"].b[:9]` the first name, what is read off it (`b`, `a`, `row`), and whether it is cut."""
    names: list[str] = []
    cut = False
    while not isinstance(node, cst.Name):
        match node:
            case cst.Attribute(value=inner, attr=cst.Name(value=name)):
                names.append(name)
            case cst.Subscript(value=inner, slice=[cst.SubscriptElement(slice=cst.Slice())]):
                cut = True
            case cst.Subscript(value=inner, slice=[cst.SubscriptElement(slice=cst.Index(value=index))]):
                # An element, whatever it is called, is not the plural that it is taken from.
                names.append(str(index.evaluated_value) if isinstance(index, cst.SimpleString) else "")
            case _:
                return None, names, cut
        node = inner
    return node, [*names, node.value], cut


def last_name(node: cst.CSTNode) -> str:
    """The name that says what an expression holds: `texts` for `self.texts`, `df["texts"].tolist()`, …"""
    match node:
        case cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name)):
            return name
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.SimpleString() as key))]):
            return str(key.evaluated_value)
        case cst.Subscript(value=inner):
            return last_name(inner)
        case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name(value="tolist" | "to_list" | "items" | "values"))):
            return last_name(inner)
        case cst.Call(func=func):
            return last_name(func)
    return ""
