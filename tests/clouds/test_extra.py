"""Libraries that are not in the base install."""

from __future__ import annotations

import subprocess
import sys

import pytest

from poise.edge.clouds.extra import load
from poise.errors import Error


def test_a_library_that_is_missing_is_missed_with_a_hint() -> None:
    """What to install."""
    with pytest.raises(Error, match="no_such_library") as missing:
        load("no_such_library.inner", "AWS")
    assert "pip install 'poise[clouds]'" == missing.value.hint


def test_no_library_is_loaded_before_it_is_wanted() -> None:
    """Importing every file of the clouds loads none of them."""
    code = (
        "import sys, poise.edge.clouds.aws, poise.edge.clouds.google, poise.edge.clouds.azure, poise.edge.clouds.sigv4;"
        "print([name for name in ('botocore', 'google.auth', 'urllib3', 'requests') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert "[]\n" == done.stdout
