from __future__ import annotations

import subprocess
import sys

import libcst as cst
import pytest

from smellcheck.facts.nodes import parse

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
