"""The way to a provider: a Unix socket, or TCP; through an HTTP proxy where one is named; TLS on top for https."""

from __future__ import annotations

from poise.clock import Clock
from poise.edge.http.address import Address, address_of, parse_url
from poise.edge.http.connect import Dialed, Dialer, TcpDialer, UnixDialer
from poise.edge.http.resolve import Resolver
from poise.edge.http.tls import TlsDialer, TlsFiles
from poise.edge.http.tunnel import TunnelDialer
from poise.target import Provider


def dialer_for(provider: Provider, resolver: Resolver, clock: Clock) -> Dialer:
    """The way that a provider's url, proxy, ca and client certificate ask for.

    Opens and reads nothing yet. Raises ValueError for a declaration that cannot be carried out.
    """
    address = parse_url(provider.url)
    below: Dialer
    if address.path:
        if provider.proxy:
            raise ValueError(f"provider {provider.name}: a Unix socket is not reached through a proxy; remove `proxy`")
        below = UnixDialer(address.path)
    elif provider.proxy:
        proxy = _proxy(provider)
        below = TunnelDialer(TcpDialer(proxy, resolver, clock), address, proxy)
    else:
        below = TcpDialer(address, resolver, clock)
    if address.secure:
        return TlsDialer(below, address, TlsFiles(provider.ca, provider.client_cert, provider.client_key))
    if provider.ca or provider.client_cert or provider.client_key:
        raise ValueError(f"provider {provider.name}: certificates are for https:// urls; the url is {provider.url!r}")
    return below


def _proxy(provider: Provider) -> Address:
    proxy = parse_url(provider.proxy)
    if proxy.secure or proxy.path or proxy.base:
        raise ValueError(
            f"provider {provider.name}: proxy {proxy.shown} is not of the form http://[user:password@]host:port"
        )
    return proxy


__all__ = ["Dialed", "Dialer", "address_of", "dialer_for"]
