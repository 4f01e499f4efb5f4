"""Do the twins follow their runs on networks as others write them: x-transformers, and a ResNet?"""

import pytest
import torch
from torch import nn

from tests.integration import runs
from tests.integration.runs import STEPS, adam, momentum, step_decay

pytestmark = [pytest.mark.travels, pytest.mark.usefixtures("installed")]
NEEDS = ["x_transformers"]
WORDS, LENGTH = 11, 8


def decoder():
    """A decoder with rotary positions, RMS norms, gated linear units, and normed queries."""
    from x_transformers import Decoder, TransformerWrapper

    torch.manual_seed(0)
    layers = Decoder(
        dim=16,
        depth=2,
        heads=2,
        attn_dim_head=8,
        rotary_pos_emb=True,
        use_rmsnorm=True,
        ff_glu=True,
        ff_no_bias=True,
        attn_qk_norm=True,
    )
    return TransformerWrapper(num_tokens=WORDS, max_seq_len=LENGTH, attn_layers=layers).double()


def writes(name):
    """Say whether a parameter writes into the residual stream, which all that reads it norms."""
    return any(word in name for word in ("token_emb", "pos_emb", "to_out", "ff.2"))


def train_decoder(case, how):
    made = runs.setup(decoder(), writes, case, how)
    rows = runs.tokens(WORDS, LENGTH)
    for step in range(STEPS):
        batch = rows[step * 8 : step * 8 + 8]
        logits = made.model(batch[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        made.optimizer.zero_grad()
        loss.backward()
        made.optimizer.step()
        made.schedule.step()
    return runs.result(made, rows[:16])


def train_resnet(case, how):
    made = runs.setup(runs.resnet(), runs.is_convolution, case, how)
    batches = torch.utils.data.DataLoader(runs.images(), batch_size=16)
    for images, labels in batches:
        made.optimizer.zero_grad()
        nn.functional.cross_entropy(made.model(images), labels).backward()
        made.optimizer.step()
        made.schedule.step()
    return runs.result(made, images)


@pytest.mark.in_loop("snippets/stock_adam.py", "schedule")
@pytest.mark.parametrize("train", [train_decoder, train_resnet])
def test_stock_adam_follows_a_warm_up_and_a_fall(beside, train):
    """A warm-up and a fall, of a decoder of x-transformers and of a ResNet with GELU."""
    beside.gap(**runs.apart(train, adam))


@pytest.mark.in_loop("snippets/without_weight_decay.py", "schedule")
@pytest.mark.parametrize("train", [train_decoder, train_resnet])
def test_without_weight_decay_follows_a_warm_up_and_a_fall(beside, train):
    """A warm-up and a fall, of a decoder of x-transformers and of a ResNet with GELU."""
    beside.gap(**runs.apart(train, momentum))


@pytest.mark.in_loop("snippets/texp.py", "schedule")
@pytest.mark.parametrize("train", [train_decoder, train_resnet])
def test_texp_follows_step_decay(beside, train):
    """Step decay, of a decoder of x-transformers and of a ResNet with GELU."""
    beside.gap(**runs.apart(train, step_decay))
