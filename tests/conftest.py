"""Fixtures that every test may ask for; helpers whose asserts explain themselves."""

import pytest

pytest.register_assert_rewrite("tests.fixtures.ledger_check")

pytest_plugins = ["tests.fixtures.servers"]
