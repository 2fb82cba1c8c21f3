"""A web handler reads a model's weights again for every request."""

import re
from collections.abc import Iterator

import libcst as cst

from smellcheck import File, Smell, rule

_ROUTES = {"route", "get", "post", "put", "websocket", "api_route"}
_HELD = re.compile(r"cache|singleton|memo|once|\bGPU\b", re.I)


@rule(
    imports="torch torchvision transformers sentence_transformers diffusers timm whisper ultralytics spacy",
    words=(
        "from_pretrained load load_model pipeline SentenceTransformer CrossEncoder YOLO pretrained weights",
        "route get post put websocket streamlit gradio lambda_handler",
    ),
    practice="pretrained",
)
def check(call: cst.Call, file: File) -> Iterator[Smell]:
    if not file.loading.loads(call) or file.context.in_test(call):
        return
    function = file.context.function(call)
    if function is None:
        if file.mentions("streamlit") and imports_streamlit(file) and not held(call, None, file):
            yield Smell(call, "the script runs anew at each interaction and reads the weights again; cache the load")
        return
    if not file.loading.constant(call) or held(call, function, file):
        return
    if answers(function, file):
        yield Smell(call, f"the weights are read again for each request that `{function.name.value}` answers")
    elif not function.decorators and any(
        (caller := file.context.function(use)) is not None and answers(caller, file) and not held(use, caller, file)
        for use in file.calls.passing(function)
    ):
        yield Smell(call, f"the weights are read again for each request, through `{function.name.value}`")
    elif not function.decorators and file.mentions("streamlit") and imports_streamlit(file) and rerun(function, file):
        name = function.name.value
        yield Smell(call, f"each interaction runs `{name}` anew, which reads the weights again; cache it")


def rerun(function: cst.FunctionDef, file: File) -> bool:
    """Whether the script itself surely calls a function, at each run."""
    return any(
        file.context.function(use) is None and not held(use, None, file) and not file.context.in_test(use)
        for use in file.calls.passing(function)
    )


def answers(function: cst.FunctionDef, file: File) -> bool:
    """Whether a function surely answers requests."""
    if function.name.value == "lambda_handler":
        return True
    for decorator in function.decorators:
        match decorator.decorator:
            case cst.Call(func=cst.Attribute(attr=cst.Name(value=method)), args=[cst.Arg(value=path), *_]):
                if method in _ROUTES and isinstance(path, cst.SimpleString) and "/" in path.value:
                    return True
    return gradio(function, file)


def gradio(function: cst.FunctionDef, file: File) -> bool:
    """Whether a function is what an interface of gradio runs."""
    return file.mentions("gradio") and any(
        isinstance(arg.value, cst.Name) and arg.value.value == function.name.value
        for interface in ("gradio.Interface", "gradio.ChatInterface")
        for call in file.calls.of.get(interface, ())
        for arg in call.args[:1]
    )


def held(call: cst.CSTNode, function: cst.FunctionDef | None, file: File) -> bool:
    """Whether what is loaded is kept for the next time, or a condition may say that it is."""
    if function is not None:
        if any(_HELD.search(file.text_of(decorator)) for decorator in function.decorators):
            return True
        if any(isinstance(node, cst.Global | cst.Nonlocal) for node in file.calls.own_nodes(function)):
            return True
    for child, above in file.context.ancestors(call):
        if isinstance(above, cst.If) and child is not above.test:
            return True
        if isinstance(above, cst.IfExp | cst.BooleanOperation | cst.ExceptHandler):
            return True
        if isinstance(above, cst.Assign) and not all(isinstance(t.target, cst.Name) for t in above.targets):
            return True
    return False


def imports_streamlit(file: File) -> bool:
    """Whether streamlit runs this script: it is imported, and something of it is called at module level."""
    return any(
        name.startswith("streamlit.") and any(file.context.function(call) is None for call in calls)
        for name, calls in file.calls.of.items()
    )
