import os

import pytest


@pytest.fixture(scope="session")
def thorough():
    return bool(os.environ.get("THOROUGH"))
