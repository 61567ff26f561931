"""
A differential equation, solved by a network
============================================

``net.evaluate`` is a plain function of arrays, so JAX differentiates it as often as an equation asks: here twice, for
u'' = -sin x with u(0) = u(pi) = 0, whose solution is u = sin x.
"""

# %%
# The equation as a loss
# ----------------------
# The loss is how far the network is from the equation at 40 points. The factor x (pi - x) meets both end conditions.

try:
    import jax
    import jax.numpy as jnp
except ImportError as error:
    raise SystemExit("This page needs JAX: pip install 'nnx-array[jax]'") from error

import matplotlib.pyplot as plt

import nnx

net = nnx.mlp((16, 16), 1, activation="tanh")
points = jnp.linspace(0.0, jnp.pi, 40)


def u(params, x):
    y, _ = net.evaluate(params, x[:, None])
    return x * (jnp.pi - x) * y[:, 0]


def derivative(f):  # of each row: no row's u depends on another's x
    return jax.grad(lambda params, x: jnp.sum(f(params, x)), argnums=1)


def residual(params):
    return jnp.mean((derivative(derivative(u))(params, points) + jnp.sin(points)) ** 2)


# %%
# The loop
# --------
# The gradient of this loss comes from JAX as well; parameters, optimizer and update are nnx's.

optimizer = nnx.Adam(0.01, schedule=nnx.Cosine(steps=1000))
params = nnx.init(net, 1, seed=0, backend="jax")
state = optimizer.init(params)


@jax.jit
def step(params, state):
    value, grads = jax.value_and_grad(residual)(params)
    return *optimizer.update(params, grads, state), value


losses, then = [], {}
for i in range(1000):
    if i in (0, 15, 20, 999):
        then[f"step {i}"] = params
    params, state, value = step(params, state)
    losses.append(float(value))

# %%
# The solution
# ------------

x = jnp.linspace(0.0, jnp.pi, 200)
error = float(jnp.max(jnp.abs(u(params, x) - jnp.sin(x))))
print(f"largest difference from sin x: {error:.1e}")
assert error < 5e-3

figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for name, weights in then.items():
    axes[0].plot(x, u(weights, x), label=name)
axes[0].plot(x, jnp.sin(x), "k:", label="sin x")
axes[0].set(xlabel="x", ylabel="u")
axes[0].legend()
axes[1].semilogy(losses, linewidth=0.8)
axes[1].set(xlabel="step", ylabel="mean of (u'' + sin x)²")
