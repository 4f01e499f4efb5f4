# ---
# title: AdamW against its twin, on real digits
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
# # AdamW against its twin, on real digits
#
# On a network that does not see the length of its weights, AdamW at constant settings is Adam without
# decay, at a rate that grows by $1/(1 - \eta\lambda)$ per step, but for corrections that settle, with
# betas that forget a little faster and an $\varepsilon$ that shrinks.
# [[adamw-twin-as-a-stock-adam|The claim]] says: the same function at every step. Here it is held to
# that, next to three rules that are nearly right: growing the rate and keeping the betas; or the
# right betas, with a rate that grows by the square, as for gradient descent, or not at all.
#
# No number in the text was typed by hand. The file needs torch, scikit-learn and matplotlib.

# %%
import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#007a5e", "0.35"
plt.rcParams.update({"figure.figsize": (6, 3.6), "figure.dpi": 110, "font.size": 11})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
torch.set_num_threads(1)  # small tensors: more threads only wait for each other

# %% [markdown]
# ## The network and the rules
#
# Two linear layers, each followed by batch norm without trainable scale and shift and with a
# negligible $\varepsilon$, then a linear layer that stays as it was drawn. The activation is smooth,
# so that rounding has no kink to fall off.


# %%
digits = load_digits()
images = torch.tensor(digits.images / 16 - 0.5, dtype=torch.float64).flatten(1)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))


def network():
    """Return the network, with the same weights at every call."""
    torch.manual_seed(0)
    last = nn.Linear(32, 10).requires_grad_(False)
    last.weight *= 4  # it is not trained, so it has to be wide enough for confident answers
    layers = []
    for inputs in (64, 32):
        linear, norm = nn.Linear(inputs, 32, bias=False), nn.BatchNorm1d(32, 1e-100, affine=False)
        layers += [linear, norm, nn.GELU()]
    return nn.Sequential(*layers, last).double()


RATE, DECAY, BETAS, EPS, STEPS = 0.003, 0.2, (0.9, 0.999), 1e-8, 600
SHRINK = 1 - RATE * DECAY


def weight_sum(beta, count):
    """Return 1 + β + … + βⁿ⁻¹."""
    return (1 - beta**count) / (1 - beta)


def settings(rule, count):
    """Return lr, betas and eps of a rule at its n-th step, n = 1, 2, …"""
    eps = EPS * SHRINK ** (count - 1)
    if rule == "decay":
        return {"lr": RATE, "betas": BETAS, "eps": EPS}
    if rule == "naive":
        return {"lr": RATE / SHRINK**count, "betas": BETAS, "eps": eps}
    betas = BETAS[0] * SHRINK, BETAS[1] * SHRINK**2
    first = weight_sum(betas[0], count) / weight_sum(BETAS[0], count)
    second = (weight_sum(BETAS[1], count) / weight_sum(betas[1], count)) ** 0.5
    power = {"no growth": 0, "twin": 1, "squared": 2}[rule]
    rate = RATE / SHRINK ** (power * count) * first * second
    return {"lr": rate, "betas": betas, "eps": eps * second}


def train(rule):
    """Return the logits, losses and norms at every step, before it is taken."""
    net = network()
    weights = [p for p in net.parameters() if p.requires_grad]
    make = torch.optim.AdamW if rule == "decay" else torch.optim.Adam
    optimizer = make(weights, weight_decay=DECAY if rule == "decay" else 0.0)
    logits, losses, norms = [], [], []
    for t in range(STEPS):
        batch = order[(t % 23) * 64 : (t % 23 + 1) * 64]
        optimizer.param_groups[0].update(settings(rule, t + 1))
        outputs = net(images[batch])
        loss = nn.functional.cross_entropy(outputs, labels[batch])
        optimizer.zero_grad()
        loss.backward()
        logits.append(outputs.detach())
        losses.append(loss.item())
        norms.append(torch.cat([w.detach().flatten() for w in weights]).norm().item())
        optimizer.step()
    return torch.stack(logits), losses, norms


RULES = ["decay", "twin", "naive", "squared", "no growth"]
runs = {rule: train(rule) for rule in RULES}
gaps = {rule: (runs[rule][0] - runs["decay"][0]).abs().amax(dim=(1, 2)) for rule in RULES[1:]}

print("largest gap of the logits so far, to AdamW with decay")
print("step       twin      naive    squared  no growth")
for t in (1, 10, 100, STEPS - 1):
    print(f"{t:4d}", *(f"{gaps[rule][: t + 1].max():10.0e}" for rule in RULES[1:]))
largest = runs["decay"][0].abs().max().item()
print(f"the largest logit is {largest:.1f}")

# %% [markdown]
# **The gap of the logits over the steps**, of the batch that each step trains on. The exact twin
# stays at rounding. The other rules train other functions: with another rate from the first step on,
# and with the betas kept from the second on, as a first step of Adam does not depend on them.

# %%
plt.figure(layout="constrained")
styles = {"twin": (BLUE, "-"), "naive": (ORANGE, "-"), "squared": (GREEN, "--"), "no growth": (GREY, ":")}
names = {"twin": "the twin", "naive": "rate grows, betas kept", "squared": "rate grows squared"}
for rule, (colour, line) in styles.items():
    plt.semilogy(gaps[rule][1:], color=colour, ls=line, lw=1.3, label=names.get(rule, rule))
plt.xlabel("step")
plt.ylabel("largest gap of the logits")
plt.legend(frameon=False, fontsize=9, loc="center right")
plt.show()

# %% [markdown]
# **What differs in the twin** is the length of the weights, by the factor $(1 - \eta\lambda)^t$:

# %%
ratio = runs["decay"][2][-1] / runs["twin"][2][-1]
print(f"norms after {STEPS - 1} steps: {runs['decay'][2][-1]:.4f} and {runs['twin'][2][-1]:.4f}")
print(f"their ratio {ratio:.10f}, predicted {SHRINK ** (STEPS - 1):.10f}")
for rule in RULES:
    print(f"mean loss of the last 100 steps, {rule:10s} {sum(runs[rule][1][-100:]) / 100:.4f}")

measured = {
    "gaps": {rule: gap.max().item() for rule, gap in gaps.items()},
    "early_gaps": {rule: [gap[t].item() for t in (1, 2, 10)] for rule, gap in gaps.items()},
    "last_gaps": {rule: gap[-1].item() for rule, gap in gaps.items()},
    "mean_gaps": {rule: gap.mean().item() for rule, gap in gaps.items()},
    "largest_logit": largest,
    "norm_ratio": ratio,
    "predicted_ratio": SHRINK ** (STEPS - 1),
}
