"""Somebody with a browser."""

import pytest

from tests.api_client import Api
from tests.page_client import Browser


@pytest.fixture
def browser(api: Api) -> Browser:
    """A developer's browser on a laptop."""
    return Browser(api)
