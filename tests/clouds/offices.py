"""A cloud that grants in virtual time, and a provider that shows what it grants."""

from __future__ import annotations

from poise.clock import Clock
from poise.edge.clouds.bearer import Bearer
from poise.edge.clouds.identities import Cloud
from poise.edge.clouds.signer import Grant, NotGranted
from poise.edge.snapshot import Endpoint
from poise.sim.clock import VirtualClock
from poise.target import Provider

HOUR_US = 3_600_000_000
ASKED = (b"POST", b"/", b"h", b"")


class Office:
    """Grants tokens of an hour, each takes_s after it was asked for; knows which it gave, and which it withdrew."""

    def __init__(self, clock: VirtualClock, takes_s: float = 0.0) -> None:
        self.clock = clock
        self.takes_s = takes_s
        self.open = True
        self.ends_us: dict[str, int] = {}
        self.withdrawn: set[str] = set()
        self.asked = 0

    async def fetch(self) -> Grant:
        """A new token. Raises NotGranted while it is closed."""
        self.asked += 1
        if self.takes_s:
            await self.clock.sleep(self.takes_s)
        if not self.open:
            raise NotGranted("the office is closed")
        token = f"token-number-{self.asked}"
        self.ends_us[token] = self.clock.now_us() + HOUR_US
        return Grant((token,), self.ends_us[token])

    def takes(self, token: str) -> bool:
        """What the cloud says to a request with it."""
        return token not in self.withdrawn and self.clock.now_us() < self.ends_us.get(token, 0)


def clouds(*offices: Office) -> dict[str, Office]:
    """By the name of a provider: p0, p1, ..."""
    return {f"p{number}": office for number, office in enumerate(offices)}


def endpoint(name: str, location: str = "") -> Endpoint:
    """A provider at Vertex."""
    return Endpoint(Provider(name, "vertex", "eu", "https://x", project="p", location=location))


class Town:
    """Finds the cloud of an endpoint: what ``Identities`` is given in place of the real clouds."""

    def __init__(self, offices: dict[str, Office]) -> None:
        self.offices = offices

    def __call__(self, endpoint: Endpoint, clock: Clock) -> Cloud | None:
        """None for a provider that nobody grants anything to."""
        office = self.offices.get(endpoint.provider.name)
        return Cloud("google", office.fetch, Bearer) if office is not None else None


def token_in(lines: bytes) -> str:
    """The token that a request shows."""
    return lines.decode().removeprefix("authorization: Bearer ").strip()
