"""How Hypothesis runs: a fast, deterministic profile, and a thorough one with --thorough."""

import os

import pytest
from hypothesis import HealthCheck, settings

# The arrays of the tests are small: a second BLAS thread would only wait, and for long on a machine
# that does other things besides. NumPy reads this when it is imported, after this file.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

settings.register_profile(
    "ci", derandomize=True, max_examples=12, deadline=None, database=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
settings.register_profile(
    "thorough", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough", action="store_true", help="1,000 examples of each property, at random"
    )


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("thorough" if config.getoption("--thorough") else "ci")


@pytest.fixture(scope="session")
def thorough(pytestconfig: pytest.Config) -> bool:
    """Whether there is time for many more cases."""
    return bool(pytestconfig.getoption("--thorough"))
