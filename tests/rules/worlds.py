"""Random policies, readings and facts for the properties of the rules."""

from __future__ import annotations

from hypothesis import strategies as st

from poise.decision import FORMAT, Inputs
from poise.policy import Candidate, Choose, Policy, Weights
from poise.request import Facts
from poise.rules.choose import RULES_DIGEST
from poise.rules.prepare import Prepared, prepare
from poise.signal import Measure, Reading
from poise.target import Capabilities, Price, Target

NOW_US = 1_790_000_000_000_000

prices = st.one_of(st.none(), st.integers(0, 50).map(float))
measures = st.builds(
    Measure,
    value_us=st.integers(1, 20_000_000),
    spread_us=st.integers(0, 1_000_000),
    samples=st.integers(0, 3),
    at_us=st.sampled_from([NOW_US - 1000, NOW_US - 50_000_000, NOW_US - 70_000_000]),
)
readings = st.builds(
    Reading,
    in_flight=st.integers(0, 12),
    evidence_e6=st.sampled_from([0, 0, 100_000, 350_000, 999_999]),
    ejected_until_us=st.sampled_from([0, 0, 0, NOW_US + 500_000, NOW_US - 1]),
    first_token=measures,
    total=measures,
)
capabilities = st.builds(
    Capabilities,
    context_tokens=st.sampled_from([None, None, 50, 8000]),
    tools=st.sampled_from([None, True, False]),
    vision=st.sampled_from([None, True, False]),
)
chooses = st.builds(
    Choose,
    mode=st.sampled_from(["weights", "weights", "order", "split"]),
    weights=st.builds(Weights, st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(1, 5)),
    spread=st.sampled_from([0.0, 0.02, 0.05, 0.3]),
    stick=st.sampled_from(["", "conversation"]),
)
facts = st.builds(
    Facts,
    workflow=st.just("w"),
    tokens=st.integers(1, 200),
    max_output=st.sampled_from([0, 16, 500]),
    modalities=st.sampled_from([(), (), ("image",)]),
    tools=st.booleans(),
    stream=st.booleans(),
    scope=st.sampled_from([-1, -1, 1, 6]),
    conversation=st.sampled_from(["", "c1", "c2"]),
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """A policy of one to five candidates, in order of target id."""
    count = draw(st.integers(1, 5))
    places = draw(st.permutations(range(count)))
    candidates = []
    for i in range(count):
        model = f"m{i // 2}"
        region = draw(st.sampled_from(["us", "eu"]))
        target = Target(
            f"{model}@p{i}",
            model,
            f"p{i}",
            "openai",
            region,
            model,
            can=draw(capabilities),
            price=Price(draw(prices), draw(prices)),
            concurrency=draw(st.sampled_from([0, 0, 4])),
        )
        when = draw(st.sampled_from(["", "", "facts.tokens < 100", "facts.stream"]))
        candidates.append(Candidate(target, places[i], when, draw(st.sampled_from([0.0, 1.0, 9.0]))))
    return Policy("w", tuple(candidates), regions=draw(st.sampled_from([(), (), ("us",)])), choose=draw(chooses))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Inputs, Prepared]:
    """Inputs and a prepared policy that belong together."""
    prepared = prepare(draw(policies()))
    rows = tuple(draw(readings) for _ in prepared.options)
    inputs = Inputs(
        FORMAT,
        RULES_DIGEST,
        prepared.digest,
        draw(facts),
        rows,
        NOW_US,
        draw(st.integers(0, 2**64 - 1)),
        1000,
        draw(st.sampled_from([-1, 100_000, 10_000_000])),
        draw(st.sampled_from([-1, -1, 10, 100_000])),
    )
    return inputs, prepared
