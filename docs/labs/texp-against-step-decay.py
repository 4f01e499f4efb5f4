# ---
# title: TEXP against step decay, on real digits
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
# # TEXP against step decay, on real digits
#
# Step decay divides the learning rate by ten at a few chosen steps. With weight decay on, a
# network with batch norm can be trained in the same way without it: at a rate that grows all the
# time, drops where step decay drops, and grows more slowly afterwards. Li and Arora call that
# schedule TEXP, a tapered exponential.
#
# [[step-decay-is-tapered-exponential|The theorem]] makes it exact, and asks for two things that are
# easily overlooked: a factor close to 1 at every drop, and a small correction of the momentum
# buffer. This lab trains a network in all these ways. How much do the two things matter? And what
# does a drop do that slower growth does not?
#
# Everything is computed here. The file needs torch, scikit-learn and matplotlib.

# %%
import math
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#007a5e", "0.35"
plt.rcParams.update({"figure.figsize": (6, 3.6), "figure.dpi": 110, "font.size": 11})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
torch.set_num_threads(1)  # small tensors: more threads only wait for each other

# %% [markdown]
# ## A network, and a schedule in three phases
#
# Three convolutions, each with a batch norm that has no scale of its own and a negligible
# $\varepsilon$, and a classifier that is not trained, so that the loss is
# [[scale-invariant-loss|scale invariant]]. The activations are smooth: where a ReLU has its kink,
# rounding can become a difference that one sees ([[explr-on-digits|the first lab]] is about that),
# and here only the schedules are to differ.


# %%
def network():
    """Return the network; the same weights at every call."""
    torch.manual_seed(0)
    layers = []
    for channels, wider in [(1, 4), (4, 4), (4, 8)]:
        layers += [
            nn.Conv2d(channels, wider, 3, padding=1, bias=False),
            nn.BatchNorm2d(wider, eps=1e-100, affine=False),
            nn.GELU(),
        ]
    layers.insert(6, nn.AvgPool2d(2))
    last = nn.Linear(128, 10).requires_grad_(False)
    last.weight *= 4  # it is not trained, so it has to be wide enough for confident answers
    return nn.Sequential(*layers, nn.Flatten(), last).double()


digits = load_digits()
images = torch.tensor(digits.images / 16 - 0.5).unsqueeze(1)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
training, held_out = order[:1500], order[1500:]

RATES, DECAY, MOMENTUM = [0.1, 0.01, 0.001], 5e-3, 0.9
STARTS, STEPS = [0, 100, 200], 300


def phase_of(t):
    return sum(start <= t for start in STARTS) - 1


# %% [markdown]
# Each phase has a root $\alpha$ of $z^2 - (1 + \gamma - \eta\lambda) z + \gamma$. The rate of step
# $t$ without decay is $\eta / (P_t P_{t+1})$, where $P_t$ is the product of the roots of all steps
# before. The buffer is seeded with $-\kappa\theta$, $\kappa = \lambda/(\alpha - \gamma)$, and at
# each drop the difference of two $\kappa$ is put right.


# %%
def growth_root(rate, decay):
    """Return the larger root of z² − (1 + γ − ηλ)z + γ."""
    mean = (1 + MOMENTUM - rate * decay) / 2
    return mean + math.sqrt(mean**2 - MOMENTUM)


ROOTS = [growth_root(rate, DECAY) for rate in RATES]
SCALES = [1.0]  # P₀, P₁, …
for t in range(STEPS):
    SCALES.append(SCALES[-1] * ROOTS[phase_of(t)])


def train(rate, decay=lambda t: 0.0, shares=None, corrected=True, steps=STEPS):
    """Run SGD, and return the logits, losses, rates and lengths of the weights at every step.

    With shares κ, one for each phase, the buffer is seeded, and corrected at the drops.
    """
    net = network()
    weights = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(weights, lr=0.0, momentum=MOMENTUM)
    shuffle = torch.Generator().manual_seed(1)
    logits, losses, rates, norms = [], [], [], []
    for t in range(steps):
        if shares and t in STARTS and (t == 0 or corrected):
            change = -shares[0] if t == 0 else shares[phase_of(t) - 1] - shares[phase_of(t)]
            for weight in weights:
                buffer = optimizer.state[weight].get("momentum_buffer", 0)
                pushed = buffer + change * SCALES[t] ** 2 * weight.detach()
                optimizer.state[weight]["momentum_buffer"] = pushed
        if t % 46 == 0:  # an epoch of full batches, in a new order
            batches = training[torch.randperm(1500, generator=shuffle)][: 46 * 32].split(32)
        batch = batches[t % 46]
        optimizer.param_groups[0].update(lr=rate(t), weight_decay=decay(t))
        outputs = net(images[batch])
        loss = nn.functional.cross_entropy(outputs, labels[batch])
        logits.append(outputs.detach())
        losses.append(loss.item())
        rates.append(rate(t))
        norms.append(math.hypot(*(weight.norm().item() for weight in weights)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {"logits": torch.stack(logits), "losses": losses, "rates": rates, "norms": norms}


def gap(one, other):
    """Return the largest difference of the logits at each step that both have taken."""
    steps = min(len(one["logits"]), len(other["logits"]))
    return (one["logits"][:steps] - other["logits"][:steps]).abs().amax(dim=(1, 2))


def texp_rate(t):
    return RATES[phase_of(t)] / (SCALES[t] * SCALES[t + 1])


def without_boundary(t):
    """As TEXP, but at a drop the rate is divided by ten and nothing else."""
    crossed = range(1, phase_of(t) + 1)
    return texp_rate(t) * math.prod(ROOTS[i - 1] * ROOTS[i] for i in crossed)


SHARES = [DECAY / (root - MOMENTUM) for root in ROOTS]
step_decay = train(lambda t: RATES[phase_of(t)], decay=lambda t: DECAY)
texp = train(texp_rate, shares=SHARES)
uncorrected = train(texp_rate, shares=SHARES, corrected=False)
no_boundary = train(without_boundary, shares=SHARES)
unseeded = train(texp_rate)

gaps = {
    "as stated": gap(step_decay, texp),
    "uncorrected": gap(step_decay, uncorrected),
    "drop alone": gap(step_decay, no_boundary),
    "no seed": gap(step_decay, unseeded),
}
print("largest gap of the logits from step decay so far")
print("step", *(f"{name:>13s}" for name in gaps))
for t in (1, 99, 101, 130, 201, 299):
    print(f"{t:4d}", *(f"{g[: t + 1].max():13.0e}" for g in gaps.values()))

# %% [markdown]
# As stated, the two runs agree to rounding. Without the factor at the boundary, or without the
# correction, they agree up to the first drop and part there; without the seed they part at once.
#
# **Left: the rates of both runs. Right: the gap of the logits**, for TEXP as stated and for three
# ways to leave out a part of it.

# %%
_, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.6), layout="constrained")
left.semilogy(step_decay["rates"], color=ORANGE, lw=1.8, label="step decay, with decay")
left.semilogy(texp["rates"], color=BLUE, lw=1.8, label="TEXP, without")
left.set(xlabel="step", ylabel="learning rate")
left.legend(frameon=False, fontsize=9)
for (name, g), colour, style in zip(
    gaps.items(), (BLUE, GREEN, ORANGE, GREY), ("-", "--", "-.", ":"), strict=True
):
    right.semilogy(range(1, STEPS), g[1:], color=colour, ls=style, lw=1.4, label=name)
right.set(xlabel="step", ylabel="largest gap of the logits")
right.legend(frameon=False, fontsize=9)
plt.show()

# %% [markdown]
# ## How small the correction is
#
# A missing correction is a push along the weights. All that it changes is their length, that is,
# the effective rate, even though momentum repeats the push when the weights have turned. By how
# much is known [[texp-correction-is-small|in closed form]]: in the end the rate is too low by the
# factor $(1 - B)^2$ with
#
# $$
# B = \frac{\gamma (1 - \alpha)(\alpha - \bar\alpha)}{(\bar\alpha - \gamma)(\alpha^2 - \gamma)} ,
# $$
#
# where $\bar\alpha$ and $\alpha$ are the roots before and after the drop. The factor on the way there
# is known too. Divide the rates by it, and the uncorrected run is exact again.


# %%
def share_of(before, root):
    return MOMENTUM * (1 - root) * (root - before) / ((before - MOMENTUM) * (root**2 - MOMENTUM))


def factor(share, root, s):
    """Return what a missing correction amounts to, s steps after a drop."""
    q = MOMENTUM / root**2
    return (1 - share * (1 - q**s)) * (1 - share * (1 - q ** (s + 1)))


B = [share_of(before, root) for before, root in pairwise(ROOTS)]
print("B at the two drops:", *(f"{share:.2e}" for share in B))
for share, at in zip(B, STARTS[1:], strict=True):
    print(f"drop at {at}: rate too low by {1 - (1 - share) ** 2:.2e} in the end")


def compensated(t):
    """Divide the rates of the second phase by the factor of the first missing correction."""
    return texp_rate(t) / (factor(B[0], ROOTS[1], t - STARTS[1]) if phase_of(t) == 1 else 1)


put_right = train(compensated, shares=SHARES, corrected=False, steps=STARTS[2])
undone = gap(step_decay, put_right)
second = slice(STARTS[1], STARTS[2])
print(f"uncorrected, second phase:            gap {gaps['uncorrected'][second].max():.0e}")
print(f"uncorrected, its rates put right:     gap {undone[second].max():.0e}")

# %% [markdown]
# ## What a drop does that slower growth does not
#
# Leave out the drops, and let only the growth change. Since the growth depends on rate and decay by
# their product alone, that run is, with corrections of its own,
# [[texp-without-drops-divides-the-decay|the exact twin of one]] in which at each boundary the decay
# is divided by ten and the rate left as it is. In these coordinates a drop of the rate is two things, a sudden one and a
# slow one, and dividing the decay is the slow one alone.

# %%
DIVIDED = [DECAY * rate / RATES[0] for rate in RATES]
ITS_SHARES = [decay / (root - MOMENTUM) for decay, root in zip(DIVIDED, ROOTS, strict=True)]


def undropped_rate(t):
    return RATES[0] / (SCALES[t] * SCALES[t + 1])


divided = train(lambda t: RATES[0], decay=lambda t: DIVIDED[phase_of(t)])
undropped = train(undropped_rate, shares=ITS_SHARES)
wrong = train(undropped_rate, shares=SHARES, steps=STARTS[2])
no_drop = gap(divided, undropped)
print(f"without drops, against the divided decay: gap {no_drop.max():.0e}")
print(f"with the corrections of step decay:       gap {gap(divided, wrong).max():.0e}")


def smooth(losses, width=20):
    return [sum(losses[max(0, t - width) : t + 1]) / min(width + 1, t + 1) for t in range(STEPS)]


print("\nmean loss of the last 40 steps of each phase")
for name, run in [("step decay", step_decay), ("decay divided", divided)]:
    means = [sum(run["losses"][end - 40 : end]) / 40 for end in (*STARTS[1:], STEPS)]
    print(f"{name:14s}", *(f"{mean:9.4f}" for mean in means))

# %% [markdown]
# **Left: the loss when the rate is divided, and when the decay is** (averaged over twenty steps).
# **Right: the effective rate** of both, $\eta/\lVert\theta\rVert^2$. A drop lowers it at once.
# Dividing the decay lowers it here as well, but by way of the length of the weights, which takes its
# time.

# %%
_, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.6), layout="constrained")
effective = {}
for run, colour, style, name in [
    (step_decay, ORANGE, "-", "rate divided"),
    (divided, BLUE, "--", "decay divided"),
]:
    left.semilogy(smooth(run["losses"]), color=colour, ls=style, lw=1.6, label=name)
    pairs = zip(run["rates"], run["norms"], strict=True)
    effective[name] = [rate / norm**2 for rate, norm in pairs]
    right.semilogy(effective[name], color=colour, ls=style, lw=1.6, label=name)
left.set(xlabel="step", ylabel="training loss")
right.set(xlabel="step", ylabel="effective rate")
right.legend(frameon=False)
plt.show()

# %% [markdown]
# ## What to take from it
#
# TEXP and step decay are one and the same run, in two systems of coordinates, if the seed and the
# boundaries are done right. The boundary factor is close to 1 and the correction small where
# $\eta\lambda$ is small. Leaving one of them out changed little here, far less than leaving out the
# seed, and in a comparison it shows all the same. As a scheduler for PyTorch, all of it is in [[step-decay-is-tapered-exponential|the theorem's note]].

# %%
measured = {
    "gaps": {name: g.tolist() for name, g in gaps.items()},
    "undone": undone.tolist(),
    "no_drop": no_drop.tolist(),
    "wrong_correction": gap(divided, wrong).tolist(),
    "losses": {"step decay": step_decay["losses"], "decay divided": divided["losses"]},
    "rates": {"step decay": step_decay["rates"], "texp": texp["rates"]},
    "undropped_rates": undropped["rates"],
    "effective": effective,
    "roots": ROOTS,
    "shares": SHARES,
    "B": B,
    "starts": STARTS,
}
