"""Generators against their published vectors, and the same bits on every library."""

import numpy as np
import pytest

import nnx
from nnx.backends import numpy as host
from nnx.random import HostDraw, bits, permutation, threefry2x32, words

# Random123 (Salmon et al. 2011), file kat_vectors: threefry2x32 20 rounds; counter, key, result.
THREEFRY = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


def signed(word):
    return np.asarray([word], dtype=np.uint32).view(np.int32)


@pytest.mark.parametrize(("counter", "key", "result"), THREEFRY)
def test_threefry_has_its_published_values(counter, key, result, library):
    xp = library.backend.xp
    with library.scope():
        args = [library.backend.asarray(signed(w), xp.int32) for w in (*key, *counter)]
        got = library.run(threefry2x32, *args)
        assert tuple(int(library.host(w).view(np.uint32)[0]) for w in got) == result


def test_philox_has_its_published_value():
    # Random123, kat_vectors: philox4x64 10 rounds, counter and key 0
    expected = [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]
    assert [int(w) for w in host.philox((0, 0), 4)] == expected


def test_the_bits_of_a_step_are_the_same_on_every_library(library):
    expected = bits(nnx.key((1, 2), 9).fold(3), 11)
    with library.scope():
        got = library.host(bits(nnx.key((1, 2), 9, backend=library.backend).fold(3), 11))
    np.testing.assert_array_equal(got, expected)


def test_initial_parameters_are_the_same_bits_on_every_library(library):
    net = nnx.Chain(nnx.Dense(5, weight=nnx.HeNormal()), nnx.ReLU(), nnx.Dense(2, weight=nnx.Orthogonal()))
    expected = nnx.init(net, 3, seed=4, dtype="float64")
    got = nnx.init(net, 3, seed=4, backend=library.backend)
    for name, p in got.items():
        with library.scope():
            np.testing.assert_array_equal(library.host(p), expected[name])


def test_a_new_layer_does_not_change_the_weights_of_the_others():
    short = nnx.init(nnx.Chain(nnx.Dense(4), nnx.Dense(4)), 4)
    long = nnx.init(nnx.Chain(nnx.Dense(4), nnx.Dense(4), nnx.Dense(4)), 4)
    np.testing.assert_array_equal(short["1.W"], long["1.W"])
    assert not np.array_equal(long["1.W"], long["2.W"])


def test_a_population_begins_as_its_members():
    net = nnx.Chain(nnx.Dense(3, weight=nnx.Orthogonal()), nnx.Dense(2))
    together = nnx.init(net, 5, seed=(7, 8))
    for k, seed in enumerate((7, 8)):
        for name, p in nnx.init(net, 5, seed=seed).items():
            np.testing.assert_array_equal(together[name][k], p)


@pytest.mark.parametrize("n", [1, 2, 3, 1000, 4097])
def test_a_permutation_holds_every_number_once(n):
    p = permutation(3, "shuffle", n, 5)
    np.testing.assert_array_equal(np.sort(p), np.arange(n))
    assert n < 100 or not np.array_equal(p, permutation(3, "shuffle", n, 6))


def test_streams_differ_by_seed_purpose_and_epoch():
    streams = [words(1, "a", 4), words(2, "a", 4), words(1, "b", 4), words(1, "a", 4, epoch=1)]
    assert len({tuple(int(w) for w in s) for s in streams}) == 4


@pytest.mark.parametrize(
    ("initializer", "deviation"),
    [
        (nnx.GlorotUniform(), np.sqrt(2 / 700)),
        (nnx.GlorotNormal(), np.sqrt(2 / 700)),
        (nnx.HeUniform(), np.sqrt(2 / 300)),
        (nnx.HeNormal(), np.sqrt(2 / 300)),
        (nnx.LeCunUniform(), np.sqrt(1 / 300)),
        (nnx.LeCunNormal(), np.sqrt(1 / 300)),
    ],
)
def test_an_initializer_has_its_mean_and_deviation(initializer, deviation):
    W = initializer.init((300, 400), HostDraw(1))
    assert abs(W.mean()) < 5 * deviation / np.sqrt(W.size)
    assert W.std() == pytest.approx(deviation, rel=0.01)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_orthogonal_weights_are_orthonormal(shape):
    W = nnx.Orthogonal(gain=2.0).init(shape, HostDraw(1))
    small = W.T @ W if shape[0] >= shape[1] else W @ W.T
    np.testing.assert_allclose(small, 4 * np.eye(min(shape)), atol=1e-12)
