"""The commands beside `check`: the rules, the configuration, and a rule of one's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .config import KEYS, did_you_mean, schema
from .console import say, tell, wants_color

if TYPE_CHECKING:
    from .rule import Rule

_FORMAT = click.option(
    "--output-format", "form", type=click.Choice(("text", "json")), default="text", help="How to print."
)


def relative(path: Path) -> str:
    """A path as seen from the current directory when it is below it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


@click.command()
@click.argument("name")
@_FORMAT
def rule(name: str, form: str) -> int:
    """Print the page of the rule NAME: why it wastes, when to leave it, how its fix is safe."""
    from . import evidence, plugins
    from .page import read_page

    rules = {rule.name: rule for rule in plugins.rules()}
    if name not in rules:
        raise click.UsageError(f"there is no rule `{name}`{did_you_mean(name, rules)}")
    page = read_page(rules[name].page)
    text = page.text + evidence.section(rules[name].page)
    if form == "json":
        found = [entry.to_json() for entry in evidence.entries(rules[name].page)]
        told = {"title": page.title, "why": page.mechanism, "page": page.text, "evidence": found}
        _say_json({**_facts(rules[name]), **told})
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        facts = _facts(rules[name])
        console = Console(no_color=not wants_color(sys.stdout, "auto"))
        console.print(Markdown(text))
        console.print(f"\n{facts['family']} · {facts['practice']} · {facts['level']}", style="dim", markup=False)
    else:
        say(text)
    return 0


@click.command()
@click.option(
    "--output-format", "form", type=click.Choice(("text", "json", "markdown")), default="text", help="How to print."
)
def rules(form: str) -> int:
    """List the rules that are installed. In Markdown, with links to their pages as seen from the current directory."""
    from . import plugins
    from .report.terminal import BOLD, Paint

    facts = [_facts(rule) for rule in plugins.rules()]
    if form == "json":
        _say_json(facts)
        return 0
    if form == "markdown":
        say("".join(f"{line}\n" for line in _table(facts, [rule.page for rule in plugins.rules()])))
        return 0
    rows = [("name", "family", "practice", "level", "fix", "")]
    for fact in facts:
        fix, preview = "yes" if fact["fix"] else "-", "preview" if fact["preview"] else ""
        rows.append((fact["name"], fact["family"], fact["practice"], fact["level"], fix, preview))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines[0] = Paint(wants_color(sys.stdout, "auto"))(BOLD, lines[0])
    say("".join(f"{line}\n" for line in lines))
    return 0


def _table(facts: list[dict[str, Any]], pages: list[Path]) -> Iterator[str]:
    """A section and a table for each family."""
    shown = ""
    for fact, page in zip(facts, pages, strict=True):
        if fact["family"] != shown:
            yield from ("", f"## {fact['family']}", "") if shown else ("# Rules", "", f"## {fact['family']}", "")
            yield from ("| rule | what is wasted | level | practice | fix |", "| --- | --- | --- | --- | --- |")
            shown = fact["family"]
        level, fix = fact["level"] + (" (preview)" if fact["preview"] else ""), "yes" if fact["fix"] else ""
        link = f"[`{fact['name']}`]({os.path.relpath(page).replace(os.sep, '/')})"
        yield f"| {link} | {fact['summary']} | {level} | {fact['practice']} | {fix} |"


def _facts(rule: Rule) -> dict[str, Any]:
    from . import evidence
    from .page import read_page

    page = read_page(rule.page)
    return {
        "name": rule.name,
        "family": rule.family,
        "practice": rule.practice,
        "level": evidence.level(rule.level, rule.page),
        "preview": rule.preview,
        "fix": any(case.fixed is not None for case in page.cases),
        "summary": rule.summary,
    }


def _say_json(value: Any) -> None:
    import json

    say(json.dumps(value, indent=2) + "\n")


@click.command()
@click.argument("key", required=False)
@click.option("--schema", "as_schema", is_flag=True, help="Print the JSON Schema of the configuration.")
def config(key: str | None, as_schema: bool) -> int:
    """Say what the configuration may hold, or what KEY means."""
    if as_schema:
        _say_json(schema())
        return 0
    if key is not None and key not in KEYS:
        raise click.UsageError(f"there is no key `{key}`{did_you_mean(key, KEYS)}")
    for name, about in KEYS.items():
        if key in (None, name):
            choices = f" One of {', '.join(about.choices)}." if about.choices else ""
            say(f"{name}\n    {about.doc}{choices}\n")
    return 0


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True))
def test(paths: tuple[str, ...]) -> int:
    """Run the pages under PATHS (`.` unless given) as the tests of their rules. This executes the pages' code."""
    from importlib.metadata import entry_points
    from importlib.util import find_spec

    if find_spec("pytest") is None:
        tell("`smellcheck test` needs pytest: install it beside smellcheck-ai")
        return 2
    import pytest

    known = any(entry.value == "smellcheck.testing" for entry in entry_points(group="pytest11"))
    plugin = [] if known else ["-p", "smellcheck.testing"]
    code = int(pytest.main(["--import-mode=importlib", *plugin, *(paths or (".",))]))
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        tell("no rule page found: a page is a Markdown file beside a rule's module, of the same name")
    return code


@click.command()
@click.argument("name", metavar="FAMILY/NAME")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="The rule package to write to.")
def new(name: str, into: Path | None) -> int:
    """Start a rule: a check that sees nothing yet, and a page that says what it must see."""
    from .scaffold import ScaffoldError, start

    try:
        started = start(name, into, Path.cwd())
    except ScaffoldError as error:
        tell(str(error))
        return 2
    for path in started.written:
        say(f"wrote {relative(path)}\n")
    say("".join(f"{step}\n" for step in started.steps), sys.stderr)
    return 0


@click.command()
@click.argument("names", metavar="[RULE]...", nargs=-1)
@click.option("--device", type=click.Choice(("auto", "cpu", "cuda")), default="auto", help="Where to run.")
@click.option("--screen", "protocol", flag_value="screen", default=True, help="Six pairs of 2.5 s (the default).")
@click.option("--confirm", "protocol", flag_value="confirm", help="Eight pairs of 5 s.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write evidence there, not beside the rules."
)
@click.option("--time-limit", type=float, metavar="SECONDS", help="Begin nothing that would not end in time.")
@click.option("--again", is_flag=True, help="Measure what is measured already, too.")
@click.option("--bundle", type=click.Path(path_type=Path, dir_okay=False), help="Write a bench that needs only torch.")
def bench(names: tuple[str, ...], protocol: str, bundle: Path | None, **given: Any) -> int:
    """Run the proofs of the rules, all or those named, and write their evidence. This executes the pages' code.

    Outputs are compared and counts are exact everywhere; energy is measured where there is a meter. What is done is
    kept at once, and the same command goes on where it stopped. Exit 3 when the time limit came first.
    """
    from importlib.util import find_spec

    from . import plugins

    known = {rule.name: rule.page for rule in plugins.rules()}
    for name in names:
        if name not in known:
            raise click.UsageError(f"there is no rule `{name}`{did_you_mean(name, known)}")
    pages = [page for name, page in known.items() if not names or name in names]
    if bundle is not None:
        from .bench.bundle import write

        write(bundle, pages)
        say(f"wrote {relative(bundle)}: python {bundle.name} --device cuda --out evidence\n", sys.stderr)
        return 0
    if find_spec("torch") is None:
        tell("`smellcheck bench` needs torch, which you choose and install yourself")
        return 2
    from .bench import command, trial

    chosen = trial.CONFIRM if protocol == "confirm" else trial.SCREEN
    out = given.pop("out")
    return command.run(command.targets(pages, out), protocol=chosen, **given)


@click.command()
@click.option("--cache-dir", type=click.Path(path_type=Path, file_okay=False), envvar="SMELLCHECK_CACHE_DIR")
def clean(cache_dir: Path | None) -> int:
    """Remove the cache of the project around the current directory."""
    from .cache import clear
    from .config import Chosen, resolver
    from .run import CACHE_NAME

    directory = cache_dir or resolver(Chosen(Path.cwd()))(Path.cwd()).root / CACHE_NAME
    if clear(directory):
        say(f"removed {relative(directory)}\n", sys.stderr)
    elif directory.exists():
        tell(f"{relative(directory)} is no cache of smellcheck")
        return 2
    return 0


_PATH = click.Path(path_type=Path)


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.option("--unsafe-fixes", "unsafe", is_flag=True, help="Apply unsafe fixes too.")
@click.option("--select", multiple=True, metavar="SELECTOR", help="Apply the fixes of these rules only.")
@click.option("--compare", multiple=True, type=_PATH, help="A file or directory that SCRIPT writes. Repeatable.")
@click.option(
    "--tolerance", default=0.0, metavar="X", help="How far numbers in texts may be apart, relatively; else 0."
)
@click.option("--project", type=click.Path(exists=True, file_okay=False, path_type=Path), help="What to copy and fix.")
@click.option("--pairs", default=6, type=click.IntRange(3, 100), show_default=True, help="Pairs of runs.")
@click.option("--time-limit", type=click.FloatRange(min=0), metavar="SECONDS", help="Run fewer pairs, but 3, to fit.")
@click.option("--python", default=sys.executable, metavar="PATH", help="The interpreter; else smellcheck's own.")
@_FORMAT
def prove(form: str, select: tuple[str, ...], **asked: Any) -> int:
    """Run SCRIPT with and without its fixes, and say what they save.

    This EXECUTES the script, a dozen times and more, with ARGS, in copies of its project; your files stay as they
    are, unless the script is told to write outside its project or through a link. What it prints must be the same.
    Exit 0 when outputs are equal, 1 when they are not, 2 when it cannot be run. Options stand before SCRIPT.
    """
    from .bench.process import RunError
    from .bench.prove import Asked
    from .bench.prove import prove as run_proof
    from .bench.verdict_words import data_of, told
    from .selection import Layer

    selectors = Layer(tuple(part for item in select for part in item.split(",")) or None)
    try:
        proof = run_proof(Asked(**asked), selectors, lambda text: say(f"{text}\n", sys.stderr))
    except (RunError, OSError) as error:
        tell(str(error))
        return 2
    if form == "json":
        _say_json(data_of(proof))
    else:
        say(told(proof))
    return int(proof.differs is not None)


@click.command()
@click.option("--stdio", is_flag=True, help="Speak over standard input and output, as it does unless told otherwise.")
@click.option("--tcp", is_flag=True, help="Wait for one client on a socket.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address of that socket.")
@click.option("--port", type=click.IntRange(0, 65535), default=2087, show_default=True, help="The port of that socket.")
@click.option("--log-file", type=click.Path(path_type=Path, dir_okay=False), help="Write a log to this file.")
def server(stdio: bool, tcp: bool, host: str, port: int, log_file: Path | None) -> int:
    """Serve an editor by the language server protocol."""
    from importlib.util import find_spec

    if stdio and tcp:
        raise click.UsageError("--stdio and --tcp exclude each other.")
    if find_spec("pygls") is None or find_spec("lsprotocol") is None:
        tell("`smellcheck server` needs pygls: install `smellcheck-ai[lsp]`")
        return 2
    from .server.app import run

    return run((host, port) if tcp else None, log_file)


COMMANDS = (rule, rules, config, test, new, bench, clean, prove, server)
