"""The paper venue: a broker of our own that speaks Tradovate's protocol. `python -m paper`.

    rest, socket -> calls (registry) -> guard -> endpoints -> trading -> book, ledger (pure)
                                                                     '-> scribe, cashier -> store
    commit: store's changes -> journal (durable) -> hub (events) -> answer

Where things are added: an endpoint is one function with `@endpoint` in `endpoints/`; an entity is
one row and one line of `rows.KINDS`; a fault is one name and its words in `faults` and one `take`
where it acts, or one function in `mishaps`; a matching rule is one field of `book_values.Rules`;
something the venue insists on is one field of `policy.Policy`; a control is one line in `control`.

Without ports: `inprocess.InProcess(venue)` takes requests and gives answers and frames, and
`Venue(settings, clock)` takes any clock, so a client can be tested against all of it in one
process under virtual time. `docs/venue.md` is written from the registries.
"""
