"""A compiler is called anew, in each round or call, for the same code that it has compiled already."""

from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule

# Where a condition asks for it, it is made once.
_KEEPS = (" is None", " not in ", "hasattr(")


@rule(imports="torch", calls="torch.compile", words="for while def", practice="refactoring", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    given = file.argument(call, "model", 0)
    if given is None or file.context.in_test(call) or kept(call, file):
        return
    loops = [loop for loop in file.context.loops(call) if loop.kind in ("batch", "chunk", "sample", "stream", "epoch")]
    again = any(file.context.invariant(given.value, loop.node) for loop in loops) or (
        not file.context.loops(call) and file.hot.runs_often(call)
    )
    if not again and not of_the_moment(call, given.value, file):
        return
    often = "round" if again else "call of this function"
    yield Smell(call, f"the same code is wrapped for the compiler, and looked up, anew in each {often}")


def kept(call: cst.Call, file: File) -> bool:
    """Whether the result is made only where there is none yet, or kept for later."""
    for _, above in file.context.ancestors(call):
        if isinstance(above, cst.If) and any(word in file.text_of(above.test) for word in _KEEPS):
            return True
    function = file.context.function(call)
    cached = function is not None and any("cache" in file.text_of(one) for one in function.decorators)
    match file.parent(call):
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name())]) | cst.Call():
            return cached
    return True


def of_the_moment(call: cst.Call, given: cst.BaseExpression, file: File) -> bool:
    """Whether a function made here is compiled, called here, and forgotten."""
    inner = file.context.function(call)
    if not isinstance(given, cst.Name) or inner is None:
        return False
    made = file.scopes.reaching(given)
    if len(made) != 1 or not isinstance(made[0].node, cst.FunctionDef) or made[0].scope.node is not inner:
        return False
    match file.parent(call):
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as bound)]):
            uses = file.uses(bound)
            in_loop = [use for use in uses if file.context.loops(use)]
            return (
                bool(uses)
                and not in_loop
                and all(isinstance(up := file.parent(use), cst.Call) and up.func is use for use in uses)
            )
        case cst.Call(func=func):
            return func is call
    return False
