"""A pipeline called once for every text runs its model on batches of one."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

# What a pipeline gives for one text alone, spelled with what it gives for that text in a list. Tasks whose results
# change in a batch are left out: padding shows in features, and sampling draws other numbers.
_GIVES = {
    "text-classification": "[result]",
    "sentiment-analysis": "[result]",
    "token-classification": "result",
    "ner": "result",
    "fill-mask": "result",
    "zero-shot-classification": "result",
}


@rule(imports="transformers", practice="hardware")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    each = file.samples.each(call, lambda func: file.values.kind(func) == "pipeline")
    if each is None or not file.samples.is_text(each):
        return
    made = file.values.of(each.func)
    built = made.made if made is not None else None
    edits = ()
    if isinstance(built, cst.Call) and (given := alone(call, built, file)):
        item, unit = each.item, call
        if isinstance(item, cst.List):
            given, item = "[result]", item.elements[0].value
        if given == "[result]" and (taken := first(call, file)) is not None:
            given, unit = "result", taken
        sized = {"batch_size"} & {arg.keyword.value for arg in (*call.args, *built.args) if arg.keyword}
        edits = file.gatherings.batched(
            each, unit=unit, item=item, given=given, listed=True, extra=() if sized else ("batch_size=8",)
        )
    fix = Fix.unsafe("Give the pipeline the whole list", *edits) if edits else None
    yield Smell(call, "the pipeline runs its model on one item at a time", fix)


def alone(call: cst.Call, built: cst.Call, file: File) -> str | None:
    """What the call gives for one text, spelled with `result`, its result in a list of texts; `None` when not sure."""
    if any(arg.star or (arg.keyword and arg.keyword.value == "return_all_scores") for arg in (*call.args, *built.args)):
        return None
    task = file.argument(built, "task", position=0)
    gives = _GIVES.get(task.value.raw_value) if task and isinstance(task.value, cst.SimpleString) else None
    # Asked for in the call itself, several results are not put into a list once more.
    return "result" if gives and file.argument(call, "top_k") else gives


def first(call: cst.Call, file: File) -> cst.CSTNode | None:
    """`call[0]`, where that is what the code takes of a call."""
    match file.parent(call):
        case cst.Subscript(
            slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Integer(value="0")))]
        ) as taken:
            return taken
    return None
