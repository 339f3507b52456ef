"""A certificate named in poise.yaml is one that the client side can use: both rooms read the same reference."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import trustme

from poise.edge.config import load, resolve
from poise.edge.http.tls import TlsFiles

FILE = """\
version: 1
providers:
  own:
    {vendor: openai-compatible, url: "https://localhost:1/v1", region: eu, models: [m],
     ca: "CA", client_cert: CERT, client_key: KEY}
workflows: {w: {candidates: [m]}}
keys: {k: {secret: env:K}}
"""


def test_certificates_of_the_file_make_a_context(tmp_path: Path) -> None:
    """With ``file:`` or a bare path, relative to the file that names it; a missing one is an error in words."""
    authority = trustme.CA()
    client = authority.issue_cert("client@example.org")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    client.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    client.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    for ca in ("ca.pem", f"file:{tmp_path}/ca.pem"):
        config = tmp_path / "poise.yaml"
        config.write_text(FILE.replace("CA", ca).replace("CERT", "cert.pem").replace("KEY", "key.pem"))
        provider = resolve(load(config)).links["own"].provider
        files = TlsFiles(provider.ca, provider.client_cert, provider.client_key)

        assert isinstance(asyncio.run(files.context()), ssl.SSLContext)
