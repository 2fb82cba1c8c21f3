"""An estimator asked for one row at a time pays for a whole call every time."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_PREDICTS = {"predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples"}
_TRANSFORMS = {"transform", "inverse_transform"}


@rule(imports="sklearn xgboost lightgbm catboost", practice="hardware")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    each = file.samples.each(call, lambda func: is_method(func, _PREDICTS | _TRANSFORMS, file))
    if each is None or each.call is None or each.item is None or feeds(each.call, file):
        return
    row = file.samples.one_of(each.item)
    if row is None:
        return
    edits, around = (), wrapping(each.item, file)
    match file.parent(call):
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Integer(value="0")))]) as first if around:
            given = "row" if is_method(each.func, _TRANSFORMS, file) else "prediction"
            edits = file.gatherings.batched(
                each, unit=first, item=row, given=given, bare=("list", "tuple", "array"), around=around
            )
    fix = Fix.unsafe("Hand over all rows at once", *edits) if edits else None
    yield Smell(call, f"`{file.text_of(each.func)}` pays for a whole call to answer for one row", fix)


def is_method(func: cst.BaseExpression, names: set[str], file: File) -> bool:
    """Whether a function is one of these methods of a scikit-learn estimator."""
    match func:
        case cst.Attribute(value=owner, attr=cst.Name(value=method)):
            return method in names and file.values.kind(owner) == "estimator"
    return False


def feeds(call: cst.Call, file: File) -> bool:
    """Whether a row is only transformed here for the prediction of the same round, which is then what to report."""
    if not is_method(call.func, _TRANSFORMS, file):
        return False
    loops = file.context.loops(call)
    return any(
        is_method(other.func, _PREDICTS, file) and (file.context.within(call, other) or file.context.within(other, loops[0].node))
        for other in file.all(cst.Call)
        if loops or file.context.within(call, other)
    )


def wrapping(item: cst.BaseExpression, file: File) -> str | None:
    """What stands around the list of rows in place of that around one: nothing, or another estimator's transform."""
    match item:
        case cst.Call(func=cst.Attribute(attr=cst.Name(value="transform")) as func, args=[cst.Arg(value=inner)]):
            around = wrapping(inner, file)
            return f"{file.text_of(func)}({around})" if around else None
        case cst.Call(func=cst.Attribute(attr=cst.Name(value="reshape"))) | cst.List() | cst.Subscript():
            return "{}"
        case cst.Call():
            return "{}" if file.name(item.func) in ("numpy.array", "numpy.asarray", "numpy.expand_dims") else None
    return None
