from __future__ import annotations

import subprocess
import sys

import libcst as cst
import pytest

from smellcheck.facts.nodes import parse
from smellcheck.facts.tree import Tree, descend

KINDS = [kind for kind in vars(cst).values() if isinstance(kind, type) and issubclass(kind, cst.CSTNode)]
TEXT = "@f\nasync def g(a, *b, c=1):\n    x = [i for i in b if not i]  # why\n    return (x[1:2] + -c, f'{a!r}', *b)\n"


def test_instances_are_those_of_the_bases_alone() -> None:
    tree = parse(TEXT)
    nodes: list[cst.CSTNode] = [tree]
    for node in nodes:
        nodes += node.children
        assert {kind for kind in KINDS if isinstance(node, kind)} == set(KINDS) & set(type(node).__mro__)


def test_what_is_parsed_is_what_libcst_parses() -> None:
    script = f"import libcst; print(repr(libcst.parse_module({TEXT!r})))"
    plain = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert repr(parse(TEXT)) == plain.removesuffix("\n")


def test_nodes_are_equal_by_identity() -> None:
    one, other = cst.Name("x"), cst.Name("x")
    assert one == one and one != other and len({one, other}) == 2
    assert one.deep_equals(other)


def test_nodes_made_by_hand_are_still_validated() -> None:
    parse(TEXT)
    with pytest.raises(cst.CSTValidationError):
        cst.Name("")
    with pytest.raises(cst.ParserSyntaxError):
        parse("x = (")
    with pytest.raises(cst.CSTValidationError):
        cst.Name("")


def test_fields_hold_nodes_sequences_of_nodes_or_plain_values() -> None:
    text = TEXT + "from a.b import *\nwith a as b, (c): pass\ntry: del x\nexcept* E as e: raise e from None\n"
    text += "match a:\n    case {'k': [1, *_], **r} | C(x, y=2) if z: global q\nlambda a, /, *b, c=1, **k: not a\n"
    below = [node for node in descend(parse(text)) if not isinstance(node, cst.CSTNode)]
    assert not below
    walked = set(map(id, descend(parsed := parse(text))))
    assert {id(node) for node in Tree(parsed).order} == walked
