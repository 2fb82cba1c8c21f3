"""A model's weights are read again in every turn of a loop, though they are the same."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_KINDS = {"epoch", "batch", "chunk", "sample", "unknown", "stream"}
# What is read may have been written a moment ago.
_WRITES = re.compile(r"\bsave\w*\(|\.train\(|load_state_dict|quantize|prune|download")


@rule(
    imports="torch torchvision transformers sentence_transformers diffusers timm whisper ultralytics spacy",
    words=(
        "from_pretrained load load_model pipeline SentenceTransformer CrossEncoder YOLO pretrained weights",
        "for while",
    ),
    practice="pretrained",
)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    known = file.loading.loads(call)
    if not (known or file.name(call.func) == "torch.load") or file.context.in_test(call):
        return
    loops = file.context.loops(call)
    function = file.context.function(call)
    if file.reloads.in_each_round(call):
        message = "each of these models is read again in every turn of the outer loop; with the loops swapped, once"
        yield Smell(call, message, level="info")
    elif known and loops:
        if repeats(call, loops[0].node, loops[0].kind, file) and unchanged(call, loops[0].node, file):
            yield Smell(call, "the same weights are read from disk in each turn of this loop", hoist(call, file))
    elif known and function is not None and every_call(call, function, file):
        yield Smell(
            call,
            f"the same weights are read in each call of `{function.name.value}`, which runs in a loop of this file",
            # What else a call does may take so long that nobody would notice.
            level="info",
        )


def repeats(call: cst.CSTNode, loop: cst.CSTNode, kind: str, file: File) -> bool:
    """Whether a loop surely comes by a node again and again."""
    if kind not in _KINDS or file.context.is_guarded(call, loop) or file.loading.now_and_then(call):
        return False
    return not any(
        isinstance(node, cst.Break | cst.Return)
        and not any(isinstance(above, cst.If | cst.ExceptHandler) for _, above in inside(node, loop, file))
        for node in file.calls.own_nodes(loop)
    )


def inside(node: cst.CSTNode, loop: cst.CSTNode, file: File) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
    """The ancestors of a node up to the loop."""
    for child, above in file.context.ancestors(node):
        if above is loop:
            return
        yield child, above


def unchanged(call: cst.Call, loop: cst.CSTNode, file: File) -> bool:
    """Whether each turn loads the same, and leaves it as it was."""
    return (
        all(not arg.star and file.context.invariant(arg.value, loop) for arg in call.args)
        and file.loading.only_read(call, loop)
        and not _WRITES.search(file.text_of(loop))
        and not file.phase.needs_graph([loop])
    )


def every_call(call: cst.Call, function: cst.FunctionDef, file: File) -> bool:
    """Whether a function that a loop of this file surely calls loads the same model each time."""
    if function.decorators or file.loading.now_and_then(call) or not file.loading.constant(call):
        return False
    if not file.loading.only_read(call, function.body) or _WRITES.search(file.text_of(function.body)):
        return False
    return any(
        bool(loops := file.context.loops(caller))
        and repeats(caller, loops[0].node, loops[0].kind, file)
        and not file.context.in_test(caller)
        for caller in file.calls.passing(function)
    )


def hoist(call: cst.Call, file: File) -> Fix | None:
    """The load above its loop, where it is a statement of the loop's own body."""
    statement, whole = file.context.statement(call), file.loading.whole(call)
    body = file.parent(statement)
    loop = file.parent(body) if body is not None else None
    match statement:
        case cst.SimpleStatementLine(body=[cst.Assign(value=value)]) if value is whole:
            pass
        case _:
            return None
    if not isinstance(body, cst.IndentedBlock) or not isinstance(loop, cst.For) or len(body.body) < 2:
        return None
    if file.context.loops(loop) or not all(
        file.context.invariant(arg.value, loop)
        for node in file.calls.own_nodes(statement)
        if isinstance(node, cst.Call)
        for arg in node.args
    ):
        return None
    line = file.module.code_for_node(statement.with_changes(leading_lines=())).strip()
    if "\n" in line:
        return None
    edits = file.insert_line_before(loop, line), file.delete_statement(statement)
    return Fix.unsafe("Load it once, before the loop", *edits)
