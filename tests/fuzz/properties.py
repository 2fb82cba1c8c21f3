"""What must hold of every program: no rule raises, the sieve loses nothing, and fixes are what they promise."""

from __future__ import annotations

import ast
import builtins
import io
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterator

from smellcheck import plugins
from smellcheck.engine import check
from smellcheck.finding import SafetyName
from smellcheck.mend import fix

RULES = plugins.rules()
NAMES = frozenset(rule.name for rule in RULES)
KNOWN = {rule.name: rule.family for rule in RULES}
ALL: frozenset[SafetyName] = frozenset({"safe", "unsafe"})
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
#: What is at fault in us, and not in a program.
FAULTS = ("rule-error", "fix-error", "crash")


def faults(text: str) -> Iterator[str]:
    """What does not hold."""
    found = check(text, RULES, "program.py", NAMES, KNOWN)
    yield from _problems(found.problems)
    whole = check(text, RULES, "program.py", NAMES, KNOWN, sieve=False)
    if any(problem.kind == "unsupported" for problem in whole.problems):
        return
    if found != whole:
        yield "another answer without the sieve"
    if any(finding.fix for finding in found.findings):
        yield from _of_fix(text)


def _problems(problems: tuple[object, ...]) -> Iterator[str]:
    for problem in problems:
        if getattr(problem, "kind", "") in FAULTS:
            yield str(problem)


def _of_fix(text: str) -> Iterator[str]:
    mended = fix(text, RULES, "program.py", NAMES, ALL, known=KNOWN)
    yield from _problems(mended.problems)
    if mended.text == text:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            old, new = ast.parse(text), ast.parse(mended.text)
        except SyntaxError as error:
            yield f"no longer parses: {error}"
            return
    if fix(mended.text, RULES, "program.py", NAMES, ALL, known=KNOWN).text != mended.text:
        yield "a second run changes it again"
    lost = _comments(text) - _comments(mended.text)
    if lost:
        yield f"lost comments: {lost}"
    for name, function in _functions(new).items():
        unbound = (_bound(_functions(old).get(name, function)) - _bound(function)) & _read(function)
        if unbound:
            yield f"no longer bound in {name or 'the module'}: {unbound}"
    foreign = _read(new) - _read(old) - _bound_anywhere(new) - set(vars(builtins))
    if foreign:
        yield f"read and bound nowhere: {foreign}"


def _comments(text: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text, newline="").readline)
    try:
        comments = [token.string.rstrip() for token in tokens if token.type == tokenize.COMMENT]
    except (tokenize.TokenError, SyntaxError):
        return Counter()
    # To take away one that silences nothing is what its fix is asked to do.
    return Counter(comment for comment in comments if "smellcheck:" not in comment)


def _functions(tree: ast.AST) -> dict[str, ast.AST]:
    """The module and every function, by the names around it; of several alike the last."""
    found: dict[str, ast.AST] = {}

    def visit(node: ast.AST, name: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = f"{name}.{child.name}" if isinstance(child, _SCOPES) else name
            if isinstance(child, _SCOPES[:2]):
                found[inner] = child
            visit(child, inner)

    visit(tree, "")
    return {"": tree, **found}


def _bound(scope: ast.AST) -> set[str]:
    """What is bound in a scope itself."""
    found, todo = set(), list(ast.iter_child_nodes(scope))
    while todo:
        node = todo.pop()
        found |= set(_names(node))
        if not isinstance(node, (*_SCOPES, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            todo += ast.iter_child_nodes(node)
    return found


def _bound_anywhere(tree: ast.AST) -> set[str]:
    return {name for node in ast.walk(tree) for name in _names(node)}


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            yield name
        case ast.alias(name=name, asname=asname):
            yield asname or name.partition(".")[0]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name


def _read(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
