"""Attention is computed by hand: the matrix of scores is written out, which the fused kernel never holds."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import Attention, Edit, File, Fix, Smell, rule

# Who names one of these has a fused kernel beside what is written out, or wants to see the weights.
_KNOWN = (
    "scaled_dot_product_attention", "flash_attn", "memory_efficient_attention", "flex_attention", "xformers",
    "register_forward_hook",
)  # fmt: skip
_PRODUCTS = ("matmul", "bmm", "einsum")
_LEARNED = ("torch.nn.Parameter", "torch.nn.parameter.Parameter")
# Positions last, all in one, as `b head c (h w)` or a view that ends in -1: it is channels that attend to channels,
# and there are as few scores as channels.
_POSITIONS_LAST = r"""->[^"']*\(\w+ \w+\)\s*["']|\.(view|reshape)\([^()]+, *-1\)$|\.flatten\(-?\d\)$"""
_ONE_QUERY = r"\.(view|reshape)\([^(),]+, *1 *,|\.unsqueeze\(-?[12]\)"
#: What is attended to is a handful: the layers of a network, the joints of a body.
_HANDFUL = re.compile(
    r"\.(view|reshape)\([^()]*\b(n|num|number_of)_?(layers?|experts?|joints?|keypoints|views?|cams?|cameras?|levels?|scales"
    r"|agents?|slots?|modalities|fields)\b"
)
_OTHER = re.compile(f"{_POSITIONS_LAST}|{_ONE_QUERY}")
_REFERENCE = re.compile(r"ref|naive|eager|manual|slow|vanilla|plain|math|native|standard", re.I)
#: What makes a mask of what comes later: then all positions ask all.
_TRIANGLE = re.compile(r"\.(triu|tril)_?\(")
_WIDE = 120
_DEEPEST = 4


@rule(
    imports="torch",
    words=("softmax Softmax", "transpose permute einsum matmul bmm mT swapaxes rearrange"),
    practice="refactoring",
    # What it costs grows with the square of a length that only the data or a configuration says.
    level="info",
)
def check(product: cst.BinaryOperation | cst.Call, file: File) -> Iterator[Smell]:
    match product:
        case cst.BinaryOperation(operator=cst.MatrixMultiply()):
            pass
        case cst.Call(func=cst.Attribute(attr=cst.Name(name)) | cst.Name(name)) if name in _PRODUCTS:
            pass
        case _:
            return
    found = file.attentions.of(product)
    if found is None or file.context.in_test(product) or chosen(product, file):
        return
    # The fused kernels take four dimensions and no others: of three, the heads have to be told apart first.
    rank = dimensions(found, file)
    if rank not in (3, 4) and not (rank is None and causal(found, file)):
        return
    if learned(found, file) or few_scores(found, file):
        return
    if file.precedes("torch", 2):
        return
    bounds = file.project.versions("torch") if file.project is not None else None
    may_mend = rank == 4 and not found.optional
    passes = 1 + sum(step.kind != "cast" for step in found.steps)
    yield Smell(
        product,
        f"the scores of all queries for all keys are written to memory {passes} times, which "
        "`scaled_dot_product_attention` spares",
        fix(found, file) if may_mend and (bounds is None or bounds[0] >= (2, 1) or not bounds[0]) else None,
    )


def dimensions(found: Attention, file: File) -> int | None:
    """How many dimensions query, key and value have, as far as one of them says so and none says otherwise."""
    known = {file.ranks.of(each) for each in (found.query, found.key, found.value)} - {None}
    if found.equations is not None:
        terms = re.split(r"->|,", found.equations[0].replace(" ", ""))
        known |= {len(term) for term in terms[:2] if term.isalpha()}
    return known.pop() if len(known) == 1 else None


def chosen(product: cst.CSTNode, file: File) -> bool:
    """Whether a fused kernel stands beside this: in the file of a class, or in the same function."""
    # A function of the file's own may be named like the kernel, and be what is written out.
    own = {one.name.value for one in file.all(cst.FunctionDef)}
    known = [word for word in _KNOWN if file.mentions(word) and word not in own]
    function = file.context.function(product)
    if not known or function is None or file.calls.enclosing_class(product) is not None:
        return bool(known)
    return bool(_REFERENCE.search(function.name.value)) or any(word in file.text_of(function) for word in known)


def causal(found: Attention, file: File) -> bool:
    """Whether the scores are masked by a triangle, so that there are as many queries as keys."""
    masks = [step.operand for step in found.steps if step.kind in ("fill", "keep", "add")]
    return any(triangular(mask, file) for mask in masks if mask is not None)


def triangular(mask: cst.CSTNode, file: File, depth: int = 0) -> bool:
    """Whether a mask, or what it is made of here or in its class, is cut out of a triangle."""
    if _TRIANGLE.search(file.text_of(mask)):
        return True
    owner = file.calls.enclosing_class(mask)
    for name in file.names_in(mask):
        above = file.parent(name)
        if name.value == "self" and isinstance(above, cst.Attribute) and owner is not None:
            kept = rf"\.register_buffer\(\s*[\"']{above.attr.value}[\"'],[^\n]*{_TRIANGLE.pattern}"
            made = file.values.attribute_values(owner, above.attr.value)
            if re.search(kept, file.text_of(owner)) or any(_TRIANGLE.search(file.text_of(one)) for one in made):
                return True
    made = [one.value for name in file.names_in(mask) for one in file.scopes.reaching(name) if one.kind == "assign"]
    return depth < _DEEPEST and any(triangular(one, file, depth + 1) for one in made if one is not None)


def learned(found: Attention, file: File) -> bool:
    """Whether the scores are scaled by a parameter: the kernel takes a number."""
    for step in found.steps:
        for name in file.names_in(step.operand) if step.kind in ("times", "over") and step.operand else ():
            above, owner = file.parent(name), file.calls.enclosing_class(name)
            asked = file.parent(above) if isinstance(above, cst.Attribute) else None
            if isinstance(asked, cst.Attribute) and asked.attr.value in ("shape", "size"):
                continue
            if name.value == "self" and isinstance(above, cst.Attribute) and owner is not None:
                made = file.values.attribute_values(owner, above.attr.value)
                if any(isinstance(one, cst.Call) and file.name(one.func) in _LEARNED for one in made):
                    return True
    return False


def few_scores(found: Attention, file: File) -> bool:
    """Whether channels attend to channels, or a single query to all keys: the scores take little room."""
    todo: list[cst.CSTNode] = [found.query] if found.equations is None else []
    for node in todo[:1]:
        # `q = q * self.scale` leaves the shape of `q`.
        for name in file.names_in(node):
            todo += [one.value for one in file.scopes.reaching(name) if isinstance(one.value, cst.BinaryOperation)]
    names = [name for node in todo for name in file.names_in(node)]
    values = [one.value for name in names for one in file.scopes.reaching(name) if one.value is not None]
    return any(_OTHER.search(file.text_of(value)) for value in values) or handful(found.query, file)


def handful(query: cst.CSTNode, file: File, depth: int = 0) -> bool:
    """Whether the positions of a query, or of what it is made of, are as many as things that one counts on fingers."""
    if _HANDFUL.search(file.text_of(query)):
        return True
    made = {one.value for name in file.names_in(query) for one in file.scopes.reaching(name) if one.kind == "assign"}
    return depth < _DEEPEST and any(handful(one, file, depth + 1) for one in made if one is not None)


def fix(found: Attention, file: File) -> Fix | None:
    """The one call in the place of it all, where everything on the way is understood."""
    call, doomed = file.attentions.fused(found), statements(found, file)
    if call is None or doomed is None:
        return None
    (called, given, behind), last, result = call, file.context.statement(found.result), found.result
    own, above = file.indent(last), file.parent(result)
    text = f"{called}({given}){behind}"
    if len(own) + len(file.text_of(last)) - len(file.text_of(result)) + len(text) > _WIDE:
        text = f"{called}(\n{own}    {given}\n{own}){behind}"
    if len(result.lpar) == 1 and isinstance(above, cst.Attribute) and above.value is result:
        edit = Edit((above, "start"), (above.attr, "start"), f"{text}.")
    else:
        edit = file.replace(result, text)
    return Fix.unsafe("Use `scaled_dot_product_attention`", *removed(doomed, last, file), edit)


def removed(doomed: list[cst.CSTNode], last: cst.CSTNode, file: File) -> Iterator[Edit]:
    """Take statements out, and the empty lines between them where these hold no comments."""
    block = file.parent(last)
    lines: list[cst.CSTNode] = list(block.body) if isinstance(block, cst.IndentedBlock) else []
    run = lines[min(map(lines.index, doomed), default=0) : lines.index(last)]
    # Of a comment above the first line nothing is lost.
    if set(run) == set(doomed) and not any(commented(line) for line in (*run[1:], last)):
        yield from [Edit((run[0], "line-start"), (last, "line-start"), "")] if run else []
    else:
        yield from (file.delete_statement(line) for line in doomed)


def commented(line: cst.CSTNode) -> bool:
    """Whether a comment stands on a line of its own above a statement."""
    return isinstance(line, cst.SimpleStatementLine | cst.If) and any(one.comment for one in line.leading_lines)


def statements(found: Attention, file: File) -> list[cst.CSTNode] | None:
    """The statements that the call makes needless; `None` where they, or what lies between, may matter otherwise."""
    last = file.context.statement(found.result)
    block = file.parent(last)
    if not isinstance(block, cst.IndentedBlock):
        return None
    doomed: list[cst.CSTNode] = []
    for part in found.parts:
        line = file.context.statement(part)
        if not isinstance(line, cst.SimpleStatementLine) or len(line.body) > 1:
            return None
        above = file.parent(line)
        if above is not block:
            branch = file.parent(above) if above is not None else None
            if not isinstance(branch, cst.If) or file.parent(branch) is not block or len(branch.body.body) > 1:
                return None
            line = branch
        if line not in doomed:
            doomed.append(line)
    if not doomed:
        return doomed
    body: list[cst.CSTNode] = list(block.body)
    first = min(body.index(line) for line in doomed)
    between = [line for line in body[first : body.index(last)] if line not in doomed]
    moved = {name.value for each in (found.query, found.key) for name in file.names_in(each)}
    moved |= {name.value for step in found.steps if step.operand is not None for name in file.names_in(step.operand)}
    return doomed if all(harmless(line, moved) for line in between) else None


def harmless(line: cst.CSTNode, moved: set[str]) -> bool:
    """Whether a statement between leaves alone what is now read after it."""
    match line:
        case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name(bound))])]):
            return bound not in moved
    return False
