"""The command line's own help, as Markdown."""

from __future__ import annotations

from typing import Any


def commands() -> dict[str, Any]:
    """Commands by name, as Typer makes them. Raises ImportError where there is no command line.

    Their classes are Typer's own and not typed for others, so what is read of them is Any.
    """
    import typer.main

    from poise.edge.cli import app

    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def render() -> str:
    """One section a command: what it does, how it is called, its arguments and options. Never depends on a terminal."""
    return "\n".join(_section(name, command) for name, command in commands().items())


def _section(name: str, command: Any) -> str:  # noqa: ANN401  # see commands
    arguments = [option for option in command.params if option.param_type_name == "argument"]
    named = " ".join(_metavar(option) if option.required else f"[{_metavar(option)}]" for option in arguments)
    lines = [f"### poise {name}", "", (command.help or "").strip(), "", "```", _usage(name, named, command), "```", ""]
    if command.params:
        lines += ["| argument or option | default | meaning |", "|---|---|---|"]
        lines += [f"| {_written(option)} | {_default(option)} | {_meaning(option)} |" for option in command.params]
        lines.append("")
    return "\n".join(lines)


def _usage(name: str, arguments: str, command: Any) -> str:  # noqa: ANN401  # see commands
    options = "[OPTIONS]" if any(option.param_type_name == "option" for option in command.params) else ""
    return " ".join(part for part in ("poise", name, options, arguments) if part)


def _metavar(option: Any) -> str:  # noqa: ANN401  # see commands
    name: str = option.name.upper()
    return name + "..." if option.nargs == -1 else name


def _written(option: Any) -> str:  # noqa: ANN401  # see commands
    names = [_metavar(option)] if option.param_type_name == "argument" else [*option.opts, *option.secondary_opts]
    return ", ".join(f"`{name}`" for name in names)


def _default(option: Any) -> str:  # noqa: ANN401  # see commands
    if option.default is None or callable(option.default) or option.default in ("", [], ()):
        return "required" if option.required else ""
    if option.default is False:
        return "off"
    return f"`{option.default}`"


def _meaning(option: Any) -> str:  # noqa: ANN401  # see commands
    return (option.help or "").replace("|", "\\|")
