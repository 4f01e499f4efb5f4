"""Do the twins follow their runs in the Trainer of transformers, with models that it brings?

Models are made from their configurations: nothing is downloaded. Of a transformer with its norms
before each part, all that writes into the residual stream is scale invariant together: both
embeddings and the last matrix of each attention and MLP, since whatever reads the stream takes its
norm first. The output matrix is another than the embedding.
"""

import pytest
import torch
from torch import nn

from snippets.clipping_threshold import clip_grad_norm_of_twin
from snippets.renormalise import renormalise
from tests.integration import runs
from tests.integration.runs import STEPS, adam, momentum, step_decay

pytestmark = [pytest.mark.travels, pytest.mark.usefixtures("installed")]
NEEDS = ["transformers", "accelerate"]
WORDS, LENGTH = 11, 8
WRITERS = ("wte", "wpe", "c_proj", "embed_tokens", "o_proj", "down_proj")  # GPT-2's, and Llama's
# Llama's norms are computed in single precision, which rounds at 6e-8, a dozen times in each of as
# many steps, and its twin has other digits to round.
SINGLE = 1e-5
CLIP = 0.05  # below the gradients of these models, so that each step is clipped


def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    made = GPT2Config(
        vocab_size=WORDS,
        n_positions=LENGTH,
        n_embd=16,
        n_layer=2,
        n_head=2,
        layer_norm_epsilon=runs.EPS,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        tie_word_embeddings=False,
    )
    return GPT2LMHeadModel(made).double()


def llama():
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    made = LlamaConfig(
        vocab_size=WORDS,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=LENGTH,
        rms_norm_eps=runs.EPS,
        tie_word_embeddings=False,
    )
    return LlamaForCausalLM(made).double()


def writes(name):
    """Say whether a parameter writes into the residual stream."""
    return any(word in name for word in WRITERS)


def loss_in_double(outputs, labels, num_items_in_batch=None):
    """The loss of the next words; that of transformers is computed in single precision."""
    logits = outputs.logits[:, :-1].flatten(0, 1)
    return nn.functional.cross_entropy(logits, labels[:, 1:].flatten())


def trainer_of(made, folder, callbacks=(), **more):
    from transformers import Trainer, TrainingArguments

    arguments = {
        "output_dir": str(folder),
        "max_steps": STEPS,
        "per_device_train_batch_size": 8,
        "use_cpu": True,
        "report_to": [],
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "max_grad_norm": 0.0,
        **more,
    }
    data = [{"input_ids": row, "labels": row} for row in runs.tokens(WORDS, LENGTH)]
    return Trainer(
        made.model,
        TrainingArguments(**arguments),
        train_dataset=data,
        optimizers=(made.optimizer, made.schedule),
        compute_loss_func=loss_in_double,
        callbacks=[*callbacks],
    )


def end_of(made):
    return runs.result(made, runs.tokens(WORDS, LENGTH)[:16], lambda out: out.logits)


def train(case, how, model, folder):
    made = runs.setup(model(), writes, case, how)
    trainer_of(made, folder).train()
    assert made.schedule.last_epoch == STEPS
    return end_of(made)


@pytest.mark.in_loop("snippets/stock_adam.py", "Trainer")
def test_stock_adam_follows_gpt2_in_the_trainer(beside, tmp_path):
    """optimizers=(new, schedule of the old one) and max_grad_norm=0: see clipping."""
    beside.gap(**runs.apart(train, adam, model=gpt2, folder=tmp_path))


@pytest.mark.in_loop("snippets/without_weight_decay.py", "Trainer")
def test_without_weight_decay_follows_gpt2_in_the_trainer(beside, tmp_path):
    """optimizers=(new, schedule of the old one) and max_grad_norm=0: see clipping."""
    beside.gap(**runs.apart(train, momentum, model=gpt2, folder=tmp_path))


@pytest.mark.in_loop("snippets/texp.py", "Trainer")
def test_texp_follows_gpt2_in_the_trainer(beside, tmp_path):
    """optimizers=(SGD without decay, TEXP) and max_grad_norm=0: see clipping."""
    beside.gap(**runs.apart(train, step_decay, model=gpt2, folder=tmp_path))


@pytest.mark.in_loop("snippets/stock_adam.py", "Trainer")
def test_stock_adam_follows_llama_in_the_trainer(beside, tmp_path):
    """Llama, whose norms are computed in single precision."""
    beside.gap(**runs.apart(train, adam, model=llama, folder=tmp_path), allowed=SINGLE)


@pytest.mark.in_loop("snippets/without_weight_decay.py", "Trainer")
def test_without_weight_decay_follows_llama_in_the_trainer(beside, tmp_path):
    """Llama, whose norms are computed in single precision."""
    beside.gap(**runs.apart(train, momentum, model=llama, folder=tmp_path), allowed=SINGLE)


def clipping(made):
    """A callback that clips the twin's gradients where those of its run would be clipped."""
    from transformers import TrainerCallback

    class Clip(TrainerCallback):
        def on_pre_optimizer_step(self, *_, **__):
            clip_grad_norm_of_twin(made.optimizer, CLIP)

    return Clip()


def train_clipped(case, how, folder):
    """Let the Trainer clip the run; its twin is clipped by the callback.

    The control is the obvious thing: the Trainer clips the twin as it does the run.
    """
    made = runs.setup(gpt2(), writes, case, "decay" if how == "decay" else "twin")
    if how == "twin":
        trainer_of(made, folder, [clipping(made)]).train()
    else:
        trainer_of(made, folder, max_grad_norm=CLIP).train()
    return end_of(made)


@pytest.mark.in_loop("snippets/stock_adam.py", "Trainer")
@pytest.mark.in_loop("snippets/stock_adam.py", "clipping")
def test_stock_adam_follows_a_clipped_run_in_the_trainer(beside, tmp_path):
    """Call clip_grad_norm_of_twin of clipping_threshold.py in on_pre_optimizer_step."""
    beside.gap(**runs.apart(train_clipped, adam, folder=tmp_path))


@pytest.mark.in_loop("snippets/without_weight_decay.py", "Trainer")
@pytest.mark.in_loop("snippets/without_weight_decay.py", "clipping")
def test_without_weight_decay_follows_a_clipped_run_in_the_trainer(beside, tmp_path):
    """Call clip_grad_norm_of_twin of clipping_threshold.py in on_pre_optimizer_step."""
    beside.gap(**runs.apart(train_clipped, momentum, folder=tmp_path))


@pytest.mark.in_loop("snippets/texp.py", "Trainer")
@pytest.mark.in_loop("snippets/texp.py", "clipping")
def test_texp_follows_a_clipped_run_in_the_trainer(beside, tmp_path):
    """Call clip_grad_norm_of_twin of clipping_threshold.py in on_pre_optimizer_step."""
    beside.gap(**runs.apart(train_clipped, step_decay, folder=tmp_path))


def train_twice(case, how, folder):
    """Train to the middle, and go on from the checkpoint with all made anew."""
    first = runs.setup(gpt2(), writes, case, how)
    folder = folder / how
    trainer_of(first, folder, max_steps=STEPS // 2, save_strategy="steps", save_steps=0.5).train()
    made = runs.setup(gpt2(), writes, case, how)
    trainer_of(made, folder).train(resume_from_checkpoint=True)
    assert made.schedule.last_epoch == STEPS
    return end_of(made)


@pytest.mark.in_loop("snippets/stock_adam.py", "Trainer")
@pytest.mark.in_loop("snippets/stock_adam.py", "checkpoint")
def test_stock_adam_goes_on_from_a_checkpoint_of_the_trainer(beside, tmp_path):
    """The Trainer saves the new optimizer and the schedule of the old one: convert, then resume."""
    beside.gap(**runs.apart(train_twice, adam, folder=tmp_path))


@pytest.mark.in_loop("snippets/without_weight_decay.py", "Trainer")
@pytest.mark.in_loop("snippets/without_weight_decay.py", "checkpoint")
def test_without_weight_decay_goes_on_from_a_checkpoint_of_the_trainer(beside, tmp_path):
    """The Trainer saves the new optimizer and the schedule of the old one: convert, then resume."""
    beside.gap(**runs.apart(train_twice, momentum, folder=tmp_path))


@pytest.mark.in_loop("snippets/texp.py", "Trainer")
@pytest.mark.in_loop("snippets/texp.py", "checkpoint")
def test_texp_goes_on_from_a_checkpoint_of_the_trainer(beside, tmp_path):
    """The Trainer saves SGD and TEXP, and loads both into new ones."""
    beside.gap(**runs.apart(train_twice, step_decay, folder=tmp_path))


@pytest.mark.in_loop("snippets/renormalise.py", "Trainer")
def test_renormalise_refuses_a_rate_that_the_trainer_sets(beside, tmp_path):
    """The Trainer sets the rate at every step: let a twin or TEXP follow the schedule instead."""
    from transformers import TrainerCallback

    made = runs.setup(gpt2(), writes, momentum, "decay")
    norms = [module for module in made.model.modules() if isinstance(module, nn.LayerNorm)]

    class Halve(TrainerCallback):
        def on_step_end(self, *_, **__):
            with beside.refused(made.model.parameters(), match="set by a scheduler"):
                renormalise(made.optimizer, [norms, []], [1, 0])

    trainer_of(made, tmp_path, [Halve()], max_steps=2).train()
