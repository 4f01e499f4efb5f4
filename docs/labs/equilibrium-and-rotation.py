# ---
# title: Equilibrium and rotation, predicted and measured
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [raw]
# SPDX-License-Identifier: MIT
# /// script
# requires-python = ">=3.11"
# dependencies = ["matplotlib", "scikit-learn", "torch>=2.13"]
# ///

# %% [markdown]
# # Equilibrium and rotation, predicted and measured
#
# How long will the weights of a layer be after training, how far will a step turn them, and how
# soon is that settled? For weights in front of a normaliser there are [[equilibrium|formulas]], for
# SGD, for torch's momentum and for AdamW. They assume things that a network need not satisfy, and
# the one below does not: that the gradient's length on the sphere is constant, and that gradients
# are noise. This lab trains a small
# convolutional network on real digits and holds the formulas against each layer. Some fit better
# than they should. Where one is off, the lab looks for the assumption that has failed and puts a
# number to it.
#
# Everything is computed here: no number in the text was typed by hand. The file needs torch,
# scikit-learn and matplotlib.

# %%
import itertools
import math

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#007a5e", "0.35"
plt.rcParams.update({"figure.figsize": (6, 3.6), "figure.dpi": 110, "font.size": 11})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
torch.set_num_threads(1)  # small tensors: more threads only wait for each other

# %% [markdown]
# ## The network
#
# Three convolutions, each in front of a batch norm without scale and shift, and a linear
# classifier. The convolutions are [[scale-invariant-loss|scale invariant]]. The classifier is not;
# it is trained with the same settings, and is here to show what the formulas say of weights that
# they are not about: nothing. The $\varepsilon$ of the normalisers is negligible.

# %%
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
labels = torch.tensor(digits.target)
LAYERS = ("conv 1", "conv 2", "conv 3", "classifier")
BATCH = 24


def network():
    """Return the network, with the same weights at every call."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8, eps=1e-30, affine=False, track_running_stats=False),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1, bias=False),
        nn.BatchNorm2d(12, eps=1e-30, affine=False, track_running_stats=False),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(12, 16, 2, bias=False),
        nn.BatchNorm2d(16, eps=1e-30, affine=False, track_running_stats=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16, 10, bias=False),
    )


def train(make, steps, scale=1.0):
    """Return for each layer all weights (steps+1, d) and all gradients (steps, d) of a run."""
    net = network()
    weights = list(net.parameters())
    with torch.no_grad():
        for weight in weights[:-1]:
            weight *= scale
    optimizer = make(weights)
    draw = torch.Generator().manual_seed(1)
    path, slopes = [torch.cat([w.detach().flatten() for w in weights])], []
    for _ in range(steps):
        batch = torch.randint(len(images), (BATCH,), generator=draw)
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
        slopes.append(torch.cat([w.grad.flatten() for w in weights]))
        optimizer.step()
        path.append(torch.cat([w.detach().flatten() for w in weights]))
    sizes = [w.numel() for w in weights]
    path, slopes = torch.stack(path).double(), torch.stack(slopes).double()
    return dict(
        zip(LAYERS, zip(path.split(sizes, 1), slopes.split(sizes, 1), strict=True), strict=True)
    )


# %% [markdown]
# ## Three runs
#
# The decay per step and the momentum are chosen such that all three runs have the same
# [[intrinsic-learning-rate|intrinsic rate]]: $\eta\lambda$ without momentum and for AdamW,
# $\eta\lambda/(1 - \gamma)$ for torch's momentum. What is measured starts late enough for the
# initial length to be forgotten.

# %%
STEPS, LATE = 800, 300
SETTINGS = {  # η, λ, momentum
    "SGD": (0.5, 0.02, 0.0),
    "momentum": (0.05, 0.02, 0.9),
    "AdamW": (0.02, 0.5, 0.9),
}


def optimiser(name):
    """Return a function from weights to the optimiser of that name."""
    rate, decay, momentum = SETTINGS[name]
    if name == "AdamW":
        return lambda weights: torch.optim.AdamW(
            weights, rate, betas=(momentum, 0.99), weight_decay=decay, eps=1e-12
        )
    return lambda weights: torch.optim.SGD(weights, rate, momentum, weight_decay=decay)


runs = {name: train(optimiser(name), STEPS) for name in SETTINGS}


def recursion(name):
    """Return p and q of θₜ₊₁ = p θₜ − q θₜ₋₁ − push."""
    rate, decay, momentum = SETTINGS[name]
    if name == "AdamW":
        kept = 1 - rate * decay
        return kept + momentum, kept * momentum
    return 1 + momentum - rate * decay, momentum


def gain(p, q):
    """Return ‖θ‖² over ‖push‖² in equilibrium, for pushes without memory."""
    return (1 + q) / ((1 - q) * ((1 + q) ** 2 - p**2))


# %% [markdown]
# ## The angle of a step
#
# The mean cosine of a step should be about $p/(1 + q)$, which is $1 - \eta\lambda$ for SGD,
# $1 - \eta\lambda/(1 + \gamma)$ for torch's momentum. The columns are angles in radians. *Wrong* is,
# to leading order, the angle of the other convention: of decoupled decay for torch's momentum, and
# the reverse for AdamW.


# %%
def angle_of(cosine):
    """Return arccos."""
    return math.acos(min(1.0, cosine))


def mean_angle(path):
    """Return the angle whose cosine is the mean cosine of a step."""
    unit = path / path.norm(dim=1, keepdim=True)
    return angle_of((unit[1:] * unit[:-1]).sum(dim=1).mean().item())


angles, wrong = {}, {}
print("                        measured   formula   wrong")
for name, layers in runs.items():
    rate, decay, momentum = SETTINGS[name]
    p, q = recursion(name)
    swap = math.sqrt(1 - momentum)
    formula = angle_of(p / (1 + q))
    wrong[name] = formula / swap if name == "AdamW" else formula * swap
    for layer, (path, _) in layers.items():
        angles[f"{name}, {layer}"] = mean_angle(path[LATE:]) / formula
        shown = mean_angle(path[LATE:])
        print(f"{name:9s} {layer:11s} {shown:10.5f} {formula:9.5f} {wrong[name]:7.4f}")

# %% [markdown]
# For SGD, with momentum or without, the fit asks nothing of the noise. The settings are constant and
# the gradient is orthogonal to the weights, and from this alone follows
# [[rotation-does-not-depend-on-the-gradients|an identity]] for the mean of
# $\langle\theta_t, \theta_{t+1}\rangle$ over that of $\lVert\theta_t\rVert^2$, with a term for the two
# ends of the window; the mean cosine is near that quotient, as the norm hardly moves here. Here is
# the identity, layer by layer: every convolution obeys it, and the classifier, which has gradients
# along its weights, misses it.


# %%
def identity_error(name, layer):
    """Return how far the quotient of the two means is from the identity, over the sine squared."""
    path = runs[name][layer][0]
    p, q = recursion(name)
    window = path[LATE:]
    products = (window[1:] * window[:-1]).sum(dim=1)
    squares = window[1:-1].square().sum()
    ends = q / (1 + q) * (products[-1] - products[0]) / squares
    error = products[1:].sum() / squares - p / (1 + q) - ends
    return abs(error.item()) / (1 - (p / (1 + q)) ** 2)


identity = {
    f"{name}, {layer}": identity_error(name, layer)
    for name in ("SGD", "momentum")
    for layer in LAYERS
}
for name, error in identity.items():
    print(f"{name:22s} relative error of the identity {error:8.1e}")

# %% [markdown]
# **The angle per step, along the run with momentum.** Means over 20 steps. The dashed line is the
# formula, the dotted line the other convention's.

# %%
plt.figure(layout="constrained")
for layer, colour in zip(LAYERS, (BLUE, ORANGE, GREEN, GREY), strict=True):
    path = runs["momentum"][layer][0]
    unit = path / path.norm(dim=1, keepdim=True)
    turns = 2 * torch.atan2((unit[1:] - unit[:-1]).norm(dim=1), (unit[1:] + unit[:-1]).norm(dim=1))
    plt.semilogy(range(0, STEPS, 20), turns.view(-1, 20).mean(dim=1), color=colour, label=layer)
p, q = recursion("momentum")
plt.axhline(angle_of(p / (1 + q)), color="black", ls="--", lw=1)
plt.axhline(wrong["momentum"], color="black", ls=":", lw=1)
plt.xlabel("step")
plt.ylabel("angle of a step (radians)")
plt.legend(frameon=False, fontsize=9, ncol=2)
plt.show()

# %% [markdown]
# ## The norm
#
# For SGD the product of two means of the squared norm, $A\,H$, should be $\eta^2 G^2$ times the
# gain, where $G^2$ is the mean of $\lVert\theta\rVert^2\lVert g\rVert^2$ in the window. The
# table has $(A\,H)^{1/4}$, which is a norm. *Fluctuation* is $A/H$: how much the norm varies.
#
# The last column repairs the formula for a single thing, the memory of the gradients. Multiply the
# recursion by itself without assuming that gradients are fresh, and in a steady state one more
# product remains:
#
# $$
# A = \text{gain}\cdot\eta^2\, \mathbb{E}\lVert g\rVert^2\, (1 + m) ,
# \qquad m = \frac{2\gamma\;\mathbb{E}\langle g_t, b_{t-1}\rangle}{\mathbb{E}\lVert g\rVert^2} .
# $$
#
# So $m$ says whether a gradient points with the buffer or against it, and if $G$ stays the norm
# changes by about $(1 + m)^{1/4}$. How far it can go
# [[gradients-with-memory-move-the-norm-by-a-bounded-factor|is known]].

# %%
norms = {}
print("                     norm  formula  quotient  fluctuation      m  with memory")
for name in ("SGD", "momentum"):
    rate, _, momentum = SETTINGS[name]
    for layer, (path, slopes) in runs[name].items():
        squares = path[LATE:-1].square().sum(dim=1)
        lengths = slopes[LATE:].square().sum(dim=1)
        mean, harmonic = squares.mean().item(), 1 / (1 / squares).mean().item()
        unit_gradient = (squares * lengths).mean().item()
        predicted = (rate**2 * unit_gradient * gain(*recursion(name))) ** 0.25
        buffers = (path[LATE - 1 : -2] - path[LATE:-1]) / rate
        against = (slopes[LATE:] * buffers).sum(dim=1).mean() / lengths.mean()
        memory = 2 * momentum * against.item()
        shown = (mean * harmonic) ** 0.25
        norms[f"{name}, {layer}"] = {
            "quotient": shown / predicted,
            "fluctuation": mean / harmonic,
            "memory": memory,
            "with_memory": shown / predicted / (1 + memory) ** 0.25,
        }
        print(f"{name:9s} {layer:11s}", end="")
        print(f"{shown:6.3f} {predicted:8.3f} {shown / predicted:9.3f}", end="")
        print(f"{mean / harmonic:13.3f} {memory:6.2f}", end="")
        print(f"{norms[f'{name}, {layer}']['with_memory']:13.3f}")

# %% [markdown]
# Without momentum the formula fits, although gradients are correlated there too, as we shall see: a
# step without a buffer cannot notice, $m$ being zero for $\gamma = 0$. With momentum the convolutions
# are *shorter* than the formula says, the first of them by the most. The repaired formula fits again.
# So what is wrong with the formula here is the one assumption that the buffer makes necessary, fresh
# noise; whatever else there may be is in what the last column leaves.
#
# One might have expected the opposite. A mean gradient that persists has $m > 0$, and makes weights
# longer.
# Look at the correlation of gradients at different times.

# %%
LAGS = 40


def correlations(slopes):
    """Return ⟨gₜ, gₜ₊ₖ⟩ over ⟨gₜ, gₜ⟩, means over the late steps, for k = 0 … LAGS."""
    late = slopes[LATE:]
    products = late @ late.T
    return [
        products.diagonal(k).mean().item() / products.diagonal().mean().item()
        for k in range(LAGS + 1)
    ]


correlated = {
    f"{name}, {layer}": correlations(runs[name][layer][1])
    for name in SETTINGS
    for layer in LAYERS[:3]
}
plt.figure(layout="constrained")
for layer, colour in zip(LAYERS[:3], (BLUE, ORANGE, GREEN), strict=True):
    plt.plot(range(1, LAGS + 1), correlated[f"momentum, {layer}"][1:], color=colour, label=layer)
plt.plot(
    range(1, LAGS + 1),
    correlated["SGD, conv 1"][1:],
    color=BLUE,
    ls=":",
    label="conv 1, no momentum",
)
plt.axhline(0, color=GREY, lw=0.8)
plt.xlabel("steps between two gradients")
plt.ylabel("correlation")
plt.legend(frameon=False, fontsize=9)
plt.show()

# %% [markdown]
# With momentum neighbouring gradients agree. Some steps later they turn *against* each other. One may
# picture a valley that holds the direction: the buffer carries it up a slope, and the gradient there
# points back. Weighted with what the buffer remembers, the second wins, as $m < 0$ says. Without
# momentum neighbouring gradients oppose each other.
#
# ## AdamW
#
# Here the formula needs no measured gradient: $\lVert\theta\rVert^2$ is about $\eta d/(2\lambda)$
# for a weight of $d$ numbers. It assumes that the square of a step $u = m/\sqrt{v}$ is
# $d\,(1 - \beta_1)/(1 + \beta_1)$, and here it is less. Two things may shorten a step.
#
# The second moment has the present gradient in it, which makes the mean of $g^2/v$ smaller than one
# for [[adamw-steps-are-never-longer-than-the-formula|noise of a steady size]]; if the size is not
# steady it can be above. And gradients that oppose each other cancel in the buffer. In the first
# layer $g^2/v$ is near one, and the steps are the shortest: there it is the second. The last column
# is the norm from
#
# $$
# (1 - a^2)\,A = \eta^2\,\mathbb{E}\lVert u\rVert^2 - 2a\eta\,\mathbb{E}\langle\theta, u\rangle ,
# $$
#
# with both means measured, over the norm that was seen. This is algebra, so that what is missing
# from one is due to the ends of the window.

# %%
adamw = {}
rate, decay, beta1 = SETTINGS["AdamW"]
kept = 1 - rate * decay
print("             norm  formula  quotient   u²/formula   g²/v   correlation at 5   identity")
for layer in LAYERS[:3]:
    path, slopes = runs["AdamW"][layer]
    d = path.shape[1]
    predicted = rate * (1 - beta1) * math.sqrt(d * gain(*recursion("AdamW")))
    second, ratios = torch.zeros(d, dtype=torch.float64), []
    for t, slope in enumerate(slopes):
        second = 0.99 * second + 0.01 * slope.square()
        if t >= LATE:
            ratios.append((slope.square() / second).mean().item())
    steps = (kept * path[LATE:-1] - path[LATE + 1 :]) / rate
    energy = steps.square().sum(dim=1).mean().item()
    drag = (steps * path[LATE:-1]).sum(dim=1).mean().item()
    mean = path[LATE:-1].square().sum(dim=1).mean().item()
    balance = (rate**2 * energy - 2 * kept * rate * drag) / (1 - kept**2)
    adamw[layer] = {
        "quotient": math.sqrt(mean) / predicted,
        "energy": energy / (d * (1 - beta1) / (1 + beta1)),
        "share": sum(ratios) / len(ratios),
        "identity": math.sqrt(balance / mean),
    }
    shown = adamw[layer]
    print(f"{layer:9s} {math.sqrt(mean):7.3f} {predicted:8.3f} {shown['quotient']:9.3f}", end="")
    print(f"{shown['energy']:13.3f} {shown['share']:6.3f}", end="")
    print(f"{correlated[f'AdamW, {layer}'][5]:19.3f} {shown['identity']:10.3f}")

# %% [markdown]
# ## Do the weights grow because steps are perpendicular?
#
# One hears that they do, by Pythagoras. For SGD without momentum on a scale-invariant loss that is
# the whole truth. For AdamW the update is an average of gradients that have already moved the
# weights, so that on fresh noise it points outward a little in the mean, and its product with the
# weights counts too: the [[correction-of-decoupled-weight-decay|two contributions]] are as $1$ to
# $2a\beta_1/(1 - a\beta_1)$. So take the perpendicular one out: after each step give the weights
# the length that the part of the step *along* them would have given, and see how long they are. The
# prediction is about the root of $2a\beta_1/(1 + a\beta_1)$, and without momentum the length of a
# weight that consists of a single number.


# %%
def noise_walk(beta1, keep_perpendicular, runs=60, d=100, steps=1200):
    """Return the root mean square norm of AdamW's weights on noise, the second moment settled."""
    draw = torch.Generator().manual_seed(2)
    weights = 0.1 * torch.randn(runs, d, generator=draw)
    buffer, squares = torch.zeros(runs, d), []
    for t in range(steps):
        buffer = beta1 * buffer + (1 - beta1) * torch.randn(runs, d, generator=draw)
        moved = kept * weights - rate * buffer
        if not keep_perpendicular:
            norm = weights.norm(dim=1, keepdim=True)
            along = kept * norm - rate * (buffer * weights).sum(dim=1, keepdim=True) / norm
            moved = moved * along.abs() / moved.norm(dim=1, keepdim=True)
        weights = moved
        if t >= steps // 2:
            squares.append(weights.square().sum(dim=1).mean().item())
    return math.sqrt(sum(squares) / len(squares))


without = {}
print("β₁     perpendicular kept   taken out   quotient   predicted")
for b in (0.0, 0.5, 0.9):
    whole, rest = noise_walk(b, True), noise_walk(b, False)
    predicted = math.sqrt(2 * kept * b / (1 + kept * b)) if b else 0.1
    without[str(b)] = {"quotient": rest / whole, "predicted": predicted}
    print(f"{b:3.1f} {whole:21.3f} {rest:11.3f} {rest / whole:10.3f} {predicted:11.3f}")

# %% [markdown]
# ## How long it takes
#
# Without momentum, an excess of $\lVert\theta\rVert^4$
# [[norm-relaxes-to-equilibrium|should fall by the factor $e$ in about $1/(4\eta\lambda)$ steps]]. Start
# the same network with weights four times as long, and four times as short, as it had. The dashed
# lines are predictions from the first norm alone, with the constant $G$ of the late run above. The
# dotted lines know in addition how $G_t$ changed along the run of the normal start.

# %%
SHORT, SCALES = 210, (4.0, 0.25)
rate, decay, _ = SETTINGS["SGD"]
kept = 1 - rate * decay
reference, slopes = runs["SGD"]["conv 2"]
sizes = (reference[:-1].square().sum(dim=1) * slopes.square().sum(dim=1)).tolist()
constant = sum(sizes[LATE:]) / len(sizes[LATE:])
settled = (rate**2 * constant / (1 - kept**2)) ** 0.25


def predict(square, squares_of_g):
    """Return the norms that follow from ‖θ‖² at the start and G² at every step."""
    path = [math.sqrt(square)]
    for value in squares_of_g:
        square = kept**2 * square + rate**2 * value / square
        path.append(math.sqrt(square))
    return path


TIMES = (0, 1, 5, 20, 50, 100, 200)
transient = {}
plt.figure(layout="constrained")
for scale, colour in zip(SCALES, (BLUE, ORANGE), strict=True):
    path, slopes = train(optimiser("SGD"), SHORT, scale)["conv 2"]
    path = path.norm(dim=1).tolist()
    if scale > 1:
        tail = slopes[SHORT // 2 :].norm(dim=1) * torch.tensor(path[SHORT // 2 : -1])
        own = tail.square().mean().sqrt().item() / math.sqrt(constant)
    plain = predict(path[0] ** 2, [constant] * SHORT)
    informed = predict(path[0] ** 2, sizes[:SHORT])
    plt.semilogy(path, color=colour, label=f"start × {scale:g}")
    plt.semilogy(plain, color=colour, ls="--", lw=1)
    plt.semilogy(informed, color=colour, ls=":", lw=1.5)
    for kind, curve in [("measured", path), ("constant G", plain), ("Gₜ", informed)]:
        transient[f"× {scale:g}, {kind}"] = [curve[t] / settled for t in TIMES]
plt.semilogy(reference[:SHORT].norm(dim=1), color=GREY, lw=1, label="normal start")
plt.axhline(settled, color="black", lw=0.6)
plt.xlabel("step")
plt.ylabel("norm of conv 2")
plt.legend(frameon=False, fontsize=9)
plt.show()

print("norm over the settled one, step", *(f"{t:6d}" for t in TIMES))
for name, values in transient.items():
    print(f"start {name:25s}", *(f"{value:6.2f}" for value in values))

# %% [markdown]
# From above the way is decay's at first, and is predicted well. Nearer the equilibrium the run is
# late, and its own $G$, in the line below, is larger than that of the late run above: long weights
# have small effective steps, so that its direction has been somewhere else.
#
# From below one single step brings the weights most of the way or beyond, since short weights have
# long gradients. That step is predicted from the other run's $G_0$ up to rounding: both runs have
# the same direction and the same batch then, and the length is all that is different.

# %%
print(f"G of the run from × 4, second half, over the constant: {own:.3f}")

# %% [markdown]
# How much does $G$ vary? Its root mean square in parts of each run, over that of the last part.

# %%
PARTS = (0, 10, 50, 150, LATE, STEPS)
drift = {}
print("steps                ", *(f"from {start:3d}" for start in PARTS[:-1]))
for name in ("SGD", "momentum"):
    for layer in LAYERS[:3]:
        path, slopes = runs[name][layer]
        squares = path[:-1].square().sum(dim=1) * slopes.square().sum(dim=1)
        means = [
            squares[start:end].mean().sqrt().item() for start, end in itertools.pairwise(PARTS)
        ]
        drift[f"{name}, {layer}"] = [value / means[-1] for value in means]
        print(f"{name:9s} {layer:11s}", *(f"{v:8.3f}" for v in drift[f"{name}, {layer}"]))

# %% [markdown]
# In some layers it is far from its late value at the start, and later on in all of them near it. The
# equilibrium is one of the norm. The network has not stopped moving, as the angles show.

# %%
measured = {
    "angles": angles,
    "wrong_angle": {
        name: wrong[name] / angle_of(recursion(name)[0] / (1 + recursion(name)[1]))
        for name in ("momentum", "AdamW")
    },
    "identity": identity,
    "norms": norms,
    "correlations": correlated,
    "adamw": adamw,
    "without_perpendicular": without,
    "transient": transient,
    "own_g": own,
    "drift": drift,
}
