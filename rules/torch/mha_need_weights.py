"""`nn.MultiheadAttention` averages and returns weights that nobody reads, and so cannot use the fused kernel."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule


@rule(imports="torch", words="MultiheadAttention", practice="refactoring")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if len(call.args) < 3 or not leaves_weights(call, file) or file.context.in_test(call):
        return
    value = file.values.of(call.func)
    if value is None or value.name != "torch.nn.MultiheadAttention":
        return
    given = {arg.keyword.value for arg in call.args if arg.keyword is not None}
    positional = sum(arg.keyword is None for arg in call.args)
    # A hook may read what the caller drops.
    if any(arg.star for arg in call.args) or positional > 4 or given & {"need_weights", "average_attn_weights"}:
        return
    if file.mentions("register_forward_hook"):
        return
    message = f"`{file.text_of(call.func)}` writes out the attention weights, which nobody reads"
    fix = Fix.unsafe("Pass `need_weights=False`", file.add_argument(call, "need_weights=False"))
    yield Smell(call, message, fix)


def leaves_weights(call: cst.Call, file: File) -> bool:
    """Whether of the output and the weights only the output is read."""
    match file.parent(call):
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Integer("0")))]):
            return True
        case cst.Assign(
            targets=[cst.AssignTarget(target=cst.Tuple(elements=[_, cst.Element(value=cst.Name() as weights)]))]
        ):
            return not file.uses(weights)
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as pair)]):
            uses = file.uses(pair)
            return bool(uses) and all(is_output(use, file) for use in uses)
    return False


def is_output(use: cst.Name, file: File) -> bool:
    """Whether only the first of the pair is taken."""
    match file.parent(use):
        case cst.Subscript(value=value, slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Integer("0")))]):
            return value is use
    return False
