"""The operator's commands. Each body imports its own machinery, so `tm --help` stays quick."""

from pathlib import Path
from typing import Annotated

import typer

from cli.up.errors import UpError

app = typer.Typer(
    name="tm",
    help="Trade Manager: TradingView alerts to Tradovate orders, recorded to the cent.",
    no_args_is_help=True,
    add_completion=False,
)

_HANDED_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Data directory of the `tm up` that is meant.")
]


@app.command(context_settings=_HANDED_ON)
def up(context: typer.Context) -> None:
    """Start everything on this machine: databases, paper venue, services, a sample strategy."""
    from cli.up.command import main

    raise typer.Exit(main(context.args))


@app.command(context_settings=_HANDED_ON)
def test(context: typer.Context) -> None:
    """Run the whole gate, or pytest with the arguments given."""
    from cli.test.command import main

    raise typer.Exit(main(context.args))


@app.command()
def migrate(data: DataOption = None) -> None:
    """Bring the database to the newest schema."""
    from cli.migrate import migrate as run

    raise typer.Exit(run(data))


@app.command()
def doctor(data: DataOption = None) -> None:
    """Show the durability settings of the running database and Redis; fail if one is unsafe."""
    from cli.doctor import doctor as run

    raise typer.Exit(run(data))


@app.command()
def docs() -> None:
    """Write the pages that are generated from the code."""
    from cli.docs import write

    for path in write():
        typer.echo(path)


def main() -> None:
    try:
        app()
    except UpError as error:
        typer.echo(f"tm: {error}", err=True)
        raise SystemExit(1) from error
