"""A response that was changed in any way is refused, or read as the identity provider signed it; nothing else happens."""

import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sign_on.reasons import Reason, SignOnRefused
from app.sign_on.saml.response import read_response
from tests.examples import examples
from tests.sign_on.saml.idp import encoded
from tests.sign_on.saml.mutations import OPERATIONS, mutated, some_steps
from tests.sign_on.saml.test_xmlsec1 import EXPECTED, FOLDER

GOOD = {name: (FOLDER / f"{name}.xml").read_bytes() for name in ("assertion", "response", "both", "prefix-list", "ecdsa")}
HONEST = {name: read_response(encoded(xml), EXPECTED) for name, xml in GOOD.items()}
NUMBERS = st.integers(0, 2**32 - 1)
ROUNDS = int(os.environ.get("SAML_MUTATIONS", "1000000"))


def outcome(name, steps):
    """Return the reason of the refusal, or `read`; anything but the honest identity fails."""
    try:
        result = read_response(encoded(mutated(GOOD[name], steps)), EXPECTED)
    except SignOnRefused as refused:
        assert isinstance(refused.reason, Reason)
        return refused.reason.value
    assert result == HONEST[name], f"{name} after {steps} is read as {result}"
    return "read"


@settings(max_examples=examples(150), deadline=None)
@given(st.sampled_from(sorted(GOOD)), st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), NUMBERS, NUMBERS), min_size=1, max_size=4))
def test_sso_145_a_changed_response_is_refused_or_read_as_it_was_signed(name, steps):
    outcome(name, steps)


def _many(seed, rounds):
    random = Random(seed)
    names = sorted(GOOD)
    return Counter(outcome(random.choice(names), some_steps(random)) for _ in range(rounds))


@pytest.mark.long
@pytest.mark.timeout(7_200)
def test_sso_145_a_million_changed_responses_forge_nobody():
    each = 10_000
    seeds = range(-(-ROUNDS // each))
    total = Counter()
    with ProcessPoolExecutor(2) as pool:
        for counted in pool.map(_many, seeds, [each] * len(seeds)):
            total.update(counted)
    print(total)
    assert total.total() >= ROUNDS
    assert {"read", "structure", "malformed", "bad-signature", "unsigned", "unknown-certificate"} <= total.keys()
