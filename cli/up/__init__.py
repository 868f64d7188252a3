"""`tm up`: the whole installation on one machine, kept alive by a small supervisor.

command.py      the command line
plan.py         everything decided before a process starts: data, secrets, ports, programs
stack.py        start, readiness, ready line, orderly stop
supervisor.py   one keeper for each program: restart with backoff, stop
program.py      what a program is, and how it dies with us
postgres.py valkey.py account.py   the embedded servers
steps.py        work done in a process of its own: migrations, sample data, the check
"""
