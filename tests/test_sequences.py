"""Layers on sequences: PyTorch's values and gradients, what is hidden from a position, and padding."""

import numpy as np
import pytest
from tables import generator

import nnx

N, T, C, HEADS = 3, 7, 8, 2
CLOSE = dict(rtol=1e-9, atol=1e-11)  # float64: sums over tens of terms


def own(net, row, seed=0):
    """Parameters in float64, none of them at a value of its own."""
    rng = generator("sequences")
    return {k: p + 0.3 * rng.normal(size=p.shape) for k, p in nnx.init(net, row, seed=seed, dtype="float64").items()}


def tensor(a):
    import torch

    return torch.from_numpy(np.array(a))


def copied(theirs, params):
    """A module of torch with these numbers as its parameters."""
    import torch

    with torch.no_grad():
        for name, value in params.items():
            theirs.get_parameter(name).copy_(tensor(value))
    return theirs


def into_attention(params, before=""):
    names = {"in_proj_weight": "in.W", "in_proj_bias": "in.b", "out_proj.weight": "out.W", "out_proj.bias": "out.b"}
    return {name: params[before + mine][0].T for name, mine in names.items()}  # the transpose of a line is the line


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_that_of_torch(causal, padded):
    import torch

    net = nnx.MultiHeadAttention(HEADS, causal=causal, padding=padded)
    params, rng = own(net, (T, C)), generator("attention")
    x, dy = rng.normal(size=(2, N, T, C))
    hidden = np.zeros((N, T), bool)
    if padded:
        hidden[0, 5:] = hidden[2, 3:] = True
        x[hidden] = 0
        dy[hidden] = 0  # what they give there is no matter
    y, saved = net.evaluate(params, x)
    dx, grads = net.backprop(params, saved, dy)

    theirs = copied(torch.nn.MultiheadAttention(C, HEADS, batch_first=True).double(), into_attention(params))
    given = tensor(x).requires_grad_()
    mask = torch.triu(torch.ones(T, T, dtype=torch.bool), 1) if causal else None
    result, _ = theirs(given, given, given, key_padding_mask=tensor(hidden), attn_mask=mask, need_weights=False)
    (result * tensor(dy)).sum().backward()
    np.testing.assert_allclose(y[~hidden], result.detach().numpy()[~hidden], **CLOSE)
    assert (y[hidden] == 0).all()
    np.testing.assert_allclose(dx, given.grad.numpy(), **CLOSE)
    for name, value in into_attention(grads).items():
        np.testing.assert_allclose(value, theirs.get_parameter(name).grad.numpy(), **CLOSE)


def test_a_position_of_causal_attention_does_not_see_those_after_it():
    net = nnx.MultiHeadAttention(HEADS, causal=True, rotary=True)
    params, x = own(net, (T, C)), generator("causal").normal(size=(N, T, C))
    y = net.evaluate(params, x)[0]
    changed = x.copy()
    changed[:, 4:] += 1.0
    other = net.evaluate(params, changed)[0]
    np.testing.assert_array_equal(other[:, :4], y[:, :4])
    assert (other[:, 4:] != y[:, 4:]).any(axis=-1).all()


def test_large_scores_are_no_matter():
    net = nnx.MultiHeadAttention(1)
    W = np.concatenate([300.0 * np.eye(2), 300.0 * np.eye(2), np.eye(2)], axis=1)
    params = {"in.W": W[None], "in.b": np.zeros((1, 6)), "out.W": np.eye(2)[None], "out.b": np.zeros((1, 2))}
    x = np.array([[[1.0, 0.0], [0.0, 1.0]]])  # scores of 63,640 and 0: exp of the first is too large for any float
    y, saved = net.evaluate(params, x)
    np.testing.assert_array_equal(y, x)
    assert all(np.isfinite(g).all() for g in net.backprop(params, saved, np.ones_like(x))[1].values())


def test_rotary_scores_depend_on_the_distance_of_positions_alone():
    """With the same features at every position, all scores of a distance are one number, whatever the angles."""
    net = nnx.MultiHeadAttention(HEADS, rotary=True)
    params, one = own(net, (T, C)), generator("rotary").normal(size=C)
    _, saved = net.evaluate(params, np.broadcast_to(one, (1, T, C)))
    q, k = saved[4], saved[5]
    scores = (q @ np.swapaxes(k, -1, -2))[0]
    for head in scores:
        for distance in range(1 - T, T):
            line = np.diagonal(head, distance)
            np.testing.assert_allclose(line, line[0], rtol=1e-10)
        assert np.ptp(head) > 0.1  # and they do depend on it


def test_rotary_turns_by_the_angles_of_the_paper():
    """Features (1, 0) at position t become (cos t, sin t): with d = 2 the one pair has the angle t."""
    net = nnx.MultiHeadAttention(1, rotary=True)
    params = {"in.W": np.tile(np.eye(2), 3)[None], "in.b": np.zeros((1, 6))}
    params |= {"out.W": np.eye(2)[None], "out.b": np.zeros((1, 2))}
    x = np.tile([1.0, 0.0], (1, 4, 1))
    k = net.evaluate(params, x)[1][5]
    t = np.arange(4)
    np.testing.assert_allclose(k[0, 0], np.stack([np.cos(t), np.sin(t)], axis=1), rtol=1e-12)


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_a_block_is_the_encoder_layer_of_torch(activation):
    import torch

    net = nnx.transformer_block(C, HEADS, hidden=12, activation=activation)
    params, rng = own(net, (T, C)), generator("block")
    x, dy = rng.normal(size=(2, N, T, C))
    theirs = torch.nn.TransformerEncoderLayer(C, HEADS, 12, 0.0, activation, batch_first=True, norm_first=True).double()
    norms, denses = {"norm1": "0.0", "norm2": "1.0"}, {"linear1": "1.1", "linear2": "1.3"}

    def named(params):
        found = {f"self_attn.{k}": v for k, v in into_attention(params, "0.1.").items()}
        for name, place in norms.items():
            found |= {f"{name}.weight": params[f"{place}.gain"][0], f"{name}.bias": params[f"{place}.shift"][0]}
        for name, place in denses.items():
            found |= {f"{name}.weight": params[f"{place}.W"][0].T, f"{name}.bias": params[f"{place}.b"][0]}
        return found

    copied(theirs, named(params))
    y, saved = net.evaluate(params, x)
    dx, grads = net.backprop(params, saved, dy)
    given = tensor(x).requires_grad_()
    result = theirs(given)
    (result * tensor(dy)).sum().backward()
    np.testing.assert_allclose(y, result.detach().numpy(), **CLOSE)
    np.testing.assert_allclose(dx, given.grad.numpy(), **CLOSE)
    for name, value in named(grads).items():
        np.testing.assert_allclose(value, theirs.get_parameter(name).grad.numpy(), rtol=1e-8, atol=1e-10)


def test_padding_changes_nothing_of_a_network_of_sequences():
    """A sequence gives the same values and gradients alone and beside a longer one, whatever was learned."""
    blocks = [nnx.transformer_block(C, HEADS, padding=True, rotary=True) for _ in range(2)]
    net = nnx.Chain(nnx.TokenEmbedding(9, C, padding=True), *blocks)
    params, rng = own(net, (T,)), generator("padding")
    short, whole = rng.integers(1, 9, (1, 4)).astype(float), np.zeros((1, T))
    whole[:, :4] = short
    dy = rng.normal(size=(1, 4, C))
    y, saved = net.evaluate(params, short)
    grads = net.backprop(params, saved, dy)[1]
    longer, saved = net.evaluate(params, whole)
    filled = np.concatenate([dy, rng.normal(size=(1, T - 4, C))], axis=1)
    other = net.backprop(params, saved, filled)[1]
    np.testing.assert_allclose(longer[:, :4], y, **CLOSE)
    assert (longer[:, 4:] == 0).all()
    for name in grads:
        np.testing.assert_allclose(other[name], grads[name], **CLOSE)


@pytest.mark.parametrize("sequence", [True, False])
def test_gru_is_that_of_torch(sequence):
    import torch

    net = nnx.GRU(5, sequence=sequence)
    params, rng = own(net, (T, C)), generator("gru")
    x = rng.normal(size=(N, T, C))

    def named(params):
        return {
            "weight_ih_l0": params["in.W"][0].T,
            "bias_ih_l0": params["in.b"][0],
            "weight_hh_l0": params["state.W"].T,
            "bias_hh_l0": params["state.b"],
        }

    theirs = copied(torch.nn.GRU(C, 5, batch_first=True).double(), named(params))
    given = tensor(x).requires_grad_()
    result, last = theirs(given)
    result = result if sequence else last[0]
    y, saved = net.evaluate(params, x)
    dy = rng.normal(size=y.shape)
    dx, grads = net.backprop(params, saved, dy)
    (result * tensor(dy)).sum().backward()
    np.testing.assert_allclose(y, result.detach().numpy(), **CLOSE)
    np.testing.assert_allclose(dx, given.grad.numpy(), **CLOSE)
    for name, value in named(grads).items():
        np.testing.assert_allclose(value, theirs.get_parameter(name).grad.numpy(), **CLOSE)


@pytest.mark.parametrize("sequence", [True, False])
def test_a_gru_goes_over_padding(sequence):
    net = nnx.GRU(5, sequence=sequence, padding=True)
    params, x = own(net, (T, C)), generator("gru padding").normal(size=(N, T, C))
    x[:, 2] = x[:, 5:] = 0
    there = [0, 1, 3, 4]
    y, short = net.evaluate(params, x)[0], net.evaluate(params, x[:, there])[0]
    np.testing.assert_allclose(y[:, there] if sequence else y, short, **CLOSE)
    assert not sequence or (y[:, [2, 5, 6]] == 0).all()


@pytest.mark.parametrize("vocabulary", [6, 200])
def test_tokens_are_the_embedding_of_torch(vocabulary):
    import torch

    net = nnx.TokenEmbedding(vocabulary, 3, padding=True)
    params, rng = own(net, (T,)), generator("tokens")
    x = rng.integers(0, vocabulary, (N, T))
    params["E"][0] = 0.0
    y, saved = net.evaluate(params, x.astype(float))
    dy = rng.normal(size=y.shape)
    dx, grads = net.backprop(params, saved, dy)
    theirs = copied(torch.nn.Embedding(vocabulary, 3, padding_idx=0).double(), {"weight": params["E"]})
    result = theirs(tensor(x))
    (result * tensor(dy)).sum().backward()
    np.testing.assert_array_equal(y, result.detach().numpy())
    np.testing.assert_allclose(grads["E"], theirs.weight.grad.numpy(), **CLOSE)
    assert dx.shape == x.shape and not dx.any()


def test_what_is_no_token_is_token_0():
    E = np.array([[1.0], [2.0], [3.0]])
    y, _ = nnx.TokenEmbedding(3, 1).evaluate({"E": E}, np.array([[-1.0, 3.0, 1e9, np.nan, 2.4, 0.6]]))
    assert y[0, :, 0].tolist() == [1.0, 1.0, 1.0, 1.0, 3.0, 2.0]


def test_a_network_of_tokens_is_trained():
    rng = np.random.default_rng(0)
    x = rng.integers(1, 6, (256, 6)).astype(float)
    target = x[:, 2].astype(int)
    block = nnx.transformer_block(16, 2, causal=True, rotary=True)
    net = nnx.Chain(nnx.TokenEmbedding(6, 16), block, nnx.Flatten(2), nnx.Dense(6))
    fit = nnx.fit(net, x, target, loss="softmax_cross_entropy", optimizer=nnx.Adam(0.01), epochs=30)
    assert (np.argmax(fit.predict(x), axis=1) == target).all()


@pytest.mark.parametrize(
    ("net", "row", "text"),
    [
        (nnx.MultiHeadAttention(3), (5, 4), "4 features and 3 heads; give a multiple of it"),
        (nnx.MultiHeadAttention(2, rotary=True), (5, 6), "give a multiple of twice their number, for rotary"),
        (nnx.MultiHeadAttention(2), 4, r"takes rows \(time, features\), got rows of shape \(4,\)"),
        (nnx.GRU(2), (3, 4, 2), r"takes rows \(time, features\)"),
        (nnx.TokenEmbedding(3, 2), (3, 4), r"takes rows \(time\)"),
        (nnx.Masked(nnx.GRU(2, sequence=False)), (3, 4), "as many positions"),
    ],
)
def test_rows_that_do_not_fit_are_refused(net, row, text):
    with pytest.raises(nnx.ShapeError, match=text):
        nnx.init(net, row)


def test_another_number_of_positions_than_learned_is_refused():
    net = nnx.LearnedPositions()
    with pytest.raises(nnx.ShapeError, match=r"expected \(rows, 5, 2\)"):
        nnx.predict(net, nnx.init(net, (5, 2)), np.ones((3, 4, 2)))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (dict(features=6, heads=4), "features must be a multiple of the heads"),
        (dict(features=6, heads=2, rotary=True), "a multiple of twice the heads"),
        (dict(features=6, heads=0), "heads must be at least 1"),
        (dict(features=4, heads=2, hidden=0), "hidden must be at least 1"),
        (dict(features=4, heads=2, dropout=1.0), "dropout must be at least 0 and below 1"),
    ],
)
def test_a_block_refuses_settings_that_do_not_fit(given, text):
    with pytest.raises(nnx.SettingError, match=text):
        nnx.transformer_block(**given)
