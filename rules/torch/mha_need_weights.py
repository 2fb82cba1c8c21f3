"""`nn.MultiheadAttention` averages and returns weights that nobody reads, and so cannot use the fused kernel."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Fix, Smell, rule

# One query asks for as many weights as there are keys: a row, not a matrix.
_ONE_QUERY = re.compile(
    r"\[(:, *)?(:1|-1:|0:1)[,\]]|\b(randn|rand|zeros|ones|empty)\(1, *1, |\.(view|reshape)\(1, [^()]+\)$"
)


# What the weights cost grows with the square of a length that only the data or a configuration says.
@rule(imports="torch", words="MultiheadAttention", practice="refactoring", level="info")
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if not wasteful(call, file) or file.context.in_test(call) or file.mentions("register_forward_hook"):
        return
    # Before torch 2 there is no fused kernel that training could use.
    if file.precedes("torch", 2):
        return
    # What a class does with one attention, here or in a branch that runs instead, is one matter.
    alike = [other for other in same_attention(call, file) if wasteful(other, file)]
    if call is not alike[0]:
        return
    message = f"`{file.text_of(call.func)}` writes out the attention weights, which nobody reads"
    edits = [file.add_argument(each, "need_weights=False") for each in alike]
    yield Smell(call, message, Fix.unsafe("Pass `need_weights=False`", *edits))


def wasteful(call: cst.Call, file: File) -> bool:
    """Whether a call runs an attention, and lets its weights lie."""
    if len(call.args) < 3 or not leaves_weights(call, file):
        return False
    value = file.values.of(call.func)
    if value is None or value.name != "torch.nn.MultiheadAttention":
        return False
    given = {arg.keyword.value for arg in call.args if arg.keyword is not None}
    positional = sum(arg.keyword is None for arg in call.args)
    if any(arg.star for arg in call.args) or positional > 4 or given & {"need_weights", "average_attn_weights"}:
        return False
    query = file.argument(call, "query", 0)
    return query is None or not single(query.value, file)


def same_attention(call: cst.Call, file: File) -> list[cst.Call]:
    """The calls of the same attribute in a class, in order; elsewhere the call alone."""
    match call.func:
        case cst.Attribute(value=cst.Name("self"), attr=cst.Name(name)):
            owner = file.calls.enclosing_class(call)
            calls = file.calls.named(frozenset({name})) if owner is not None else ()
            return [
                other
                for other in calls
                if file.same(other.func, call.func) and file.calls.enclosing_class(other) is owner
            ]
    return [call]


def single(query: cst.CSTNode, file: File, depth: int = 0) -> bool:
    """Whether a query surely is one position: a class token, or one that is learned."""
    if _ONE_QUERY.search(file.text_of(query)):
        return True
    match query:
        case cst.Name():
            made = [one.value for one in file.scopes.reaching(query)]
        case cst.Attribute(value=cst.Name("self"), attr=cst.Name(name)):
            owner = file.calls.enclosing_class(query)
            made = list(file.values.attribute_values(owner, name)) if owner is not None else []
        case cst.Call(func=cst.Attribute(value=inner, attr=cst.Name("expand" | "repeat" | "to" | "contiguous"))):
            made = [inner]
        case _:
            return False
    return depth < 4 and bool(made) and all(one is not None and single(one, file, depth + 1) for one in made)


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
