"""Requests that nobody wrote, against the whole API over HTTP."""
