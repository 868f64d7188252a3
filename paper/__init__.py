"""The paper venue: a broker of our own that speaks Tradovate's protocol. `python -m paper`.

    rest, socket -> calls (registry) -> endpoints -> trading -> book, ledger (pure)
                                                        '-> scribe, cashier -> store
    commit: store's changes -> journal (durable) -> hub (events) -> answer

Where things are added: an endpoint is one function with `@endpoint` in `endpoints/`; an entity is
one row and one line of `rows.KINDS`; a fault is one name in `faults.Fault` and one `take` where
it acts; a matching rule is one field of `book_values.Rules`; a control is one line in `control`.
"""
