"""An encoder called once for every text runs its model on batches of one."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_METHODS = {"encoder": {"encode", "encode_query", "encode_document"}, "cross-encoder": {"predict"}}


@rule(imports="sentence_transformers", practice="hardware")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    each = file.samples.each(call, lambda func: kind(func, file) is not None)
    if each is None:
        return
    what, item, unit = kind(each.func, file), each.item, call
    pairs = what == "cross-encoder"
    if isinstance(item, cst.List) and len(item.elements) == 1:
        # The result of a list of one is a list of one, too: only what is taken from it compares.
        item = item.elements[0].value
        match file.parent(call):
            case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Integer(value="0")))]) as first:
                unit = first
    if not (is_pair(item) if pairs else file.samples.is_text(each)):
        return
    edits = ()
    if unit is not call or item is each.item:
        given = "score" if pairs else "embedding"
        edits = file.gatherings.batched(each, unit=unit, item=item, given=given)
    fix = Fix.unsafe(f"Give the model all {'pairs' if pairs else 'texts'} at once", *edits) if edits else None
    yield Smell(call, f"the model runs on one {'pair' if pairs else 'text'} at a time", fix)


def kind(func: cst.BaseExpression, file: File) -> str | None:
    """`encoder` or `cross-encoder`, when that is whose method a function is."""
    if not isinstance(func, cst.Attribute):
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
