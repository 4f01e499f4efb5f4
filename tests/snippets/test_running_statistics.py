"""Does a running variance lag by the stated factor, and do fresh statistics catch up?"""

from copy import deepcopy
from fractions import Fraction

import pytest
import sympy
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, update_bn
from torch.utils.data import DataLoader, TensorDataset

from snippets.exponential_lr import growth_root
from snippets.running_statistics import lag_factor, lagging_average, recollect, running_average
from snippets.texp import TEXP
from tests.snippets import loops

CLAIM = "running-variance-lags-by-a-fixed-factor"
SHARE, GROWTH, VARIANCE, BEGIN = Fraction(1, 10), Fraction(9, 8), Fraction(7, 3), Fraction(5, 4)
ROUNDING = 1e-12  # two hundred steps, each rounded at 1e-16


def averages(variances, growths, share=SHARE):
    """Both running averages: of the variances, and of those times the growth."""
    grown = [growth * variance for growth, variance in zip(growths, variances, strict=True)]
    return running_average(variances, BEGIN, share), running_average(grown, BEGIN, share)


def powers(steps, growth=GROWTH):
    return [growth**t for t in range(steps)]


@pytest.mark.claim(CLAIM, by="exact")
@pytest.mark.parametrize("growth", [GROWTH, Fraction(1), Fraction(19, 20)], ids=str)
@pytest.mark.parametrize("share", [SHARE, Fraction(1, 2), Fraction(1)], ids=str)
def test_at_every_step_both_averages_are_what_the_formula_says(measured, growth, share):
    for steps in range(8):
        plain, grown = averages([VARIANCE] * steps, powers(steps, growth), share)
        said = VARIANCE + (1 - share) ** steps * (BEGIN - VARIANCE)
        measured(abs(plain - said), allowed=0)
        measured(abs(grown - lagging_average(VARIANCE, BEGIN, share, growth, steps)), allowed=0)


@pytest.mark.claim(CLAIM, by="certificate of a step")
def test_one_step_keeps_the_formula_for_all_values(measured):
    """The formula for the second run's average: at the start, and from one step to the next."""
    m, growth, variance, begin, power, share_power = sympy.symbols("m B v r P Q", positive=True)
    # P = B^(t−1) and Q = qᵗ, so that the next are BP and qQ
    factor, q = m / (1 - (1 - m) / growth), (1 - m) / growth

    def formula(power, share_power):
        return variance * power * (factor + share_power * (growth * begin / variance - factor))

    step = (1 - m) * formula(power, share_power) + m * variance * power * growth
    measured(sympy.simplify(step - formula(power * growth, share_power * q)) != 0, allowed=0)
    measured(sympy.simplify(formula(1 / growth, 1) - begin) != 0, allowed=0)


def ratio(plain, grown, steps):
    return grown / plain / GROWTH ** (steps - 1)


@pytest.mark.claim(CLAIM, by="exact")
def test_past_the_transient_the_ratio_is_the_factor_and_in_evaluation_that_over_the_growth(
    measured,
):
    steps = 300
    plain, grown = averages([VARIANCE] * steps, powers(steps))
    factor = lag_factor(SHARE, GROWTH)
    assert factor == Fraction(1, 2)  # 1/10 over 1 − (9/10)(8/9)
    left = (1 - SHARE) ** steps
    # a transient of the plain average, which begins within half of v, and a smaller one beside it
    measured(abs(ratio(plain, grown, steps) / factor - 1), allowed=left)
    later = grown / plain / GROWTH**steps
    # the same transients
    measured(abs(later / (SHARE / (GROWTH - (1 - SHARE))) - 1), allowed=left)


@pytest.mark.control(CLAIM, drops="^past-the-transient", instead="the ratio after five steps")
def test_control_within_the_transient_the_ratio_is_another(measured):
    plain, grown = averages([VARIANCE] * 5, powers(5))
    # of the factor; past the transient rational numbers leave less than 1e-12 of it
    measured(abs(ratio(plain, grown, 5) / lag_factor(SHARE, GROWTH) - 1), allowed=0.3)


@pytest.mark.control(
    CLAIM, drops="^stationary", instead="variances that drift by a twentieth a step"
)
@pytest.mark.parametrize("drift", [Fraction(19, 20), Fraction(21, 20)], ids=str)
def test_control_where_the_variances_drift_the_ratio_is_that_of_two_factors(measured, drift):
    steps = 400
    variances = [VARIANCE * drift**t for t in range(steps)]
    plain, grown = averages(variances, powers(steps))
    found, factor = ratio(plain, grown, steps), lag_factor(SHARE, GROWTH)
    # a drift by a twentieth, which the claim takes no notice of
    measured(abs(found / factor - 1), allowed=Fraction(1, 20))
    both = lag_factor(SHARE, drift * GROWTH) / lag_factor(SHARE, drift)
    assert found == pytest.approx(float(both), rel=1e-6)


def test_with_a_drift_the_ratio_is_the_factor_in_the_three_named_cases_and_in_no_other():
    m, growth, drift = sympy.symbols("m B s", positive=True)

    def factor(growth):
        return m / (1 - (1 - m) / growth)

    numbers = {m: SHARE, growth: GROWTH}
    assert factor(growth).subs(numbers) == sympy.Rational(lag_factor(SHARE, GROWTH))
    off = factor(drift * growth) / factor(drift) - factor(growth)
    numerator = growth * (growth - 1) * (1 - m) * (drift - 1)
    said = numerator / ((growth - (1 - m)) * (drift * growth - (1 - m)))
    assert sympy.cancel(off - said) == 0  # zero where a factor of the numerator is


@pytest.mark.control(
    CLAIM, drops="^constant-growth", instead="a slower growth in the last ten steps"
)
def test_control_after_a_growth_that_slowed_down_the_ratio_is_another(measured):
    steps, slower = 300, Fraction(129, 128)
    growths = powers(steps)
    growths[-10:] = [growths[-11] * slower ** (k + 1) for k in range(10)]
    plain, grown = averages([VARIANCE] * steps, growths)
    found = grown / plain / growths[-1]
    factors = lag_factor(SHARE, GROWTH), lag_factor(SHARE, slower)
    assert factors[0] < found < factors[1]
    for factor in factors:
        measured(abs(found / factor - 1), allowed=Fraction(1, 10))  # 0.50 and 0.93


@pytest.mark.control(
    CLAIM, drops="^constant-growth", instead="variances that shrink as fast as 1 − m, or faster"
)
@pytest.mark.parametrize(("growth", "larger"), [(Fraction(4, 5), 10**6), (1 - SHARE, 20)], ids=str)
def test_control_variances_that_shrink_as_the_average_forgets_have_no_factor(
    measured, growth, larger
):
    steps = 200
    plain, grown = averages([VARIANCE] * steps, powers(steps, growth))
    # a factor would be of size one; at 1 − m the ratio grows by m at each of the 200 steps
    measured(grown / plain / growth ** (steps - 1), allowed=larger)
    with pytest.raises(ValueError, match=r"growth = 0\.\d must exceed 1 − share = 0\.9"):
        lag_factor(SHARE, growth)


def test_below_the_bound_the_start_keeps_its_share_and_at_the_bound_it_loses_it():
    def share_of_the_start(growth, steps):
        grown = averages([VARIANCE] * steps, powers(steps, growth))[1]
        return (1 - SHARE) ** steps * BEGIN / grown

    below = [share_of_the_start(Fraction(4, 5), steps) for steps in (100, 200)]
    assert below[1] == pytest.approx(float(below[0]), rel=1e-4)
    assert below[0] > Fraction(1, 4)
    at = [share_of_the_start(1 - SHARE, steps) for steps in (100, 200)]
    assert at[1] < 0.6 * at[0] < Fraction(1, 20)


def test_at_usual_settings_evaluation_finds_the_average_too_small_by_a_hundredth():
    growth = growth_root(0.1, 5e-4, 0.9) ** -2
    assert lag_factor(0.1, growth) / growth == pytest.approx(0.990, abs=5e-4)


@pytest.mark.claim(CLAIM, by="exact")
def test_random_variances_have_averages_with_the_expectations_of_the_formula(measured):
    # All sequences of two equally likely variances, so that the mean is exact.
    steps, values = 6, (VARIANCE / 2, 3 * VARIANCE / 2)
    sequences = [[values[n >> t & 1] for t in range(steps)] for n in range(2**steps)]
    pairs = [averages(sequence, powers(steps)) for sequence in sequences]
    plain, grown = (sum(side) / len(pairs) for side in zip(*pairs, strict=True))
    measured(abs(plain - running_average([VARIANCE] * steps, BEGIN, SHARE)), allowed=0)
    measured(abs(grown - lagging_average(VARIANCE, BEGIN, SHARE, GROWTH, steps)), allowed=0)


@pytest.mark.claim(CLAIM, by="float64")
def test_torch_s_batch_norm_lags_by_the_factor_and_its_running_mean_by_that_of_the_root(measured):
    batch = torch.randn(16, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 2
    plain, grown = (nn.BatchNorm1d(3, momentum=0.25, affine=False).double() for _ in range(2))
    growth, steps = 1.1, 200
    for t in range(steps):
        plain(batch)
        grown(growth ** (t / 2) * batch)  # the same batch: a variance that stays as it is
    found = grown.running_var / plain.running_var / growth ** (steps - 1)
    measured((found / lag_factor(0.25, growth) - 1).abs().max(), allowed=ROUNDING)
    # the average is that of the unbiased variance, n/(n − 1) times the other
    assert (plain.running_var - batch.var(dim=0)).abs().max() < 1e-13
    found = grown.running_mean / plain.running_mean / growth ** ((steps - 1) / 2)
    measured((found / lag_factor(0.25, growth**0.5) - 1).abs().max(), allowed=ROUNDING)


# The functions themselves.


def test_a_running_average_moves_by_its_share():
    assert running_average([], Fraction(1), SHARE) == 1
    assert running_average([2, 4], Fraction(1), Fraction(1, 4)) == Fraction(31, 16)


@pytest.mark.parametrize(
    ("accepted", "refused", "complaint"),
    [
        ((1, Fraction(1, 9)), (0, 1.1), r"share = 0 is not in \(0, 1\]"),
        ((1.0, 1.0), (1.1, 1.0), r"share = 1\.1 is not in \(0, 1\]"),
        ((0.5, 0.51), (0.5, 0.5), r"growth = 0\.5 must exceed 1 − share = 0\.5"),
    ],
)
def test_what_has_no_factor_is_refused(accepted, refused, complaint):
    assert lag_factor(*accepted) > 0
    with pytest.raises(ValueError, match=complaint):
        lag_factor(*refused)


# Collecting afresh.

BATCHES = list(torch.randn(3, 8, 4, generator=torch.Generator().manual_seed(1)))


def network(*others):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), *others, nn.Linear(3, 2))
    net.append(nn.BatchNorm1d(2, momentum=0.3))
    for batch in BATCHES:
        net(5 * batch)
    return net


def statistics(net):
    return [b.clone() for b in net.buffers()]


def test_without_dropout_or_frozen_layers_it_is_update_bn_of_torch():
    for training in (True, False):
        ours, theirs = network().train(training), network().train(training)
        assert recollect(ours, BATCHES) == 3
        update_bn(BATCHES, theirs)
        for one, other in zip(statistics(ours), statistics(theirs), strict=True):
            assert one.equal(other)
        assert ours.training == ours[1].training == ours[2].training == training
        assert ours[1].momentum == 0.1
        assert ours[3].momentum == 0.3


def test_it_is_the_plain_average_over_the_batches():
    net = network()
    recollect(net, BATCHES)
    values = [net[0](batch) for batch in BATCHES]
    means = torch.stack([value.mean(dim=0) for value in values]).mean(dim=0)
    variances = torch.stack([value.var(dim=0) for value in values]).mean(dim=0)
    assert (net[1].running_mean - means).abs().max() < 1e-6
    assert (net[1].running_var - variances).abs().max() < 1e-6
    assert net[1].num_batches_tracked == 3
    assert not net[1].running_mean.requires_grad


def test_dropout_stays_off_and_every_module_gets_its_own_mode_back():
    net, plain = network(nn.Dropout(0.5)).eval(), network().eval()
    net[1].train()
    recollect(net, iter(BATCHES))
    assert [module.training for module in net] == [False, True, False, False, False]
    recollect(plain, BATCHES)
    for one, other in zip(statistics(net), statistics(plain), strict=True):
        assert one.equal(other)


def test_weights_stay_at_rest():
    net = network()
    before = [p.clone() for p in net.parameters()]
    recollect(net, BATCHES)
    for one, other in zip(net.parameters(), before, strict=True):
        assert one.equal(other)
        assert one.grad is None


def test_a_failure_changes_nothing():
    net = network().eval()
    before = statistics(net)
    with pytest.raises(ValueError, match="there is no batch to collect statistics from"):
        recollect(net, [])
    with pytest.raises(RuntimeError):
        recollect(net, [BATCHES[0], torch.ones(2, 9)])
    for one, other in zip(statistics(net), before, strict=True):
        assert one.equal(other)
    assert not net[1].training
    assert net[3].momentum == 0.3


def test_a_model_without_running_statistics_is_refused():
    for net in (nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)):
        with pytest.raises(ValueError, match="no batch norm that keeps running statistics"):
            recollect(net, BATCHES)
    mixed = nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False), nn.BatchNorm1d(4))
    assert recollect(deepcopy(mixed), BATCHES) == 3


def test_after_growing_weights_fresh_statistics_make_evaluation_the_same_function():
    plain, grown = network().eval(), network().eval()
    with torch.no_grad():
        grown[0].weight *= 8
        grown[0].bias *= 8
    for net in (plain, grown):
        net[1].eps = net[3].eps = 1e-30
    assert (plain(BATCHES[0]) - grown(BATCHES[0])).abs().max() > 0.1
    for net in (plain, grown):
        recollect(net, BATCHES)
    assert (plain(BATCHES[0]) - grown(BATCHES[0])).abs().max() < 1e-5


@pytest.mark.parametrize("pack", [tuple, list], ids=["tuples", "lists"])
def test_of_pairs_the_first_is_what_the_model_gets(pack):
    net, plain, theirs = network(), network(), network()
    pairs = [pack((batch, torch.zeros(8))) for batch in BATCHES]
    assert recollect(net, pairs) == recollect(plain, BATCHES) == 3
    update_bn(pairs, theirs)
    for one, other, third in zip(*map(statistics, (net, plain, theirs)), strict=True):
        assert one.equal(other)
        assert one.equal(third)


def test_a_loader_of_pairs_and_a_device_are_as_for_update_bn():
    data = DataLoader(TensorDataset(torch.cat(BATCHES).double(), torch.zeros(24)), batch_size=5)
    ours, theirs = network().double(), network().double()
    assert recollect(ours, data, torch.device("cpu")) == 5
    update_bn(data, theirs, "cpu")
    for one, other in zip(statistics(ours), statistics(theirs), strict=True):
        assert one.equal(other)


class Moved:
    """A batch that remembers where it was moved."""

    def __init__(self):
        self.places = []

    def to(self, device):
        self.places.append(device)
        return BATCHES[0]


def test_batches_are_moved_only_if_there_is_a_device():
    batch = Moved()
    recollect(network(), [batch, (batch, 1)], "cpu")
    assert batch.places == ["cpu", "cpu"]
    with pytest.raises(TypeError):
        recollect(network(), [batch])


def test_a_norm_that_no_batch_reaches_keeps_what_it_had():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.extra = nn.BatchNorm1d(4), nn.BatchNorm1d(4)

        def forward(self, x):
            return self.used(x) + (self.extra(x) if self.training else 0)

    net = Branches()
    net(5 * BATCHES[0])
    before = net.extra.running_var.clone()
    recollect(net.eval(), BATCHES)
    assert net.extra.running_var.equal(before)
    assert not net.used.running_var.equal(before)
    assert net.extra.num_batches_tracked == 1


def test_norms_without_a_size_or_with_statistics_that_have_no_plain_average_are_refused():
    net = network(nn.LazyBatchNorm1d())
    with pytest.raises(ValueError, match="LazyBatchNorm1d has no size yet: call the model once"):
        recollect(nn.Sequential(nn.BatchNorm1d(4), nn.LazyBatchNorm1d()), BATCHES)
    assert recollect(net, BATCHES) == 3  # network() has called it
    tracking = nn.Sequential(nn.BatchNorm1d(4), nn.InstanceNorm1d(4, track_running_stats=True))
    with pytest.raises(ValueError, match="InstanceNorm1d keeps running statistics, of which"):
        recollect(tracking, [torch.ones(2, 4, 3)])
    recollect(nn.Sequential(nn.BatchNorm1d(4), nn.InstanceNorm1d(4)), [torch.randn(2, 4, 3)])


def test_a_norm_whose_statistics_were_taken_away_is_left_out():
    net = nn.Sequential(nn.BatchNorm1d(4), nn.BatchNorm1d(4))
    net[0].running_mean = net[0].running_var = None
    assert recollect(net, BATCHES) == 3
    assert net[0].running_var is None


def test_an_average_that_is_cumulative_already_stays_so():
    net = nn.BatchNorm1d(4, momentum=None)
    recollect(net, BATCHES)
    assert net.momentum is None


# In training loops.

FILE = "snippets/running_statistics.py"


def evaluated(kind, wrap=lambda net: net, batches=None, collect=recollect):
    """The outputs in evaluation of a run with decay, or of its twin, after fresh statistics."""
    net = loops.network()
    decays = [0.05, 0.5] if kind == "decay" else [0.0, 0.0]
    groups = [
        {"params": net[i].parameters(), "weight_decay": decay}
        for i, decay in zip((0, 3), decays, strict=True)
    ]
    optimizer = torch.optim.SGD(groups, lr=0.04, momentum=0.5)
    after = TEXP(optimizer, [0.05, 0.5], []).step if kind == "twin" else lambda: None
    loops.plainly(net, optimizer, after)
    wrapped = wrap(net)
    collect(wrapped, batches or loops.inputs.split(8))
    return wrapped.eval()(loops.inputs).detach()


def hold(beside, **how):
    plain, twin = evaluated("decay", **how), evaluated("twin", **how)
    left = evaluated("twin", **{**how, "collect": lambda *_: None})
    beside.gap((twin - plain).abs().max(), control=(left - plain).abs().max())


@pytest.mark.in_loop(FILE, "evaluation mode")
def test_after_it_a_twin_evaluates_as_the_run_with_decay(beside):
    """also from a loader of pairs (x, y)"""
    data = TensorDataset(loops.inputs, loops.labels)
    hold(beside, batches=DataLoader(data, batch_size=8))


@pytest.mark.in_loop(FILE, "compile")
def test_of_a_compiled_network(beside):
    torch._dynamo.reset()
    hold(beside, wrap=lambda net: torch.compile(net, backend="aot_eager"))


@pytest.mark.in_loop(FILE, "DDP")
def test_of_a_distributed_network(beside, tmp_path):
    """each process collects its own; one was run"""
    with loops.process_group(tmp_path):
        hold(beside, wrap=DistributedDataParallel)


@pytest.mark.in_loop(FILE, "EMA")
def test_of_an_average_of_the_weights(beside):
    """after the average, as update_bn"""
    hold(beside, wrap=lambda net: AveragedModel(net))


@pytest.mark.in_loop(FILE, "checkpoint")
def test_of_a_network_that_is_loaded_from_a_file(beside, tmp_path):
    def loaded(net):
        torch.save(net.state_dict(), tmp_path / "net.pt")
        fresh = loops.network()
        fresh.load_state_dict(torch.load(tmp_path / "net.pt", weights_only=True))
        return fresh

    hold(beside, wrap=loaded)


def test_a_synchronised_norm_is_a_batch_norm_too():
    net, other = network(), nn.SyncBatchNorm.convert_sync_batchnorm(network())
    assert isinstance(other[1], nn.SyncBatchNorm)
    assert recollect(net, BATCHES) == recollect(other, BATCHES) == 3
    for one, two in zip(statistics(net), statistics(other), strict=True):
        assert one.equal(two)


def test_dicts_are_given_as_they_are_and_not_moved():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network()

        def forward(self, batch):
            return self.net(batch["x"])

    model, plain = Named(), network()
    dicts = [{"x": batch} for batch in BATCHES]
    assert recollect(model, dicts) == recollect(plain, (b["x"] for b in dicts)) == 3
    for one, other in zip(statistics(model.net), statistics(plain), strict=True):
        assert one.equal(other)
    before = statistics(model.net)
    with pytest.raises(ValueError, match="a batch is a dict, which cannot be moved to cpu: give"):
        recollect(model, dicts[:1], "cpu")
    for one, other in zip(statistics(model.net), before, strict=True):
        assert one.equal(other)
