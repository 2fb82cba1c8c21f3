"""An estimator asked for one row at a time pays for a whole call every time."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

_PREDICTS = {"predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples"}
_TRANSFORMS = {"transform", "inverse_transform"}


@rule(
    imports="sklearn xgboost lightgbm catboost",
    words="predict predict_proba predict_log_proba decision_function score_samples transform inverse_transform",
    practice="hardware",
)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    each = file.samples.each(call, lambda func: is_method(func, _PREDICTS | _TRANSFORMS, file))
    if each is None or each.call is None or each.item is None or feeds(each.call, file):
        return
    row = file.items.one_of(each.item)
    if row is None:
        return
    edits: tuple[Edit, ...] = ()
    first, around = file.items.first_of(call), wrapping(each.item, file)
    if first is not None and around is not None:
        given = "row" if is_method(each.func, _TRANSFORMS, file) else "prediction"
        edits = file.gatherings.batched(each, unit=first, item=row, given=given, arrays=True, around=around)
    fix = Fix.unsafe("Hand over all rows at once", *edits) if edits else None
    message = f"`{file.text_of(each.func)}` pays for a whole call to answer for one row"
    # What prepares rows for a network takes a second or two, beside what the network takes.
    yield Smell(call, message, fix, level="info" if is_method(each.func, _TRANSFORMS, file) else None)


def is_method(func: cst.BaseExpression, names: set[str], file: File) -> bool:
    """Whether a function is one of these methods of a scikit-learn estimator."""
    match func:
        case cst.Attribute(value=owner, attr=cst.Name(value=method)):
            return method in names and file.values.kind(owner) == "estimator"
    return False


def feeds(call: cst.Call, file: File) -> bool:
    """Whether a row is only transformed for the prediction of the same round, which is what to report."""
    if not is_method(call.func, _TRANSFORMS, file):
        return False
    loops = file.context.loops(call)[:1]
    return any(
        file.context.within(call, other) or (loops and file.context.loops(other)[:1] == loops)
        for other in file.all(cst.Call)
        if is_method(other.func, _PREDICTS, file)
    )


def wrapping(item: cst.BaseExpression, file: File) -> str | None:
    """What the list of all rows is put into, instead of the batch of one; `None` when that is not known."""
    match item:
        case cst.Call(func=cst.Attribute(attr=cst.Name(value="transform")) as func, args=[cst.Arg(value=inner)]):
            around = wrapping(inner, file)
            return f"{file.text_of(func)}({around})" if around else None
        case cst.Call(func=cst.Attribute(attr=cst.Name(value="reshape"))) | cst.List() | cst.Subscript():
            return "{}"
        case cst.Call() if file.name(item.func) in ("numpy.array", "numpy.asarray", "numpy.expand_dims"):
            return "{}"
    return None
