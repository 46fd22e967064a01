"""``cloudplatform completion``: a few lines for the shell, which ask the command itself what may follow."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from cloudplatform_async.cli.output.streams import write

if TYPE_CHECKING:
    from cyclopts import App

Shell = Literal["bash", "zsh", "fish"]

SCRIPTS = {
    "bash": """\
_cloudplatform() {
    local IFS=$'\\n'
    local found="$(cloudplatform complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)"
    COMPREPLY=($(compgen -W "$found" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _cloudplatform cloudplatform
""",
    "zsh": """\
#compdef cloudplatform
_cloudplatform() {
    local -a found
    found=("${(@f)$(cloudplatform complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    [[ -n "${found[*]}" ]] && compadd -a found || _files
}
compdef _cloudplatform cloudplatform
""",
    "fish": """\
function __cloudplatform
    set -l words (commandline -opc) (commandline -ct)
    cloudplatform complete -- $words[2..-1] 2>/dev/null
end
complete -c cloudplatform -a '(__cloudplatform)'
""",
}
_SECONDS = 3.0
_FILES = frozenset({"--env-file", "--chart", "--input"})


def script(shell: Shell, /) -> None:
    """Print the completion script of a shell, for ``source <(cloudplatform completion bash)``.

    Args:
        shell: Which.
    """
    write(SCRIPTS[shell].encode())


async def candidates(*words: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> None:
    """Print what may stand in place of the last word, one a line; the shell's scripts ask this.

    Args:
        words: Those before the cursor, and the beginning of the one at it.
    """
    from cloudplatform_async.cli.app import build

    before, current = list(words[:-1]), words[-1] if words else ""
    found = await _found(build(), before, current)
    write("".join(f"{word}\n" for word in sorted(found) if word.startswith(current)).encode())


async def _found(app: "App", before: list[str], current: str) -> set[str]:
    names, apps, rest = app.parse_commands(before)
    here = apps[-1]
    option = rest[-1] if rest and rest[-1].startswith("-") else ""
    if option == "--profile":
        return _profiles()
    if option in _FILES:
        return set()
    options = _options(here)
    if option and (choices := options.get(option)):
        return set(choices)
    if current.startswith("-"):
        return {name for name in options if name.startswith("--")} | {"--help"}
    commands = {name for name in here if not name.startswith("-") and here[name].show}
    return commands or await _ids(names, rest)


def _options(app: "App") -> dict[str, tuple[str, ...]]:
    """Give the options of a command, and the values of those that have a few."""
    from cloudplatform_async.cli.app import NO_NEGATIVES

    if app.default_command is None:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for argument in app.assemble_argument_collection(default_parameter=NO_NEGATIVES):
        for name in argument.names:
            if name.startswith("-"):
                choices = argument.get_choices()
                found[name] = tuple(choices) if choices else ()
    return found


def _profiles() -> set[str]:
    from cloudplatform_async.cli.session.profiles import read_settings

    return set(read_settings().profiles)


async def _ids(names: tuple[str, ...], rest: list[str]) -> set[str]:
    """Ask the platform for the ids that may stand here; an error, or a slow answer, means none."""
    from cloudplatform_async import CloudPlatformError
    from cloudplatform_async.cli.session.connect import connect
    from cloudplatform_async.cli.session.options import Connection

    path = _list_of(tuple(names), [word for word in rest if not word.startswith("-")])
    if path is None:
        return set()
    profile = rest[rest.index("--profile") + 1] if "--profile" in rest[:-1] else None
    try:
        async with connect(Connection(profile=profile, timeout=_SECONDS, base_url=_base_url(rest))) as client:
            rows = (await client.request("GET", path, params={"limit": 100}, model=list[dict[str, Any]])).data
    except CloudPlatformError:
        return set()
    return {str(row["id"]) for row in rows if "id" in row}


def _list_of(names: tuple[str, ...], given: list[str]) -> str | None:
    """Name the list whose ids complete the next argument of a command."""
    if names in {("projects", verb) for verb in ("get", "update", "delete")} and not given:
        return "/projects"
    if names[:1] != ("workflows",) or names[1:] == ("list",):
        return None
    if not given:
        return "/workflows"
    return f"/workflows/{given[0]}/runs" if names[1:] in {("run",), ("wait",), ("cancel",)} else None


def _base_url(rest: list[str]) -> str | None:
    return rest[rest.index("--base-url") + 1] if "--base-url" in rest[:-1] else None
