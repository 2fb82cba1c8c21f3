"""The logarithm of a softmax is taken in two steps, where `log_softmax` is one, and does not overflow."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

_SOFTMAX = {"torch.softmax", "torch.nn.functional.softmax", "torch.special.softmax"}

_EPSILON = re.compile(r"^(self\.)?_?(eps|epsilon)$", re.I)


@rule(imports="torch", methods="log", words="softmax Softmax", practice="refactoring", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    taken = logarithm_of(call, file)
    if taken is None or file.context.in_test(call):
        return
    shifted = shifted_softmax(taken, file)
    if shifted is not None:
        yield Smell(
            shifted, "`log_softmax` needs no epsilon, and its `exp` gives the probabilities: a pass less than this"
        )
        return
    inner = without_epsilon(taken)
    made = inner if isinstance(inner, cst.Call) else bound_once(inner, file)
    if made is None or not is_softmax(made, file):
        return
    message = "the logarithm of this softmax is taken in a second pass, which `log_softmax` makes needless"
    yield Smell(call, message, fix(call, made, file) if made is inner else None)


def logarithm_of(call: cst.Call, file: File) -> cst.BaseExpression | None:
    """Of what a call takes the logarithm, as a function of torch or as a method without arguments."""
    match call:
        case cst.Call(func=cst.Attribute(attr=cst.Name("log")), args=[cst.Arg(value=value, star="", keyword=None)]):
            return value if file.name(call.func) == "torch.log" else None
        case cst.Call(func=cst.Attribute(value=value, attr=cst.Name("log")), args=[]):
            return value
    return None


def without_epsilon(node: cst.BaseExpression) -> cst.BaseExpression:
    """What is left of `x + 1e-8`."""
    match node:
        case cst.BinaryOperation(left=left, operator=cst.Add(), right=cst.Float() as small) if (
            float(small.value) < 1e-3
        ):
            return left
    return node


def shifted_softmax(node: cst.BaseExpression, file: File) -> cst.Call | None:
    """The softmax to which an epsilon was added under a name, where its logarithm is taken first at a node."""
    reaching = file.scopes.reaching(node) if isinstance(node, cst.Name) else ()
    if len(reaching) != 1 or reaching[0].kind != "assign" or reaching[0].path:
        return None
    match reaching[0].value, reaching[0].node:
        case (
            cst.BinaryOperation(left=cst.Call() as made, operator=cst.Add(), right=small),
            cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as target)])
            | cst.AnnAssign(target=cst.Name() as target),
        ) if is_softmax(made, file) and is_epsilon(small, file):
            taken = (logarithm(use, file) for use in file.uses(target))
            return made if next((use for use in taken if use is not None), None) is node else None
    return None


def logarithm(use: cst.Name, file: File) -> cst.Name | None:
    """A name that is read, if the logarithm of what it means is taken there."""
    above = file.parent(use)
    call = file.parent(above) if above is not None else None
    return use if isinstance(call, cst.Call) and logarithm_of(call, file) is use else None


def is_epsilon(node: cst.BaseExpression, file: File) -> bool:
    """Whether a number is there to keep logarithms finite: it is small, or called so."""
    if isinstance(node, cst.Float):
        return float(node.value) < 1e-3
    return bool(_EPSILON.search(file.text_of(node)))


def bound_once(node: cst.BaseExpression, file: File) -> cst.Call | None:
    """The call that a name stands for, when nothing but this one place reads the name."""
    if not isinstance(node, cst.Name):
        return None
    reaching = file.scopes.reaching(node)
    if len(reaching) != 1 or reaching[0].path or reaching[0].kind != "assign":
        return None
    made, binder = reaching[0].value, reaching[0].node
    match binder:
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name() as target)]) if isinstance(made, cst.Call):
            return made if len(file.uses(target)) == 1 else None
    return None


def is_softmax(call: cst.Call, file: File) -> bool:
    """Whether a call gives a softmax: a function of torch, a method that is given a number, or a module."""
    if file.name(call.func) in _SOFTMAX:
        return bool(call.args) and not any(arg.star for arg in call.args)
    match call:
        case cst.Call(func=cst.Attribute(attr=cst.Name("softmax")), args=[cst.Arg(star="") as dim]):
            number = isinstance(dim.value, cst.Integer | cst.UnaryOperation)
            if number or (dim.keyword is not None and dim.keyword.value == "dim"):
                return True
    value = file.values.of(call.func)
    return value is not None and value.name == "torch.nn.Softmax"


def fix(call: cst.Call, made: cst.Call, file: File) -> Fix | None:
    """One pass instead of two, where the softmax stands inside the logarithm."""
    if not isinstance(made.func, cst.Attribute) or made.func.attr.value != "softmax":
        return None
    if file.name(made.func) == "torch.special.softmax" or (file.name(made.func) is None and is_module(made, file)):
        return None
    text = file.text_of(made)
    owner = file.text_of(made.func.value)
    rest = text[len(file.text_of(made.func)) :]
    return Fix.unsafe("Use `log_softmax`", file.replace(call, f"{owner}.log_softmax{rest}"))


def is_module(call: cst.Call, file: File) -> bool:
    """Whether the softmax is an attribute that holds a module."""
    value = file.values.of(call.func)
    return value is not None and value.kind == "module"
