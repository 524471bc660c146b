"""The two analyses of the paper: identity gives exactly V, uniform the mean of V."""

import torch

from vstar_sdk.attention.compiler import compile_acts
from vstar_sdk.attention.recipe import Act
from vstar_sdk.attention.sites import Site
from vstar_sdk.regularizers.identity import Identity
from vstar_sdk.regularizers.replacement import ReplacementOptions
from vstar_sdk.regularizers.uniform import Uniform

SITE = Site("attn", "down", 0, 2, 16, 12, 8.0)
Q, K, V = torch.randn(3, 5, 2, 12, 16, generator=torch.Generator().manual_seed(0))


def out(kind, **options):
    regularizer = kind(ReplacementOptions(**options))
    return compile_acts(SITE, (Act("it", (0.0, 1.0), tuple(regularizer.operations(SITE))),))(Q, K, V)


def test_identity_gives_the_values_themselves():
    assert torch.equal(out(Identity), V)


def test_uniform_gives_their_mean():
    torch.testing.assert_close(out(Uniform), V.mean(2, keepdim=True).expand_as(V))


def test_a_weight_mixes():
    plain = torch.nn.functional.scaled_dot_product_attention(Q, K, V)
    torch.testing.assert_close(out(Identity, weight=0.25), 0.75 * plain + 0.25 * V)


def test_levels_and_the_first_transformer():
    elsewhere = Identity(ReplacementOptions(levels=[1]))
    assert not elsewhere.operations(SITE)
    assert not Identity(ReplacementOptions()).operations(Site("attn", "init", 0, 8, 16, 12, 8.0))
    assert elsewhere.options.named_levels() == {1}
