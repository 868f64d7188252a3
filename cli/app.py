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


ScopeArgument = Annotated[
    str, typer.Argument(metavar="SCOPE", help="strategy, account, user or system.")
]
WhichArgument = Annotated[
    str | None, typer.Argument(metavar="[WHICH]", help="Its id or name; none for the system.")
]
ReasonOption = Annotated[
    str, typer.Option("--reason", help="Shown wherever something is refused because of it.")
]
WaitOption = Annotated[
    float, typer.Option("--wait", min=0, help="Seconds to watch what has to be closed.")
]


@app.command()
def kill(
    scope: ScopeArgument,
    which: WhichArgument = None,
    reason: ReasonOption = "",
    wait: WaitOption = 15,
    data: DataOption = None,
) -> None:
    """Refuse entries and close what is held. Needs nothing but PostgreSQL."""
    _say("kill", scope, which, reason, wait, data)


@app.command()
def pause(
    scope: ScopeArgument,
    which: WhichArgument = None,
    reason: ReasonOption = "",
    data: DataOption = None,
) -> None:
    """Refuse entries; exits, stops and targets go on."""
    _say("pause", scope, which, reason, 0, data)


@app.command()
def resume(
    scope: ScopeArgument,
    which: WhichArgument = None,
    reason: ReasonOption = "",
    data: DataOption = None,
) -> None:
    """Take entries again in a scope that was killed or paused."""
    _say("resume", scope, which, reason, 0, data)


@app.command()
def flatten(
    scope: ScopeArgument,
    which: WhichArgument = None,
    reason: ReasonOption = "",
    wait: WaitOption = 15,
    data: DataOption = None,
) -> None:
    """Close what is held, every owner's, and go on taking entries."""
    _say("flatten", scope, which, reason, wait, data)


def _say(
    deed: str, scope: str, which: str | None, reason: str, wait_s: float, data: Path | None
) -> None:
    from cli.controls import Deed, run
    from shared.domain.gates.controls import Scope

    if scope not in list(Scope):
        raise UpError(f"{scope} is no scope; say strategy, account, user or system")
    raise typer.Exit(run(Deed(deed), Scope(scope), which, reason, wait_s, data))


audit = typer.Typer(help="The record of who did what.", no_args_is_help=True)
app.add_typer(audit, name="audit")

HeadOption = Annotated[
    str,
    typer.Option("--head", metavar="LINK:HASH", help="What an earlier run printed as its head."),
]


@audit.command()
def verify(head: HeadOption = "", data: DataOption = None) -> None:
    """Check every row against the chain; name the first that was changed, added or taken away."""
    from cli.audit import run

    raise typer.Exit(run(head, data))


vault = typer.Typer(help="The keys that seal broker credentials.", no_args_is_help=True)
app.add_typer(vault, name="vault")


@vault.command("new-key")
def new_key() -> None:
    """Print a new pair of keys; nothing is stored."""
    from cli.vault import new_key as run

    raise typer.Exit(run())


@vault.command()
def rotate(
    check: Annotated[bool, typer.Option("--check", help="Count only; seal nothing anew.")] = False,
    data: DataOption = None,
) -> None:
    """Seal every credential under the present key; goes on where it was interrupted."""
    from cli.vault import rotate as run

    raise typer.Exit(run(data, check=check))


@app.command()
def retention(
    keep_days: Annotated[
        int, typer.Option("--keep-days", min=365, help="How long records are kept.")
    ] = 2557,
    check: Annotated[bool, typer.Option("--check", help="Say what would go, only.")] = False,
    data: DataOption = None,
) -> None:
    """Remove audit rows of that age, and all that was kept of users who left so long ago."""
    from cli.retention import run

    raise typer.Exit(run(data, keep_days, check=check))


@app.command()
def recount(
    check: Annotated[bool, typer.Option("--check", help="Compare only; write nothing.")] = False,
    data: DataOption = None,
) -> None:
    """Count all closed trades once more, and prove that what was kept is what they come to."""
    from cli.recount import run

    raise typer.Exit(run(data, check=check))


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
