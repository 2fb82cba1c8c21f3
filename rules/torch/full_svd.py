"""A whole singular value or eigenvalue decomposition is computed for its values alone."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import Edit, File, Fix, Smell, rule

#: Of each function: where the values stand in what it returns, as what attribute, and what computes nothing else.
_FUNCTIONS = {
    "torch.svd": (1, "S", "torch.linalg.svdvals"),
    "torch.linalg.svd": (1, "S", "torch.linalg.svdvals"),
    "torch.linalg.eigh": (0, "eigenvalues", "torch.linalg.eigvalsh"),
    "torch.linalg.eig": (0, "eigenvalues", "torch.linalg.eigvals"),
    "numpy.linalg.svd": (1, "S", "numpy.linalg.svd"),
    "numpy.linalg.eigh": (0, "eigenvalues", "numpy.linalg.eigvalsh"),
    "numpy.linalg.eig": (0, "eigenvalues", "numpy.linalg.eigvals"),
}
# The gradient of the values is made of the vectors: where it is taken, `svdvals` computes them as well.
_TRAINED = re.compile(r"loss|penalt|regulari[sz]|criterion", re.I)


@rule(imports="torch", calls=tuple(_FUNCTIONS), practice="refactoring", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    place, attribute, better = _FUNCTIONS[file.name(call.func) or ""]
    taken = values(call, place, attribute, file)
    if taken is None or len(call.args) == 0 or call.args[0].star or file.context.in_test(call):
        return
    if needs_vectors(call, file):
        return
    # `compute_uv=False` and `UPLO` are asked for by name.
    if any(arg.keyword is not None and arg.keyword.value in ("compute_uv", "UPLO", "out") for arg in call.args):
        return
    message = f"`{file.text_of(call.func)}` computes vectors beside the values, which nobody reads"
    yield Smell(call, message, fix(call, taken, better, file))


def needs_vectors(call: cst.Call, file: File) -> bool:
    """Whether a gradient may be taken of the values: in the forward of a module, or for what is called a loss."""
    function = file.context.function(call)
    if function is None or (file.name(call.func) or "").startswith("numpy.") or file.grad.mode(call) == "off":
        return False
    return function.name.value == "forward" or bool(_TRAINED.search(file.text_of(function)))


def values(call: cst.Call, place: int, attribute: str, file: File) -> cst.CSTNode | None:
    """What stands for the values, when nothing else is read of a decomposition: an expression or an assigned tuple."""
    above = file.parent(call)
    match above:
        case cst.Attribute(attr=cst.Name(value=name)) if name == attribute:
            return above
        case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Integer(value=index)))]):
            return above if index == str(place) else None
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Tuple(elements=elements) as pair)]):
            dropped = [element.value for i, element in enumerate(elements) if i != place]
            if len(elements) == 3 - (attribute != "S") and all(
                isinstance(name, cst.Name) and not file.uses(name) for name in dropped
            ):
                return pair
    return None


def fix(call: cst.Call, taken: cst.CSTNode, better: str, file: File) -> Fix | None:
    """The function that computes the values alone."""
    spelled = file.names.local_name(better, call)
    if spelled is None:
        return None
    more = ", compute_uv=False" if better == "numpy.linalg.svd" else ""
    text = f"{spelled}({file.text_of(call.args[0].value)}{more})"
    title = f"Compute the values alone, with `{spelled}`"
    if not isinstance(taken, cst.Tuple):
        return Fix.unsafe(title, file.replace(taken, text))
    place = 0 if ".eig" in better else 1
    kept = file.text_of(taken.elements[place].value)
    return Fix.unsafe(title, Edit((taken, "start"), (call, "end"), f"{kept} = {text}"))
