"""`tm`: chooses the command, importing only what that command needs.

`up` is dispatched by hand because typer costs 0.1 s of every start and `up` needs none of it.
"""

import sys


def main() -> None:
    match sys.argv[1:]:
        case ["up", *arguments]:
            from cli.up.command import main as up

            sys.exit(up(arguments))
        case ["test", *arguments]:
            from cli.test.command import main as test

            sys.exit(test(arguments))
        case _:
            from cli.app import main as others

            others()


if __name__ == "__main__":
    main()
