"""A pruned network is used for inference with its masks still on: every forward multiplies the weights anew."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

_HOME = "torch.nn.utils.prune"
_LOCAL = ("l1_unstructured", "random_unstructured", "ln_structured", "random_structured")
_MEMBERS = frozenset({"modules", "named_modules", "children", "named_children"})


@rule(
    imports="torch", words="prune", calls=tuple(f"{_HOME}.{n}" for n in (*_LOCAL, "global_unstructured")),
    practice="pruning",
)  # fmt: skip
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    # While a network trains on, the masks keep what was pruned at zero.
    function = file.context.function(call)
    if removed(function, file) or file.context.in_test(call) or file.phase.file_trains:
        return
    home: cst.CSTNode = function.body if function is not None else file.module
    models = pruned(call, home, file)
    if not any(uses(node, models, file) for node in file.tree.of_type(cst.Call, home) if file.before(call, node)):
        return
    yield Smell(
        call, "the mask of every pruned weight is multiplied in again in each forward pass", fix(call, home, file)
    )


def removed(function: cst.FunctionDef | None, file: File) -> bool:
    """Whether masks are made permanent in a function, or in one that is there for that and prunes nothing itself."""
    for call in file.calls.named(frozenset({"remove"})):
        if file.name(call.func) == f"{_HOME}.remove":
            other = file.context.function(call)
            prunes = [] if other is None else [one for one in file.calls.own_calls(other) if named(one, file)]
            if other is function or not prunes:
                return True
    return False


def named(call: cst.Call, file: File) -> bool:
    """Whether a call prunes."""
    name = file.name(call.func) or ""
    return name.startswith(f"{_HOME}.") and name.endswith("structured")


def pruned(call: cst.Call, home: cst.CSTNode, file: File) -> set[str]:
    """The networks that what is pruned belongs to, as they are spelled."""
    found = set()
    for listed in file.tree.of_type(cst.Call, home):
        match listed.func:
            case cst.Attribute(value=model, attr=cst.Name(method)) if method in _MEMBERS:
                found.add(file.text_of(model))
    root: cst.CSTNode | None = call.args[0].value if call.args else None
    while isinstance(root, cst.Attribute | cst.Subscript):
        root = root.value
        found.add(file.text_of(root))
    return found - {"self"}


def uses(call: cst.Call, models: set[str], file: File) -> bool:
    """Whether a call runs one of the networks, saves it, or hands it to what does."""
    if file.text_of(call.func) in models:
        return True
    match call.func:
        case cst.Attribute(value=owner, attr=cst.Name("eval" | "state_dict")) if file.text_of(owner) in models:
            return True
    if not any(file.text_of(arg.value) in models for arg in call.args):
        return False
    return file.name(call.func) in ("torch.save", "torch.onnx.export") or file.calls.callee(call) is not None


def fix(call: cst.Call, home: cst.CSTNode, file: File) -> Fix | None:
    """Make the mask permanent behind the only call that prunes."""
    statement = file.context.statement(call)
    others = [one for one in file.tree.of_type(cst.Call, home) if named(one, file)]
    if (
        not isinstance(statement, cst.SimpleStatementLine)
        or others != [call]
        or not isinstance(call.func, cst.Attribute)
    ):
        return None
    if any(arg.star for arg in call.args) or not isinstance(file.parent(call), cst.Expr):
        return None
    own, prune, method = file.indent(statement), file.text_of(call.func.value), call.func.attr.value
    if method == "global_unstructured":
        given = file.argument(call, "parameters", 0)
        module = file.free_name("module", "pruned", at=call)
        name = file.free_name("name", "attribute", at=call)
        if given is None or not isinstance(given.value, cst.Name) or module is None or name is None:
            return None
        step = file.module.default_indent
        text = f"{own}for {module}, {name} in {given.value.value}:\n{own}{step}{prune}.remove({module}, {name})\n"
    else:
        module_arg, name_arg = file.argument(call, "module", 0), file.argument(call, "name", 1)
        if module_arg is None or name_arg is None:
            return None
        text = f"{own}{prune}.remove({file.text_of(module_arg.value)}, {file.text_of(name_arg.value)})\n"
    return Fix.unsafe("Make the mask permanent", Edit((statement, "line-end"), (statement, "line-end"), text))
