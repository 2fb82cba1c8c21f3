"""A pipeline called once for every text runs its model on batches of one."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

# What a pipeline gives for one text alone, spelled with what it gives for that text in a list. Tasks whose
# results change in a batch are left out: padding shows in features, and sampling draws other numbers.
_GIVES = {
    "text-classification": "[result]",
    "sentiment-analysis": "[result]",
    "token-classification": "result",
    "ner": "result",
    "fill-mask": "result",
    "zero-shot-classification": "result",
}


@rule(imports="transformers", words="pipeline *Pipeline", practice="hardware")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if one_by_one(call, file):
        message = "the pipeline takes this list apart: without a `batch_size` its model runs on one item at a time"
        yield Smell(call, message, level="info")
        return
    each = file.samples.each(call, lambda func: file.values.kind(func) == "pipeline")
    if each is None or not (file.items.is_text(each) or file.items.answers_one(call)):
        return
    made = file.values.of(each.func)
    built = made.made if made is not None else None
    given = alone(call, built, file) if isinstance(built, cst.Call) else None
    edits: tuple[Edit, ...] = ()
    if isinstance(built, cst.Call) and given:
        item = each.item
        unit: cst.CSTNode = call
        if isinstance(item, cst.List):
            given, item = "[result]", item.elements[0].value
        if given == "[result]" and (taken := file.items.first_of(call)) is not None:
            given, unit = "result", taken
        extra = () if file.argument(call, "batch_size") or many(built, file) else ("batch_size=8",)
        edits = file.gatherings.batched(each, unit=unit, item=item, given=given, listed=True, extra=extra)
    fix = Fix.unsafe("Give the pipeline the whole list", *edits) if edits else None
    yield Smell(call, "the pipeline runs its model on one item at a time", fix)


def one_by_one(call: cst.Call, file: File) -> bool:
    """Whether a pipeline on a device is handed a list, and neither it nor the call says how large a batch is."""
    made = file.values.of(call.func)
    built = made.made if made is not None and made.kind == "pipeline" else None
    if not isinstance(built, cst.Call) or not call.args or file.context.in_test(call):
        return False
    if any(arg.star for arg in (*call.args, *built.args)):
        return False
    device = file.argument(built, "device") or file.argument(built, "device_map")
    if device is None or file.text_of(device.value).strip("\"'") in ("-1", "cpu", "None"):
        return False
    sized = file.argument(call, "batch_size") or file.argument(built, "batch_size")
    return sized is None and is_gathered(call.args[0].value, file)


def is_gathered(given: cst.BaseExpression, file: File) -> bool:
    """Whether a list is made of the items of another collection, as many as there are."""
    if isinstance(given, cst.Name):
        bound = file.scopes.reaching(given)
        value = bound[0].value if len(bound) == 1 and bound[0].kind == "assign" and not bound[0].path else None
        return isinstance(value, cst.ListComp)
    return isinstance(given, cst.ListComp)


def alone(call: cst.Call, built: cst.Call, file: File) -> str | None:
    """What the call gives for one text, spelled with `result`, which it gives for that text in a list."""
    names = {arg.keyword.value for arg in (*call.args, *built.args) if arg.keyword}
    size = file.argument(call, "batch_size")
    if "return_all_scores" in names or any(arg.star for arg in (*call.args, *built.args)) or is_one(size):
        return None
    task = file.argument(built, "task", position=0)
    gives = _GIVES.get(task.value.raw_value) if task and isinstance(task.value, cst.SimpleString) else None
    # Asked for in the call itself, several results are not put into a list once more.
    return "result" if gives and file.argument(call, "top_k") else gives


def many(built: cst.Call, file: File) -> bool:
    """Whether the pipeline was built to batch."""
    size = file.argument(built, "batch_size")
    return size is not None and not is_one(size)


def is_one(size: cst.Arg | None) -> bool:
    return size is not None and isinstance(size.value, cst.Integer) and size.value.value == "1"
