"""Who accepts on whose listening socket: a pure rule of who is alive.

Each worker owns one socket. While its worker does not accept (not started yet, dead, being replaced), a socket is
served by another, so that no connection the kernel gave it has to wait.
"""

from __future__ import annotations


def adopters(workers: int, accepting: frozenset[int], standing: dict[int, int]) -> dict[int, int]:
    """Which accepting worker serves which other worker's socket: {socket: worker}.

    workers is how many sockets there are, accepting the workers that accept on their own, standing the answer so far.
    An adopter that still accepts keeps what it has; else the one with the fewest adopted takes it, the lowest first.
    Empty where nobody accepts: the sockets stay open in the supervisor and connections queue there.
    """
    if not accepting:
        return {}
    orphans = [socket for socket in range(workers) if socket not in accepting]
    result = {socket: standing[socket] for socket in orphans if standing.get(socket) in accepting}
    for socket in orphans:
        if socket not in result:
            loads = dict.fromkeys(sorted(accepting), 0)
            for worker in result.values():
                loads[worker] += 1
            result[socket] = min(loads, key=lambda worker: loads[worker])
    return result
