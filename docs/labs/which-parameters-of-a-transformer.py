# ---
# title: Which parameters of a transformer are scale invariant?
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
# # Which parameters of a transformer are scale invariant?
#
# A transformer has normalisers everywhere, and one hears that normalised networks do not see the
# length of their weights. Is that true of its weight matrices? This lab takes a small transformer
# that reads images of digits row by row, in four arrangements of its normalisers, and multiplies
# its tensors by numbers, one after the other. A tensor for which the loss stays, whatever the number,
# is [[scale-invariant-loss|scale invariant]]. What has to happen can be worked out beforehand, by
# [[degree-calculus|counting degrees]], and some of it may surprise.
#
# Everything is computed here: no number in the text was typed by hand. The file needs torch,
# scikit-learn and matplotlib.

# %%
import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "0.35"
plt.rcParams.update({"figure.dpi": 110, "font.size": 10})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
torch.set_num_threads(1)  # small tensors: more threads only wait for each other

NEGLIGIBLE, DEFAULT = 1e-60, 1e-5

# %% [markdown]
# ## Four arrangements
#
# Each image is a sequence of eight tokens, its rows, of eight pixels each. The network embeds them,
# adds a trained vector for each place, applies two blocks of attention and of a layer with ReLU,
# each added to the stream that it reads from, and classifies the mean of the stream. There are no
# biases but in the classifier, and the normalisers are layer norms without scale and shift.
#
# - **pre-norm**: each branch, and the classifier, reads the normalised stream.
# - **post-norm**: each sum of stream and branch is normalised.
# - **QK-norm**: pre-norm, and the queries and keys of each head are normalised before they meet.
# - **branch norm**: QK-norm, and what each branch has computed is normalised before it is added.


# %%
class Transformer(nn.Module):
    """Two blocks on sequences of eight tokens, with normalisers where the arrangement says."""

    def __init__(self, arrangement, eps, width=16, heads=2):
        super().__init__()
        torch.manual_seed(0)  # the same weights in all arrangements
        self.arrangement, self.eps, self.heads = arrangement, eps, heads
        self.embed = nn.Linear(8, width, bias=False)
        self.place = nn.Parameter(0.1 * torch.randn(8, width))
        for block in (1, 2):
            for name in ("query", "key", "value", "out"):
                self.add_module(f"{name}{block}", nn.Linear(width, width, bias=False))
            self.add_module(f"up{block}", nn.Linear(width, 2 * width, bias=False))
            self.add_module(f"down{block}", nn.Linear(2 * width, width, bias=False))
        self.classify = nn.Linear(width, 10)
        self.double()

    def norm(self, z):
        return functional.layer_norm(z, z.shape[-1:], eps=self.eps)

    def attend(self, x, block):
        query, key, value = (
            getattr(self, f"{name}{block}")(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        if self.arrangement in ("QK-norm", "branch norm"):
            query, key = self.norm(query), self.norm(key)
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        mixed = torch.softmax(scores, dim=-1) @ value
        return getattr(self, f"out{block}")(mixed.transpose(1, 2).flatten(2))

    def think(self, x, block):
        return getattr(self, f"down{block}")(torch.relu(getattr(self, f"up{block}")(x)))

    def forward(self, images):
        stream = self.embed(images) + self.place
        for block in (1, 2):
            for branch in (self.attend, self.think):
                if self.arrangement == "post-norm":
                    stream = self.norm(stream + branch(stream, block))
                    continue
                written = branch(self.norm(stream), block)
                if self.arrangement == "branch norm":
                    written = self.norm(written)
                stream = stream + written
        if self.arrangement != "post-norm":
            stream = self.norm(stream)
        return self.classify(stream.mean(dim=1))


digits = load_digits()
images = torch.tensor(digits.images / 16 - 0.5, dtype=torch.float64)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
batch = order[:128]  # on which all losses below are measured
ARRANGEMENTS = ("pre-norm", "post-norm", "QK-norm", "branch norm")

# %% [markdown]
# ## The measurement
#
# Two numbers for each tensor, and for some taken together. First, the largest change of the loss
# when the tensor is multiplied by 1/2 and by 3. Second, the cosine of the angle between the
# gradient and the tensor. For a scale-invariant tensor the first is zero by definition, and the
# second by [[gradient-is-orthogonal|the lemma]], where the gradient is not zero; in double precision
# zero looks like $10^{-15}$ or so. A zero may be an accident of the point where one measures, so each
# tensor is also moved by its own length in a random direction. If the loss does not mind that either,
# it may not see the tensor at all, and nothing has been shown.


# %%
def loss_of(net):
    return functional.cross_entropy(net(images[batch]), labels[batch])


def measure(net, blocks):
    """Return for each block of tensors: change by scaling, cosine, change by a random turn."""
    parameters = dict(net.named_parameters())
    slopes = dict(
        zip(parameters, torch.autograd.grad(loss_of(net), parameters.values()), strict=True)
    )
    generator = torch.Generator().manual_seed(0)
    found = {}
    with torch.no_grad():
        here = loss_of(net).item()
        for name, members in blocks.items():
            tensors = [parameters[member] for member in members]
            kept = [tensor.clone() for tensor in tensors]
            size = sum(tensor.square().sum() for tensor in kept).sqrt()
            way = [torch.randn(t.shape, generator=generator, dtype=t.dtype) for t in kept]
            stride = size / sum(w.square().sum() for w in way).sqrt()
            changes = []
            for factor, step in [(0.5, 0.0), (3.0, 0.0), (1.0, stride)]:
                for tensor, old, w in zip(tensors, kept, way, strict=True):
                    tensor.copy_(factor * old + step * w)
                changes.append(abs(loss_of(net).item() - here))
            for tensor, old in zip(tensors, kept, strict=True):
                tensor.copy_(old)
            slope = [slopes[member] for member in members]
            inner = sum((s * old).sum() for s, old in zip(slope, kept, strict=True))
            steepness = sum(s.square().sum() for s in slope).sqrt()
            cosine = (inner.abs() / (size * steepness)).item()
            found[name] = [max(changes[:2]), cosine, changes[2]]
    return found


def blocks_of(net):
    """Return the tensors by short names, and all that write to the stream as one block."""
    blocks = {name.removesuffix(".weight"): [name] for name, _ in net.named_parameters()}
    writers = [
        n for n, _ in net.named_parameters() if n.startswith(("embed", "place", "out", "down"))
    ]
    return blocks | {"all writers": writers}


def train(net, steps=80, rate=0.01):
    """Train with Adam on batches of 64; return the share of right answers on images not seen."""
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    shuffle = torch.Generator().manual_seed(1)
    for _ in range(steps):
        drawn = order[torch.randint(1500, (64,), generator=shuffle)]
        optimizer.zero_grad()
        functional.cross_entropy(net(images[drawn]), labels[drawn]).backward()
        optimizer.step()
    with torch.no_grad():
        return (net(images[order[1500:]]).argmax(1) == labels[order[1500:]]).double().mean().item()


before, after, right, default_eps = {}, {}, {}, {}
for arrangement in ARRANGEMENTS:
    net = Transformer(arrangement, NEGLIGIBLE)
    before[arrangement] = measure(net, blocks_of(net))
    right[arrangement] = train(net)
    after[arrangement] = measure(net, blocks_of(net))
    net.eps = DEFAULT  # the same weights, with the eps that torch adds
    default_eps[arrangement] = measure(net, blocks_of(net))
    print(f"{arrangement:12s} trained to {right[arrangement]:.1%} right on unseen images")

# %% [markdown]
# ## What is invariant
#
# **Change of the loss when a tensor is multiplied by 1/2 or 3**, after training, with a negligible
# $\varepsilon$ and with the default. Dots on the far left are rounding: these are the tensors that
# counting finds invariant. Open circles are the same weights with the default $\varepsilon$, which shows how far the invariance
# reaches in ordinary use.

# %%
names = list(after["pre-norm"])
figure, axes = plt.subplots(1, 4, figsize=(9, 4.6), sharex=True, sharey=True, layout="constrained")
floor = 1e-17  # a change of exactly zero is drawn here
for ax, arrangement in zip(axes, ARRANGEMENTS, strict=True):
    for row, name in enumerate(names):
        exact, rough = (max(found[arrangement][name][0], floor) for found in (after, default_eps))
        invariant = exact < 1e-11
        ax.plot([exact, rough], [row, row], color="0.8", lw=1, zorder=1)
        ax.scatter(rough, row, facecolor="white", edgecolor=GREY, s=26, zorder=2)
        ax.scatter(
            exact,
            row,
            color=BLUE if invariant else ORANGE,
            s=26,
            zorder=3,
            marker="o" if invariant else "s",
        )
    ax.set(xscale="log", title=arrangement, xlim=(1e-18, 1e2))
    ax.set_xticks([1e-15, 1e-10, 1e-5, 1])
    ax.grid(axis="y", color="0.93", zorder=0)
axes[0].set_yticks(range(len(names)), names)
axes[0].invert_yaxis()
figure.supxlabel("change of the loss (filled: eps negligible; open: default eps)", fontsize=10)
plt.show()

# %% [markdown]
# Read panel by panel, with the degrees in mind:
#
# - **Pre-norm and post-norm: no single tensor.** The scores of attention are products of queries and keys,
#   and softmax is not blind to their size. What the branches write is added to a stream that does
#   not grow along.
# - **QK-norm: the queries and the keys.** They meet only after each has been normalised, so
#   their matrices are of degree 0 in front of the softmax. Values and outputs are as before.
# - **Branch norm: all matrices inside the blocks.** What each branch computes is normalised before
#   it counts. Even the first matrix of the ReLU layer is invariant, because ReLU passes a positive
#   factor on.
# - **The last row, all writers together: invariant in pre-norm, with QK-norm or without.**
#   Embedding, places, outputs and down-projections are what
#   [[residual-writers-are-one-block|writes to the stream]]. A pre-norm network reads its stream
#   through normalisers only, so all writers times $c$ is a stream times $c$, which nobody sees.
#   With branch norm the part that the branches write has a length of its own, and embedding and
#   places set the length of the rest; so there the writers are no such block.
#
# In numbers, for one tensor of each sort:

# %%
print("after training              pre-norm   post-norm     QK-norm   branch norm")
for name in ("embed", "query1", "value1", "out1", "up1", "down2", "classify", "all writers"):
    row = [after[arrangement][name][0] for arrangement in ARRANGEMENTS]
    print(f"{name:14s} change   " + "".join(f"{change:12.1e}" for change in row))
    row = [after[arrangement][name][1] for arrangement in ARRANGEMENTS]
    print(f"{'':14s} cosine   " + "".join(f"{cosine:12.1e}" for cosine in row))


# %% [markdown]
# ## Before and after, and what $\varepsilon$ does
#
# What counting finds holds at all weights, so training cannot take it away. It could add accidents,
# and here adds none: the same tensors come out before and after.


# %%
def invariant(found):
    """Return the names whose change and cosine are rounding although the loss sees the tensor."""
    return [
        n
        for n, (change, cosine, turn) in found.items()
        if max(change, cosine) < 1e-11 and turn > 1e-6
    ]


for arrangement in ARRANGEMENTS:
    one, other = invariant(before[arrangement]), invariant(after[arrangement])
    print(
        f"{arrangement:12s} {len(other):2d} of {len(names)}, same before training: {one == other}"
    )
    print(" " * 13 + (", ".join(other) or "none"))

# %% [markdown]
# With the default $\varepsilon$ the loss sees the length of each of them. How far off are they?

# %%
print("least and largest change of the loss among the invariant, with the default eps")
least, worst = {}, {}
for arrangement in ARRANGEMENTS:
    changes = [default_eps[arrangement][name][0] for name in invariant(after[arrangement])]
    if changes:
        least[arrangement], worst[arrangement] = min(changes), max(changes)
        print(f"{arrangement:12s} {least[arrangement]:.1e} {worst[arrangement]:.1e}")

# %% [markdown]
# That is small, and not nothing: an invariance that holds to a few digits may let two runs, which
# should be one, drift apart, as it does in [[explr-on-digits|another lab]].
#
# ## What to take from it
#
# "The network is normalised" says little about which of its weights are. Which are can be counted
# beforehand and measured in a second. For the theorems on decay and growing rates, this pre-norm
# transformer is one invariant block, its writers, beside weights that are not; with QK-norm
# each query and key matrix is a block of its own, too; and who wants all matrices of the blocks can
# normalise what each branch writes. [[how-to-make-a-network-scale-invariant|How to make a network scale invariant]] has
# the recipe.

# %%
measured = {
    "before": before,
    "after": after,
    "default_eps": default_eps,
    "right": right,
    "invariant": {arrangement: invariant(after[arrangement]) for arrangement in ARRANGEMENTS},
    "invariant_before": {
        arrangement: invariant(before[arrangement]) for arrangement in ARRANGEMENTS
    },
    "names": names,
    "least": least,
    "worst": worst,
}
