"""Start emulated servers of tensors and a gateway, and let Triton's client talk: ``python -m checks.triton PYTHON``.

PYTHON is that of the client's own environment (``make triton`` makes it).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.oip.world import KEY, tensors

if __name__ == "__main__":
    with tensors() as running:
        talk = Path(__file__).with_name("talk.py")
        ended = subprocess.run([sys.argv[1], str(talk), running.netloc, KEY], check=False)
    sys.exit(ended.returncode)
