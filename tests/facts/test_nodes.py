from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import libcst as cst
import pytest

from smellcheck.facts.construction import parse
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


def test_every_node_that_the_parser_makes_is_what_libcst_would_make_of_it() -> None:
    script = (
        "import sys, libcst; from pathlib import Path\n"
        "for path in sys.argv[1:]: print(repr(libcst.parse_module(Path(path).read_text(encoding='utf-8'))))"
    )
    files = sorted(Path(__file__).parents[1].glob("*/test_*.py"))[::25]
    plain = subprocess.run([sys.executable, "-c", script, *map(str, files)], capture_output=True, check=True).stdout
    ours = "".join(f"{parse(path.read_text(encoding='utf-8'))!r}\n" for path in files)
    assert ours.encode() == plain.replace(b"\r\n", b"\n")


def test_nodes_stay_frozen_and_can_be_changed_and_copied() -> None:
    tree = parse(TEXT)
    name = next(node for node in descend(tree) if isinstance(node, cst.Name))
    assert type(name) is cst.Name
    with pytest.raises(AttributeError):
        name.value = "other"  # type: ignore[misc]
    assert name.with_changes(value="other").value == "other"
    assert tree.deep_clone().deep_equals(tree)
    assert tree.deep_replace(name, cst.Name("other")).code == TEXT.replace("g(", "other(")
    assert pickle.loads(pickle.dumps(name)).deep_equals(name)


def test_another_thread_finds_libcst_while_one_parses() -> None:
    wrong: list[object] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            if importlib.import_module("libcst") is not cst:
                wrong.append("another module")

    def work() -> None:
        if not all(type(descended) is not None for descended in descend(parse(TEXT * 20))):
            wrong.append("no node")

    threads = [threading.Thread(target=look), *(threading.Thread(target=work) for _ in range(4))]
    for thread in threads:
        thread.start()
    for thread in threads[1:]:
        thread.join()
    done.set()
    threads[0].join()
    assert not wrong
