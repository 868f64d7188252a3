"""A watchman beside the sender: counts what went in and what came out, and says kill.

It shares no code with what sends orders: no `execution`, no `shared.domain`, `shared.db` or
`shared.brokers`. What it knows of the tables is written here a second time, on purpose, so that
one mistake cannot hide another.
"""
