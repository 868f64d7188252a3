"""Asserts of the helpers explain themselves like those of tests."""

import pytest

pytest.register_assert_rewrite("tests.e2e.verdict")
