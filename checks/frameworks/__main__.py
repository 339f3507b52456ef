"""Start the emulators and a gateway, and let the frameworks talk: ``python -m checks.frameworks PYTHON``.

PYTHON is that of the frameworks' own environment (``make frameworks`` makes it).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.sdk.dialects import KEY, VENDORS, doors

if __name__ == "__main__":
    with doors() as running:
        talk = Path(__file__).with_name("talk.py")
        ended = subprocess.run([sys.argv[1], str(talk), running.url, KEY, *VENDORS], check=False)
    sys.exit(ended.returncode)
