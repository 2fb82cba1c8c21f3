"""The command line: `smellcheck [PATHS]`, and what else can be asked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from . import __version__, commands
from .config import FAIL_ON, FORMATS, ConfigError
from .console import hush, tell
from .selection import SelectorError

Outputs = tuple[tuple[str, Path | None], ...]
Decorator = Callable[[Any], Any]


class _Default(click.Group):
    """A group whose command `check` need not be named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `check` in front of what is neither a command nor an option of the group."""
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "-h", "--version", "-V")):
            args = ["check", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_Default,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="`smellcheck [PATHS]` is `smellcheck check [PATHS]`; see `smellcheck check --help`.",
)
@click.version_option(__version__, "-V", "--version", message="smellcheck %(version)s")
def command() -> None:
    """Find the places where AI code burns energy for nothing, say why, and mend them."""


def _selectors(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.strip() for item in value for part in item.split(",") if part.strip())


def _outputs(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> Outputs:
    pairs: list[tuple[str, Path | None]] = []
    for item in value:
        form, _sep, path = item.partition(":")
        if form not in FORMATS:
            raise click.BadParameter(f"{form!r} is not one of {', '.join(FORMATS)}.")
        if path.endswith((".py", ".pyw", ".ipynb")):
            raise click.BadParameter(f"{path!r} looks like source code, and would be overwritten.")
        pairs.append((form, Path(path) if path else None))
    if sum(path is None for _form, path in pairs) > 1:
        raise click.BadParameter("only one format can go to standard output: give the others a path, `json:PATH`.")
    return tuple(pairs)


def _jobs(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    if value is None or value == "auto":
        return None if value is None else 0
    if not value.isdigit():
        raise click.BadParameter(f"{value!r} is neither `auto` nor a number.")
    return int(value)


def _switch(name: str, text: str) -> Decorator:
    return click.option(f"--{name}/--no-{name}", default=None, help=text)


def _flag(name: str, text: str, *short: str) -> Decorator:
    return click.option(f"--{name}", *short, is_flag=True, help=text)


def _list(name: str, text: str, metavar: str = "SELECTOR") -> Decorator:
    return click.option(f"--{name}", multiple=True, callback=_selectors, metavar=metavar, help=text)


_OPTIONS: Sequence[Decorator] = (
    _switch("fix", "Apply safe fixes."),
    _switch("unsafe-fixes", "Count unsafe fixes among those that --fix applies."),
    _flag("diff", "Show what --fix would change, and change nothing."),
    _list("select", "Run these rules only: names, families, practices or `all`."),
    _list("ignore", "Do not run these rules."),
    _list("extend-select", "Run these rules too."),
    _switch("preview", "Run preview rules too."),
    click.option("--config", type=click.Path(exists=True, dir_okay=False), help="Use this configuration file."),
    _flag("isolated", "Use no configuration file."),
    _list("exclude", "Paths not to check, as in a .gitignore; replaces the configured ones.", "PATTERN"),
    _list("extend-exclude", "More paths not to check.", "PATTERN"),
    _switch("force-exclude", "Exclude files even when they are named here."),
    _switch("respect-gitignore", "Leave out what .gitignore files leave out."),
    click.option(
        "--output-format",
        "outputs",
        multiple=True,
        callback=_outputs,
        metavar="FORMAT[:PATH]",
        help=f"{', '.join(FORMATS)}; with a path, into that file. Repeatable.",
    ),
    _flag("statistics", "Count the findings of each rule."),
    click.option("--fail-on", type=click.Choice(FAIL_ON), help="The mildest level that fails the run; else `warning`."),
    _flag("exit-zero", "Exit 0 even when there are findings.", "-e"),
    _flag("exit-non-zero-on-fix", "Exit 1 when something was fixed."),
    click.option("-j", "--jobs", callback=_jobs, metavar="N", help="How many processes to use; `auto` chooses."),
    click.option(
        "--no-cache", "-n", is_flag=True, envvar="SMELLCHECK_NO_CACHE", help="Neither read nor write the cache."
    ),
    click.option(
        "--cache-dir",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="SMELLCHECK_CACHE_DIR",
        help="Where to keep what was found; `.smellcheck_cache` beside the configuration unless given.",
    ),
    click.option("--stdin-filename", metavar="PATH", help="The name of what is read when the path is `-`."),
    _flag("quiet", "Print findings and errors only.", "-q"),
    click.option("--color", type=click.Choice(("auto", "always", "never")), default="auto", help="When to colour."),
)


def _all_options(function: Any) -> Any:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@command.command()
@click.argument("paths", nargs=-1)
@_all_options
def check(paths: tuple[str, ...], **given: Any) -> int:
    """Check PATHS, files or directories (`.` unless given); `-` reads standard input.

    Exit 0 when nothing is wrong, 1 when findings remain, 2 when something could not be checked.
    """
    from .checking import Call, check_paths, check_stdin

    if "-" in paths and len(paths) > 1:
        raise click.UsageError("`-` cannot be combined with other paths.")
    if given["diff"] and given["outputs"]:
        raise click.UsageError("--diff prints a diff: it cannot be combined with --output-format.")
    call = Call.of(given)
    return check_stdin(call) if paths == ("-",) else check_paths(paths or (".",), call)


for _command in commands.COMMANDS:
    command.add_command(_command)


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    from .rule import PluginError

    try:
        code = command.main(args, prog_name="smellcheck", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SelectorError as error:
        tell(f"--{error.option}: {error.message}")
    except ConfigError as error:
        place = commands.relative(error.path)
        tell(f"{place}: {error.message}" if error.line is None else f"{place}:{error.line}: {error.message}")
    except PluginError as error:
        tell(str(error))
    except BrokenPipeError:
        hush()
    except (KeyboardInterrupt, click.Abort):
        tell("interrupted")
        return 130
    return 2
