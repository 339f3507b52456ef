"""Who signs for each provider: a keeper and a signer for every one that shows a cloud's credentials, over reloads.

A provider that did not change keeps its keeper, with what it was granted; one that is gone, or is another now, is let go.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from poise.clock import Clock
from poise.edge.clouds.keeper import Fetch, Keeper, Standing, in_thread
from poise.edge.clouds.signer import Source
from poise.edge.snapshot import Endpoint
from poise.edge.vendors import CLOUDS, VENDORS, auth_of
from poise.path.signing import Signer
from poise.signal import CredentialSignals

log = logging.getLogger("poise.credentials")

AWS_SERVICE: Final = "bedrock"
FIRST_S: Final = 3.0  # a worker that begins waits so long for its credentials before it accepts


class Cloud(NamedTuple):
    """Where a provider's credentials come from, and what is made of them."""

    name: str
    fetch: Fetch
    signer: Callable[[Keeper], Signer]


class _Identity:
    """One provider's. The task runs from ``start`` on."""

    def __init__(self, provider: str, endpoint: Endpoint, cloud: Cloud, clock: Clock) -> None:
        self.provider = provider
        self.endpoint = endpoint
        self._clock = clock
        self.keeper = Keeper(cloud.name, cloud.fetch, clock, self._told)
        self.signer = cloud.signer(self.keeper)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Keep it fresh from now on."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self.keeper.run())

    def stop(self) -> asyncio.Task[None] | None:
        """Let it go stale; what to wait for."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        return task

    def _told(self, standing: Standing) -> None:
        now_us = self._clock.now_us()
        if not standing.failures:
            log.warning("provider %s: %s credentials are there again", self.provider, standing.name)
            return
        if standing.expires_us < 0:
            holds = "there are none"
        elif not standing.expires_us:
            holds = "the last ones do not expire"
        else:
            holds = f"the last ones hold for {max(0, standing.expires_us - now_us) / 1e6:.0f} s"
        again_s = max(0, standing.next_us - now_us) / 1e6
        words = "provider %s: no new %s credentials (%s, tried again in %.0f s): %s"
        log.warning(words, self.provider, standing.name, holds, again_s, standing.trouble)


class Identities:
    """All providers'. One owner: the worker's event loop. cloud_of is the real clouds unless a test brings its own."""

    def __init__(self, clock: Clock, cloud_of: Callable[[Endpoint, Clock], Cloud | None] | None = None) -> None:
        self._clock = clock
        self._cloud_of = cloud_of or real_cloud
        self._known: dict[str, _Identity] = {}
        self._started = False
        self._stopped: set[asyncio.Task[None]] = set()

    def keep(self, endpoints: Mapping[str, Endpoint]) -> None:
        """Take over a configuration's providers."""
        known: dict[str, _Identity] = {}
        for name, endpoint in endpoints.items():
            old = self._known.get(name)
            if old is not None and old.endpoint == endpoint:
                known[name] = old
                continue
            cloud = self._cloud_of(endpoint, self._clock)
            if cloud is not None:
                known[name] = _Identity(name, endpoint, cloud, self._clock)
        for name, identity in self._known.items():
            if known.get(name) is not identity:
                self._let_go(identity)
        self._known = known
        if self._started:
            self.start()

    def signer(self, provider: str) -> Signer | None:
        """Who signs for a provider; None where its key, or nothing, is shown."""
        identity = self._known.get(provider)
        return identity.signer if identity is not None else None

    def start(self) -> None:
        """Fetch, and keep fresh, from now on."""
        self._started = True
        for identity in self._known.values():
            identity.start()

    async def first(self, patience_s: float = FIRST_S) -> None:
        """Wait until each was asked once, with success or without, or patience_s are over."""
        loop = asyncio.get_running_loop()
        asked = {loop.create_task(identity.keeper.refresh()) for identity in self._known.values()}
        if asked:
            _, late = await asyncio.wait(asked, timeout=patience_s)
            for task in late:  # the fetch goes on: only the waiting ends
                task.cancel()

    async def close(self) -> None:
        """Stop all."""
        for identity in self._known.values():
            self._let_go(identity)
        self._known = {}
        await asyncio.gather(*self._stopped, return_exceptions=True)

    def signals(self) -> tuple[CredentialSignals, ...]:
        """Where each stands; no secrets."""
        found = []
        for name, identity in self._known.items():
            standing = identity.keeper.standing
            found.append(
                CredentialSignals(name, standing.name, standing.expires_us, standing.trouble, standing.failures)
            )
        return tuple(found)

    def _let_go(self, identity: _Identity) -> None:
        task = identity.stop()
        if task is not None:
            self._stopped.add(task)  # the loop holds tasks weakly
            task.add_done_callback(self._stopped.discard)


def real_cloud(endpoint: Endpoint, clock: Clock) -> Cloud | None:
    """The cloud whose credentials a provider shows, if any; its libraries are imported by the first fetch."""
    provider = endpoint.provider
    vendor = VENDORS.get(provider.vendor)
    auth = auth_of(vendor, key=bool(endpoint.key)) if vendor is not None else None
    if auth is None or auth.kind not in CLOUDS:
        return None
    from poise.edge.clouds.bearer import Bearer

    source: Source
    if auth.kind == "google":
        from poise.edge.clouds.google import Google

        source = Google(provider.credentials.removeprefix("file:"))
    elif auth.kind == "azure":
        from poise.edge.clouds.azure import Azure

        source = Azure(os.environ, clock)
    else:
        from poise.edge.clouds.aws import Aws
        from poise.edge.clouds.sigv4 import SigV4

        source = Aws(provider.profile, provider.location, provider.role)
        return Cloud(source.name, in_thread(source), lambda keeper: SigV4(keeper, provider.location, AWS_SERVICE))
    return Cloud(source.name, in_thread(source), Bearer)
