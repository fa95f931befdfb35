"""Continuation tokens."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.tables import paging
from shared.domain.errors import InvalidInputError

KEYS = st.text("abcXYZ019_.-=~", min_size=1, max_size=60)


@given(KEYS)
def test_a_token_leads_back_to_its_key(row):
    token = paging.token(row)

    assert paging.after(token) == row
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)


def test_no_token_is_the_beginning():
    assert paging.after(None) == ""


@given(st.text(max_size=30))
def test_any_text_is_a_key_or_bad_input(text):
    # Any other error fails the test.
    with contextlib.suppress(InvalidInputError):
        assert paging.after(text).isprintable()


@pytest.mark.parametrize("text", ["MQ", "Mg", "MQA", "=", "MWE=MWE"])
def test_tokens_that_are_nearly_ours_are_bad_input(text):
    with pytest.raises(InvalidInputError):
        paging.after(text)
