# ---
# title: Decay or normalisation, or both, on a toy and on two digits
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
# # Decay or normalisation, or both, on a toy and on two digits
#
# Weight decay may help a linear classifier to settle. So may normalisation. Here, use both at a
# constant rate, and it does not settle at all: the weights shrink until a step is too long for where
# they are. [[decay-expels-from-every-narrow-cone|With decay, no narrow cone holds a run]] as long as
# gradients keep a floor; it says how far from the optimum a run must wander at least, and in that
# only the product $\eta\lambda$ of rate and decay matters. This lab looks at both statements, first
# where the optimum is known, then on pictures of two digits.
#
# Everything is computed here: no number in the text below a piece of code was typed by hand. The
# file needs torch, scikit-learn and matplotlib, and nothing else; download it and change things.

# %%
import math

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#007a5e", "0.35"
plt.rcParams.update({"figure.figsize": (6, 3.6), "figure.dpi": 110, "font.size": 11})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
torch.set_num_threads(1)  # small tensors: more threads only wait for each other

# %% [markdown]
# ## A classifier whose optimum is known
#
# The inputs $x$ are Gaussian in 20 dimensions, and the label is the sign of the first coordinate.
# One layer $w$ is trained by SGD on the logistic loss $\ln(1 + e^{-uy})$, with the score
# $u = \langle w, x\rangle$, or, normalised, $u = \langle w, x\rangle / \lVert w\rVert$: for such
# inputs, that is what a batch norm without scale and shift does when the batch is large. The best
# direction is $e_1$, and a direction at the angle $\varphi$ from it errs on the share
# $\varphi/\pi$ of all inputs. So the test error needs no test set.
#
# Several runs are taken side by side, each on batches of its own.

# %%
WIDTH, BATCH, STEPS, RUNS = 20, 128, 2000, 4


def slope(weights, inputs, labels, normalised):
    """Return the gradient of the mean logistic loss, a row for each run, written out."""
    norm = weights.norm(dim=1, keepdim=True) if normalised else torch.ones(1)
    scores = torch.einsum("rbd,rd->rb", inputs, weights / norm)
    pulls = -labels * torch.sigmoid(-labels * scores) / inputs.shape[1]
    gradient = torch.einsum("rb,rbd->rd", pulls, inputs) / norm
    if normalised:  # the chain rule through w/‖w‖ takes off the part along w
        along = (gradient * weights).sum(dim=1, keepdim=True) / norm**2
        gradient = gradient - along * weights
    return gradient


def toy(rate, decay, normalised):
    """Return the test error of every run at every step (steps, runs)."""
    draw = torch.Generator().manual_seed(0)
    weights = torch.randn(RUNS, WIDTH, generator=draw)
    errors = []
    for _ in range(STEPS):
        inputs = torch.randn(RUNS, BATCH, WIDTH, generator=draw)
        gradient = slope(weights, inputs, inputs[:, :, 0].sign(), normalised)
        weights = (1 - rate * decay) * weights - rate * gradient
        away = weights[:, 1:].norm(dim=1)
        errors.append(torch.atan2(away, weights[:, 0]) / math.pi)
    return torch.stack(errors)


settings = {
    "decay only": (1.0, 1e-2, False),
    "normalised only": (1.0, 0.0, True),
    "both, η = 1, λ = 0.01": (1.0, 1e-2, True),
    "both, η = 0.1, λ = 0.1": (0.1, 1e-1, True),
    "both, η = 1, λ = 0.001": (1.0, 1e-3, True),
    "both, η = 1, λ = 0.1": (1.0, 1e-1, True),
}
toy_errors = {name: toy(*setting) for name, setting in settings.items()}


def widest(product):
    """Return arccos(1 − ηλ)/2: narrower cones cannot hold a run."""
    return math.acos(1 - product) / 2


print("test error in the last third     mean     max   a cone's floor")
for name, (rate, decay, normalised) in settings.items():
    late = toy_errors[name][-STEPS // 3 :]
    floor = widest(rate * decay) / math.pi if normalised and decay else 0.0
    print(f"{name:29s} {late.mean():8.4f} {late.max():7.4f} {floor:16.4f}")

# %% [markdown]
# The floor is the half-angle of the widest cone that expels, over $\pi$; for small $\eta\lambda$ it
# is about $\sqrt{\eta\lambda/2}/\pi$. The theorem says that each run errs by more than any number
# below this floor, again and again, as long as the gradients of its batches, times the length of the
# weights, stay above some $\sigma > 0$. Nothing else is asked of the batches, and they may be large.
# The mean is above the floor too, which the theorem does not say. The two rows with the same
# $\eta\lambda$ have the same errors, up to what their different starts leave: by
# [[gradient-is-inverse-homogeneous]] a run that is measured in units of $\sqrt\eta$ knows only the
# product.
#
# **The test error of one run for each setting.** Dashed: the floor for the run with both.

# %%
plt.figure(layout="constrained")
for name, colour in [
    ("decay only", BLUE),
    ("normalised only", GREEN),
    ("both, η = 1, λ = 0.01", ORANGE),
]:
    plt.semilogy(toy_errors[name][::5, 0], color=colour, lw=0.9, label=name)
plt.axhline(widest(1e-2) / math.pi, color=GREY, ls="--", lw=1)
plt.xticks([0, 200, 400], ["0", "1000", "2000"])
plt.xlabel("step")
plt.ylabel("test error")
plt.legend(frameon=False, fontsize=9, loc="upper right")
plt.show()

# %% [markdown]
# ## Without any noise
#
# It does not take batches. Gradient descent on the exact $L(x, y) = x^2/(x^2 + y^2)$ has no noise,
# no minima but the two ends of the $y$ axis, and does the same: with decay at a constant rate
# [[no-nondegenerate-minimum-is-stable|no non-degenerate minimum is stable]]. One of order four, that
# of $(1 - \cos\varphi)^2$, [[a-flat-minimum-can-hold-the-run|can hold a run]].


# %%
def descend(sharp, rate=0.1, decay=0.1, steps=2500):
    """Return the angle from the minimum at every step."""
    x, y, path = 0.6, 0.8, []
    for _ in range(steps):
        norm = math.hypot(x, y)
        if sharp:
            pull = 2 * x * y / norm**4
        else:
            away = x * x / (norm * (norm + y)) if y > 0 else 1 - y / norm  # 1 − cos
            pull = 2 * away * x / norm**3
        x, y = (1 - rate * decay) * x - rate * pull * y, (1 - rate * decay) * y + rate * pull * x
        path.append(abs(math.atan2(x, y)))
    return path


exact = {
    "sharp, decay": descend(True),
    "sharp, no decay": descend(True, decay=0.0, steps=1000),
    "flat, decay": descend(False),
}
cone = widest(0.01)
exits = {
    name: sum(one < cone <= other for one, other in zip(path, path[1:], strict=False))
    for name, path in exact.items()
}
print("                    exits from the cone   least angle   last angle")
for name, path in exact.items():
    print(f"{name:20s} {exits[name]:18d} {min(path):13.0e} {path[-1]:12.0e}")

# %% [markdown]
# **The angle from the minimum.** With decay the run comes incredibly near to the sharp minimum, and
# then leaves, again and again. In the flat one it stays: its start is one of those of the theorem.

# %%
plt.figure(layout="constrained")
for name, colour in [("sharp, decay", ORANGE), ("sharp, no decay", GREEN), ("flat, decay", BLUE)]:
    shown = [angle for angle in exact[name][:1000] if angle > 1e-30]
    plt.semilogy(shown, color=colour, lw=1, label=name)
plt.ylim(1e-30, 10)
plt.xlabel("step")
plt.ylabel("angle from the minimum")
plt.legend(frameon=False, fontsize=9)
plt.show()

# %% [markdown]
# ## Two digits
#
# Now real data: threes against eights, 64 pixels each, standardised, a linear classifier trained on
# small batches in the three ways. Here the optimum is not known in closed form. So ask a question
# that needs none: how far does the direction of the weights still turn, from one time late in
# training to a later one? A run that has settled does not turn any more.

# %%
digits = load_digits()
chosen = (digits.target == 3) | (digits.target == 8)
images = torch.tensor(digits.data[chosen], dtype=torch.float32)
images = (images - images.mean(dim=0)) / (images.std(dim=0) + 1e-3)
signs = torch.tensor(digits.target[chosen] == 8).float() * 2 - 1
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
training, held_out = order[:250], order[250:]


def classify(rate, decay, normalised, steps=3000, runs=4):
    """Return directions (times, runs, d) and held-out errors at fifty late times."""
    draw = torch.Generator().manual_seed(1)
    weights = torch.randn(runs, 64, generator=draw) / 8
    directions, errors = [], []
    for t in range(steps):
        batch = training[torch.randint(250, (runs, 32), generator=draw)]
        gradient = slope(weights, images[batch], signs[batch], normalised)
        weights = (1 - rate * decay) * weights - rate * gradient
        if t >= steps // 2 and t % (steps // 100) == 0:
            directions.append(weights / weights.norm(dim=1, keepdim=True))
            scores = weights @ images[held_out].T
            errors.append((scores * signs[held_out] <= 0).float().mean(dim=1))
    return torch.stack(directions), torch.stack(errors)


digit_settings = {
    "decay only": (0.1, 0.1, False),
    "normalised only": (0.1, 0.0, True),
    "both, η = 0.1, λ = 0.1": (0.1, 0.1, True),
    "both, η = 1, λ = 0.01": (1.0, 0.01, True),
}
turned, digit_errors = {}, {}
print("                          turn over 300 steps   held-out error")
for name, setting in digit_settings.items():
    directions, errors = classify(*setting)
    cosines = (directions[:-10] * directions[10:]).sum(dim=2).clamp(-1, 1)
    turned[name] = math.degrees(cosines.acos().mean())
    digit_errors[name] = errors.mean().item()
    print(f"{name:25s} {turned[name]:18.2f}° {digit_errors[name]:15.2%}")

# %% [markdown]
# Both together turn by more than twice the angle of either, and by nearly the same for the same
# $\eta\lambda$. Each alone still turns a little, by the noise of the batches. With decay alone the
# loss has a say in how long the weights are. With both it has none, and they shrink until the noise
# turns them [[rotation-does-not-depend-on-the-gradients|by an angle that $\eta\lambda$ sets]].
#
# Note what the last column does not show. That a run does not settle is not the same as that it
# does badly: these errors are close to each other. And a rate that falls
# [[unit-growth-makes-decay-a-no-op|in one particular way]] has the directions of a run without decay.
# The argument in full is in
# [[decay-and-normalisation-together|the note on decay and normalisation together]].

# %%
measured = {
    "late_mean": {name: e[-STEPS // 3 :].mean().item() for name, e in toy_errors.items()},
    "late_max_of_each_run": {
        name: e[-STEPS // 3 :].max(dim=0).values.tolist() for name, e in toy_errors.items()
    },
    "floor": {p: widest(float(p)) / math.pi for p in ("0.001", "0.01", "0.1")},
    "exits": exits,
    "last_angle": {name: path[-1] for name, path in exact.items()},
    "turned": turned,
    "digit_errors": digit_errors,
}
