"""Draws places to label by reading: `python tests/corpus/sample.py ROOT --seed N` prints one a line.

The search is naive on purpose, by names and shapes alone. What a person then says of the places drawn measures the
rules (`recall.tsv`), so nothing here may know what the rules know. ROOT holds one folder a project. A draw takes the
projects in turn, that a large one does not fill it, and at most a few places of one file.
"""

from __future__ import annotations

import argparse
import ast
import random
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_MODEL = re.compile(
    r"(?!_*(load|build|get|make|create|init|update|set|save|train|fit|prepare|setup|add|check|download|last|test|run)_)"
    r"((.*_)?(model|net|network|encoder|decoder|backbone|classifier|extractor|generator|discriminator|embedder"
    r"|actor|critic|policy|teacher|student|cnn|rnn|lstm|gru|mlp|bert|resnet|vgg|inception|detector|scorer)\d*"
    r"|net[A-Z]\w*)"
)
_EVALUATION = re.compile(
    r"eval|valid|test|infer|predict|score|embed|extract|feature|demo|metric|accuracy|generate|sample"
)
_OPTIMIZER = re.compile(r"SGD|Adam\w*|RMSprop|Adagrad|Adadelta|LBFGS|RAdam|NAdam|Lamb|LAMB|Ranger|Adafactor|SparseAdam")
_WITHOUT_GRADIENTS = ("no_grad", "inference_mode", "set_grad_enabled", "volatile")
_FROM_NUMPY = {"from_numpy", "tensor", "as_tensor"}
_DOUBLE = {"float64", "double", "DoubleTensor"}
_PREDICTS = {"predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples", "transform"}
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_PER_FILE = 3


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file under the root that may smell."""

    path: str
    line: int


class Tree:
    """A module with what its nodes do not say: what they stand in."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root = ast.parse(text)
        self.lines = text.encode().splitlines()
        self.parents = {below: above for above in ast.walk(self.root) for below in ast.iter_child_nodes(above)}
        self.calls = [node for node in ast.walk(self.root) if isinstance(node, ast.Call)]

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a node stands in, from the inside out."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def function(self, node: ast.AST) -> ast.AST:
        """The function that a node stands in, or the module."""
        return next((above for above in self.above(node) if isinstance(above, _FUNCTIONS)), self.root)

    def loop(self, node: ast.AST) -> ast.AST | None:
        """What calls a node again and again: a loop, a comprehension, or a function handed to `apply` or `map`."""
        for above in self.above(node):
            if isinstance(above, _LOOPS):
                return above
            if isinstance(above, ast.Lambda) and isinstance(call := self.parents[above], ast.Call):
                return above if last(call.func) in ("apply", "map", "progress_apply", "applymap") else None
            if isinstance(above, _FUNCTIONS):
                return None
        return None

    def source(self, node: ast.expr) -> str:
        """The text of an expression."""
        lines = self.lines[node.lineno - 1 : node.end_lineno]
        if not lines:
            return ""
        lines[-1] = lines[-1][: node.end_col_offset]
        lines[0] = lines[0][node.col_offset :]
        return b"\n".join(lines).decode(errors="replace")

    def says(self, node: ast.AST, *words: str) -> bool:
        """Whether the source of a node, its decorators too, contains one of these words."""
        lines = self.lines
        first = min([getattr(node, "lineno", 1)] + [d.lineno for d in getattr(node, "decorator_list", [])])
        inside = b"\n".join(lines[first - 1 : getattr(node, "end_lineno", len(lines))]).decode(errors="replace")
        return any(word in inside for word in words)


def last(node: ast.AST) -> str:
    """The last name of `a.b.c`, of `a.b[0]` too; empty when there is none."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return last(value)
    return ""


def forwards(tree: Tree) -> Iterator[ast.Call]:
    """Calls of what has the name of a model."""
    return (call for call in tree.calls if _MODEL.fullmatch(last(call.func)))


def model_in_loop(tree: Tree) -> Iterator[ast.AST]:
    """A model's call in a loop that does not train."""
    for call in forwards(tree):
        loop = tree.loop(call)
        if loop is not None and not tree.says(loop, "backward("):
            yield call


def evaluation(tree: Tree) -> Iterator[ast.AST]:
    """A model's call in what looks like evaluation, with no word about gradients in the same function."""
    for call in forwards(tree):
        function = tree.function(call)
        looks = tree.says(function, ".eval()") or _EVALUATION.search(getattr(function, "name", "").lower())
        if looks and not tree.says(function, "backward(", *_WITHOUT_GRADIENTS):
            yield call


def methods_in_loop(tree: Tree, names: set[str]) -> Iterator[ast.Call]:
    """Calls of methods of these names in a loop."""
    for call in tree.calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr in names and tree.loop(call) is not None:
            yield call


def transfer(tree: Tree) -> Iterator[ast.AST]:
    """A move to a device in a loop."""
    return methods_in_loop(tree, {"to", "cuda"})


def float64(tree: Tree) -> Iterator[ast.AST]:
    """A word for 64-bit floats, or an array made here that torch takes over without a dtype."""
    if "torch" not in tree.text:
        return
    for node in ast.walk(tree.root):
        if isinstance(node, ast.Attribute | ast.Name) and last(node) in _DOUBLE:
            yield node
        elif isinstance(node, ast.Call) and last(node.func) in _FROM_NUMPY and node.args:
            made = isinstance(node.args[0], ast.Call | ast.Attribute) and tree.says(node.args[0], "np.", "values")
            if made and not tree.says(node, "dtype", "float32", "int", "long"):
                yield node


def part_to_optimizer(tree: Tree) -> Iterator[ast.AST]:
    """An optimizer that is given the parameters of a part."""
    for call in tree.calls:
        given = [n for arg in [*call.args, *call.keywords] for n in ast.walk(arg)]
        parts = (n for n in given if isinstance(n, ast.Attribute) and n.attr in ("parameters", "named_parameters"))
        owners = [part.value for part in parts]
        if _OPTIMIZER.fullmatch(last(call.func)) and any(is_part(owner) for owner in owners):
            yield call


def is_part(owner: ast.AST) -> bool:
    """Whether `owner` is written as a part of a model: `model.fc`, `self.model.head`, but not `self.model`."""
    match owner:
        case ast.Attribute(value=ast.Name(id="self")) | ast.Attribute(attr="module"):
            return False
        case ast.Attribute() | ast.Subscript():
            return True
    return False


def encode(tree: Tree) -> Iterator[ast.AST]:
    """`.encode(...)` of more than a character set, in a loop."""
    calls = methods_in_loop(tree, {"encode", "encode_text", "encode_image"})
    return (call for call in calls if call.args and not isinstance(call.args[0], ast.Constant))


def pipeline(tree: Tree) -> Iterator[ast.AST]:
    """A call, in a loop, of a name that something named `pipeline` was assigned to."""
    names = {"pipe"}
    for node in ast.walk(tree.root):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and last(node.value.func) == "pipeline":
            names |= {last(target) for target in node.targets}
    yield from (call for call in tree.calls if last(call.func) in names and tree.loop(call) is not None)


def predict(tree: Tree) -> Iterator[ast.AST]:
    """A prediction or transformation in a loop."""
    return methods_in_loop(tree, _PREDICTS)


def named(words: str, *, looped: bool = False, inside: str = "") -> Callable[[Tree], Iterator[ast.AST]]:
    """Calls whose source matches `words`, in a loop or in a function of a matching name where asked for."""
    pattern, within = re.compile(words), re.compile(inside)

    def look(tree: Tree) -> Iterator[ast.AST]:
        for call in tree.calls if "torch" in tree.text else ():
            # The call alone, not what a chain or a body of many lines around it says.
            source = tree.source(call)
            if not pattern.search(source) or "\n\n" in source or (looped and tree.loop(call) is None):
                continue
            if within.search(getattr(tree.function(call), "name", "")):
                yield call

    return look


CLASSES: dict[str, Callable[[Tree], Iterator[ast.AST]]] = {
    "model-in-loop": model_in_loop,
    "evaluation": evaluation,
    "transfer": transfer,
    "float64": float64,
    "part-to-optimizer": part_to_optimizer,
    "encode": encode,
    "pipeline": pipeline,
    "predict": predict,
    "grow-by-cat": named(r"^torch\.(cat|concat|vstack|hstack)\(", looped=True),
    "softmax-and-best": named(r"softmax.*\.(argmax|max|topk)\(|(argmax|max|topk)\(.*softmax"),
    "softmax-and-log": named(r"log\(.*softmax\(|NLLLoss\(|CrossEntropyLoss\(\)\(.*softmax"),
    "cache-flush": named(r"^(torch\.cuda\.empty_cache|gc\.collect)\(", looped=True),
    "made-then-moved": named(r"^torch\.(zeros|ones|rand\w*|arange|eye|full|tensor|empty)\(.*\)\.(to|cuda)\("),
    "read-back-in-loop": named(r"\.(item|cpu|tolist|numpy)\(\)$", looped=True, inside="train|fit|step|epoch|main|run"),
    "tensor-of-list": named(r"^torch\.(tensor|FloatTensor|Tensor|as_tensor)\((\[.* for |\w+\)$)"),
    "move-in-dataset": named(r"\.(to|cuda)\(", inside="__getitem__|collate"),
    "load-in-dataset": named(
        r"(read_csv|np\.load|torch\.load|h5py\.File|json\.load|pickle\.load)\(", inside="__getitem__"
    ),
    "load-in-loop": named(r"(from_pretrained|torch\.load|load_model|create_model)\(", looped=True),
    "load-in-function": named(
        r"(from_pretrained|load_model)\(", inside="predict|infer|get_|embed|detect|generate|process"
    ),
    "layer-in-forward": named(r"^nn\.[A-Z]\w+\(", inside="^forward"),
    "optimizer-in-loop": named(r"^(torch\.)?optim\.[A-Z]\w+\(", looped=True),
    "loader": named(r"DataLoader\("),
    "loader-in-loop": named(r"DataLoader\(|^iter\(", looped=True),
    "save-in-loop": named(r"^torch\.save\(|save_pretrained\(|save_checkpoint\(", looped=True),
    "debug-mode": named(r"set_detect_anomaly\(|detect_anomaly\(|autograd\.profiler|set_sync_debug"),
    "data-parallel": named(r"DataParallel\("),
    "detached-late": named(r"\)\.(detach|data)\b.*$", inside="train|step|fit|loss|target"),
    "two-players": named(r"^(self\.)?(net_?D|D|discriminator|critic)\((?!.*detach)"),
    "retained": named(r"backward\(.*retain_graph\s*=\s*True"),
    "kept-loss": named(r"(loss\w*|total\w*)\.append\(\w*loss\w*\)$"),
    "step-by-step": named(r"(rnn|lstm|gru|cell)\w*\(", looped=True, inside="forward|decode|encode"),
    "attention": named(r"^torch\.(matmul|bmm)\(.*transpose\("),
    "weights-of-attention": named(r"(self_attn|multihead\w*|mha|attn)\([^)]*,[^)]*,"),
    "decomposition": named(r"(svd|symeig|eigh?|inverse|pinverse|pinv)\("),
    "sorted-few": named(r"\.sort\(|torch\.sort\(|argsort\("),
    "hot": named(r"one_hot\(|\.scatter_\("),
    "pairs": named(r"unsqueeze\(\d\) ?- ?\w+\.unsqueeze|\[:, None\] - |cdist\("),
    "round-trip": named(r"from_numpy\(.*\.numpy\(\)|torch\.tensor\(.*\.numpy\(\)"),
    "twice": named(r"^(self\.)?(model|net|network)\(", inside="train|forward|step"),
    "teacher": named(r"^(self\.)?\w*(teacher|target|ema|old|ref)\w*\("),
    "frozen": named(r"requires_grad_\(|freeze\w*\("),
    "zeroed": named(r"zero_grad\(.*set_to_none|\.zero_\(\)"),
    "rest-of-pack": named(r"torch\.compile\(|checkpoint\(|all_reduce\(|barrier\(|prune\.|pin_memory\(|non_blocking"),
}


def search(root: Path) -> dict[str, set[Place]]:
    """Every place of every class under the root. What cannot be read or does not parse is left out."""
    found: dict[str, set[Place]] = defaultdict(set)
    for path in sorted(root.rglob("*.py")):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = Tree(path.read_text(encoding="utf-8", errors="replace"))
        except (OSError, SyntaxError, ValueError, RecursionError):
            continue
        for name, look in CLASSES.items():
            lines = {node.lineno for node in look(tree) if isinstance(node, ast.expr)}
            found[name] |= {Place(path.relative_to(root).as_posix(), line) for line in lines}
    return found


def draw(places: Iterable[Place], count: int, rng: random.Random) -> list[Place]:
    """A draw of places: the projects in turn, in an order of chance, and in each a place of chance."""
    projects: dict[str, list[Place]] = defaultdict(list)
    for place in sorted(places):
        projects[place.path.split("/")[0]].append(place)
    for pool in projects.values():
        rng.shuffle(pool)
    order = sorted(projects)
    rng.shuffle(order)
    drawn: list[Place] = []
    while order and len(drawn) < count:
        for project in list(order):
            taken = next((p for p in projects[project] if sum(p.path == d.path for d in drawn) < _PER_FILE), None)
            if taken is None:
                order.remove(project)
            elif len(drawn) < count:
                projects[project].remove(taken)
                drawn.append(taken)
    return drawn


def main() -> None:
    """Print the places drawn, one a line: class, path, line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("root", type=Path, help="a folder that holds one folder a project")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the draw")
    parser.add_argument("--count", type=int, default=40, help="how many places of each class (default: 40)")
    parser.add_argument("--only", choices=sorted(CLASSES), help="one class alone")
    args = parser.parse_args()
    found = search(args.root)
    for name in CLASSES if args.only is None else [args.only]:
        # A generator for each class: what is drawn of one does not move another.
        for place in sorted(draw(found[name], args.count, random.Random(f"{args.seed} {name}"))):
            print(f"{name}\t{place.path}\t{place.line}")


if __name__ == "__main__":
    main()
