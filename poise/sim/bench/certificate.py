"""A certificate of our own for the upstream of the TLS cases, which every peer must verify."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from poise.errors import Error


def make(folder: Path) -> Path:
    """One PEM file with key and certificate for localhost, its own authority. Raises Error where openssl is missing."""
    openssl = shutil.which("openssl")
    if not openssl:
        raise Error("internal", "the TLS cases need the program openssl", hint="install it, on Debian: openssl")
    path = folder / "upstream.pem"
    asked = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    argv = [openssl, *asked, *named, "-keyout", str(path), "-out", str(path) + ".crt"]
    subprocess.run(argv, check=True, capture_output=True)  # noqa: S603  # a fixed command
    certificate = Path(str(path) + ".crt").read_text()
    path.write_text(path.read_text() + certificate)
    return path


def authority(certificate: Path) -> Path:
    """The file that a peer verifies against: the certificate alone."""
    return Path(str(certificate) + ".crt")
