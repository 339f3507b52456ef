"""Finding and merging within trees of nodes; every leaf keeps the place it came from."""

from __future__ import annotations

from poise.edge.config.node import Mapping, Node, Scalar, Sequence
from poise.edge.config.problem import Place

_RIVALS = {"weights": ("split",), "split": ("weights", "spread")}  # stating one way to choose takes the other's place


def find(root: Node, *steps: str | int) -> Node:
    """The node at steps from root, or the nearest above it that is there."""
    node = root
    for step in steps:
        if isinstance(node, Mapping) and step in node.items:
            node = node.items[str(step)]
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            break
    return node


def key_place(root: Node, section: str, name: str) -> Place:
    """Where a name of a section stands."""
    node = find(root, section)
    return node.keys.get(name, node.place) if isinstance(node, Mapping) else node.place


def merge(below: Node, above: Node) -> Node:
    """RFC 7396: above's names win, mappings are merged, null takes a name away, anything else replaces.

    One thing beside it: within ``choose``, stating ``split`` takes away ``weights`` and the other way round, for a
    policy has one way to choose and the profile's would otherwise have to be nulled by hand.
    """
    if not isinstance(above, Mapping):
        return above
    base = below if isinstance(below, Mapping) else Mapping(above.place, {}, {})
    items, keys = dict(base.items), dict(base.keys)
    for name, node in above.items.items():
        if isinstance(node, Scalar) and node.value is None:
            items.pop(name, None)
            continue
        under = items.get(name, Mapping(node.place, {}, {}))
        if name == "choose":
            under = _without_rivals(under, node)
        items[name] = merge(under, node)
        keys[name] = above.keys[name]
    return Mapping(above.place, items, keys)


def _without_rivals(below: Node, above: Node) -> Node:
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return below
    gone = {rival for name in above.items for rival in _RIVALS.get(name, ())}
    return below._replace(items={name: node for name, node in below.items.items() if name not in gone})
