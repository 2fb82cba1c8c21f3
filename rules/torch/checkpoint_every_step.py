"""The whole model is written to disk after every batch."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule


@rule(
    imports="torch transformers accelerate",
    methods="save save_pretrained",
    words="backward step",
    practice="refactoring",
)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    saved = written(call, file)
    if saved is None or file.context.in_test(call):
        return
    loops = file.context.loops(call)
    if not loops or loops[0].kind != "batch" or not isinstance(loops[0].node, cst.For):
        return
    loop = loops[0].node
    if file.context.is_guarded(call, loop) or left(loop, file) or not steps(loop, file):
        return
    if call is not next(iter(saves(loop, file)), None):
        return
    yield Smell(call, f"{saved} is copied from the device and written to disk after every batch")


def written(call: cst.Call, file: File) -> str | None:
    """What a call surely writes of a model, in words."""
    if file.name(call.func) == "torch.save" and call.args and not call.args[0].star:
        text = file.text_of(call.args[0].value)
        return (
            f"`{text}`"
            if "state_dict()" in text and len(text) < 60
            else ("the model" if "state_dict()" in text or file.values.is_module(call.args[0].value) else None)
        )
    match call.func:
        case cst.Attribute(value=owner, attr=cst.Name("save_pretrained")) if file.values.is_module(owner):
            return f"`{file.text_of(owner)}`"
    return None


def saves(loop: cst.For, file: File) -> list[cst.Call]:
    """What a loop writes in each turn, the first write first: one of them stands for all."""
    found = [node for node in file.calls.own_nodes(loop) if isinstance(node, cst.Call) and written(node, file)]
    return [node for node in found if not file.context.is_guarded(node, loop)]


def steps(loop: cst.For, file: File) -> bool:
    """Whether the loop itself trains: an optimizer takes a step in its body."""
    return any(
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value in ("step", "backward")
        for node in file.calls.own_nodes(loop)
    )


def left(loop: cst.For, file: File) -> bool:
    """Whether the turn ends early, or the loop with it: then a condition decides after all."""
    return any(isinstance(node, cst.Break | cst.Continue | cst.Return) for node in file.calls.own_nodes(loop))
