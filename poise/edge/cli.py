"""The command line. stdout is data, stderr is talk. Each command imports what it needs when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="poise",
    help="Dynamic model serving: one endpoint in front of every model, with every decision explained.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ConfigFile = Annotated[
    Path | None, typer.Argument(help="The configuration; ./poise.yaml by default.", show_default=False)
]
DataFolder = Annotated[
    Path | None,
    typer.Option(
        "--data", help="The folder of the store; that of ./poise.yaml by default, else .poise.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]


def _done(code: int) -> None:
    raise typer.Exit(code)


def _version(asked: bool) -> None:
    if asked:
        from poise.edge import version

        sys.stdout.write(f"poise {version.shown()}\n")
        _done(0)


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version and whether it is compiled."
        ),
    ] = False,
) -> None:
    """Dynamic model serving: one endpoint in front of every model, with every decision explained."""


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="Where to write.")] = Path("poise.yaml"),
    demo: Annotated[bool, typer.Option("--demo", help="Point it at simulated upstreams.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite.")] = False,
) -> None:
    """Write a commented poise.yaml for the keys found in the environment, or a demo one."""
    from poise.edge import cli_config

    _done(cli_config.init(file, demo, force))


@app.command()
def check(
    file: ConfigFile = None,
    show: Annotated[
        bool, typer.Option("--print", help="Print the merged result and where each value came from.")
    ] = False,
    json: AsJson = False,
) -> None:
    """List every error and warning of a configuration at once."""
    from poise.edge import cli_config

    _done(cli_config.check(file, show, json))


@app.command()
def models(  # noqa: PLR0913  # each is an option of the command
    names: Annotated[
        list[str] | None, typer.Argument(help="Names or patterns, as 'gpt-5*'; all by default.", show_default=False)
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="List its targets too; ./poise.yaml by default, where there is one.", show_default=False
        ),
    ] = None,
    vendor: Annotated[str, typer.Option("--vendor", help="Of this vendor or provider.")] = "",
    tools: Annotated[bool, typer.Option("--tools", help="That can call tools.")] = False,
    vision: Annotated[bool, typer.Option("--vision", help="That take images.")] = False,
    json_schema: Annotated[bool, typer.Option("--json-schema", help="That answer by a JSON Schema.")] = False,
    reasoning: Annotated[bool, typer.Option("--reasoning", help="That think before they answer.")] = False,
    embeddings: Annotated[bool, typer.Option("--embeddings", help="That make embeddings.")] = False,
    max_price: Annotated[
        float | None,
        typer.Option("--max-price", help="USD per million tokens, of input and of output.", show_default=False),
    ] = None,
    json: AsJson = False,
) -> None:
    """List what is known of models: the catalogue's, and those of a configuration. A filter keeps what is known to fit."""
    from poise.edge import cli_models

    wanted = cli_models.Wanted(tuple(names or ()), vendor, tools, vision, json_schema, reasoning, embeddings, max_price)
    _done(cli_models.models(config, wanted, json_=json))


@app.command()
def serve(
    file: ConfigFile = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help="Worker processes.")] = 1,
) -> None:
    """Run. Prints one line per listening address when ready; SIGTERM drains."""
    from poise.edge import supervisor

    _done(supervisor.run(file, workers=workers))


@app.command()
def reload(data: DataFolder = None) -> None:
    """Make a running server read its configuration again: everything at once or nothing."""
    from poise.edge import cli_config, supervisor

    _done(supervisor.reload(cli_config.data_folder(data)))


@app.command()
def status(
    data: DataFolder = None,
    once: Annotated[bool, typer.Option("--once", help="Print once and exit.")] = False,
    json: AsJson = False,
) -> None:
    """Show workflows (objective against attained), targets, health, rates and cost."""
    from poise.edge import cli_config, cli_store

    _done(cli_store.status(cli_config.data_folder(data), json, once))


@app.command()
def explain(
    ref: Annotated[str, typer.Argument(help="A decision id, or 'last'.")] = "last",
    data: DataFolder = None,
    conversation: Annotated[str, typer.Option("--conversation", help="The newest decision of a conversation.")] = "",
    json: AsJson = False,
) -> None:
    """Show one Decision: facts, candidates, why not the others, attempts, outcome, cost, and what would have flipped it."""
    from poise.edge import cli_config, cli_store

    _done(cli_store.explain(ref, cli_config.data_folder(data), conversation, json))


@app.command()
def replay(
    refs: Annotated[list[str] | None, typer.Argument(help="Decision ids.", show_default=False)] = None,
    data: DataFolder = None,
    last: Annotated[int, typer.Option("--last", min=0, help="The newest N decisions.")] = 0,
    every: Annotated[bool, typer.Option("--all", help="Every stored decision.")] = False,
    json: AsJson = False,
) -> None:
    """Choose again on recorded inputs. Exits 0 identical, 1 different, 3 decided by other rules."""
    from poise.edge import cli_config, cli_store

    _done(cli_store.replay(refs or [], cli_config.data_folder(data), last=last, every=every, json_=json))


@app.command()
def demo() -> None:
    """See it work on this machine alone, with simulated upstreams in two regions, and what to try next."""
    from poise.edge.demo import main as tell

    _done(tell())


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(context: typer.Context) -> None:
    """Measure Poise beside nginx, haproxy and sglang-router."""
    from poise.sim import bench as side_by_side

    _done(side_by_side.main(context.args))


def main() -> None:
    """Entry point of the ``poise`` command."""
    sys.exit(app())
