"""A guard that switches gradients off is built and dropped: they stay on."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_GUARDS = (
    "torch.no_grad",
    "torch.inference_mode",
    "torch.autograd.no_grad",
    "torch.autograd.inference_mode",
    "torch.autograd.grad_mode.no_grad",
    "torch.autograd.grad_mode.inference_mode",
)


@rule(imports="torch", calls=_GUARDS, practice="refactoring")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if not isinstance(file.parent(call), cst.Expr) or file.context.in_test(call):
        return
    yield Smell(
        call,
        f"`{file.text_of(call)}` as a statement of its own switches nothing off: what follows records a graph",
        guarded(call, file),
    )


def guarded(call: cst.Call, file: File) -> Fix | None:
    """The rest of the block under the guard, where nothing in it needs gradients and it does not hand over."""
    statement = file.context.statement(call)
    block = file.parent(statement)
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) > 1:
        return None
    if not isinstance(block, cst.IndentedBlock):
        return None
    rest = [after for after in block.body if file.before(statement, after)]
    if not rest or file.phase.needs_graph(rest):
        return None
    if any(isinstance(node, cst.Yield | cst.Await) for after in rest for node in file.calls.own_nodes(after)):
        return None
    wrapped = file.wrap(rest, f"with {file.text_of(call)}")
    if wrapped is None:
        return None
    # The guard's own line becomes the header of what `wrap` indents.
    header = file.replace(call, f"with {file.text_of(call)}:")
    return Fix.unsafe("Put what follows under the guard", header, wrapped[-1])
