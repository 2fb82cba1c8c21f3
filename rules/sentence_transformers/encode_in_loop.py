"""An encoder called once for every text runs its model on batches of one."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

_METHODS = {"encoder": {"encode", "encode_query", "encode_document"}, "cross-encoder": {"predict"}}


@rule(imports="sentence_transformers", words="encode encode_query encode_document predict", practice="hardware")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    each = file.samples.each(call, lambda func: kind(func, file) is not None)
    if each is None:
        return
    pairs = kind(each.func, file) == "cross-encoder"
    item: cst.BaseExpression | None = each.item
    unit: cst.CSTNode | None = call
    if isinstance(item, cst.List) and len(item.elements) == 1:
        # A list of one gives a list of one: only what is taken from it compares with a result of many.
        item, unit = item.elements[0].value, file.items.first_of(call)
    if not (is_pair(item) if pairs else file.items.is_text(each)):
        return
    edits: tuple[Edit, ...] = ()
    if unit is not None and not any(arg.keyword and arg.keyword.value == "batch_size" for arg in call.args):
        given = "score" if pairs else "embedding"
        edits = file.gatherings.batched(each, unit=unit, item=item, given=given)
    fix = Fix.unsafe(f"Give the model all {'pairs' if pairs else 'texts'} at once", *edits) if edits else None
    yield Smell(call, f"the model runs on one {'pair' if pairs else 'text'} at a time", fix)


def kind(func: cst.BaseExpression, file: File) -> str | None:
    """`encoder` or `cross-encoder`, when that is whose method a function is."""
    if not isinstance(func, cst.Attribute) or not any(func.attr.value in methods for methods in _METHODS.values()):
        return None
    owner = file.values.kind(func.value)
    return owner if func.attr.value in _METHODS.get(owner or "", ()) else None


def is_pair(item: cst.BaseExpression | None) -> bool:
    """Whether a cross-encoder is given one pair: two texts in a tuple or list, or what is called a pair."""
    match item:
        case cst.Tuple(elements=[_, _]) | cst.List(elements=[_, _]):
            return True
        case cst.Name(value=name):
            return name == "pair" or name.endswith("_pair")
    return False
