"""A step of training as a mode of a case: its time, its work and its memory."""

from dataclasses import replace

import pytest

from cnnbench.cases.case import Case
from cnnbench.reporting.runs.page import write
from cnnbench.reporting.runs.sections import memory
from cnnbench.runner.launching import too_large
from cnnbench.runs import store
from cnnbench.runs.result import result
from cnnbench.runtimes import fake
from tests.support.synthetic import measure

FORWARD = Case("vgg_block", (8, 8, 3), {"n_filters": 4, "n_conv": 1})
TRAIN = replace(FORWARD, mode="train")
ON_PAPER = {case.mode: case.paper() for case in (FORWARD, TRAIN)}

# On paper: the convolution has 8*8*4 = 256 outputs of 27 products each, 6912 MACs, with bias
# and ReLU 2*256 operations; pooling 16*4 = 64 outputs of 3 comparisons. 2*6912 + 512 + 192.
FORWARD_FLOPS = 14_528


def measured(case):
    return result(case, ON_PAPER[case.mode], [measure(case, 0)])


def test_the_step_of_the_fake_runtime_takes_three_times_the_forward_pass():
    # 20 us, 10 us for each of two layers, and a nanosecond for 100 FLOPs
    assert fake.call_ns(FORWARD, ON_PAPER["graph"]) == 40_000 + FORWARD_FLOPS // 100
    assert fake.call_ns(TRAIN, ON_PAPER["train"]) == 3 * (40_000 + FORWARD_FLOPS // 100)


def test_the_speed_of_a_step_counts_the_work_of_the_step():
    forward, train = map(measured, (FORWARD, TRAIN))
    assert forward.flops == FORWARD_FLOPS
    # Backward: the products again, for the weights' gradients alone, for nothing before the
    # convolution is trained; so more than two forward passes and less than three.
    assert 2 * FORWARD_FLOPS < train.flops < 3 * FORWARD_FLOPS
    assert train.speed == pytest.approx(train.flops / train.time.value)


def test_the_peak_of_a_step_is_measured_and_not_predicted(tmp_path):
    train, forward = measured(TRAIN), measured(FORWARD)
    assert forward.paper.step is None
    assert train.peak_on_paper_bytes is None
    assert train.peak_error is None
    assert memory.COLUMNS["on paper"](train) == "-"
    assert memory.summary([train]) == ""
    assert memory.summary([train, forward]) == memory.summary([forward])
    with store.create(tmp_path, store.Plan("mine", "", (TRAIN, FORWARD))) as file:
        for case in (TRAIN, FORWARD):
            file.append("launch", measure(case, 0).to_json())
    page = write(tmp_path).read_text()
    assert "vgg_block 8x8x3 train" in page


def test_a_step_that_would_not_fit_is_not_started_though_the_forward_pass_would():
    forward, train = ON_PAPER["graph"], ON_PAPER["train"]
    assert forward.peak_bytes < train.peak_bytes
    assert too_large(FORWARD, forward, train.peak_bytes - 1) == ""
    assert "needs" in too_large(TRAIN, train, train.peak_bytes - 1)
    assert too_large(TRAIN, train, train.peak_bytes) == ""


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("target", "params", "shape"),
    [
        ("vgg_block", {"n_filters": 4, "n_conv": 1}, (8, 8, 3)),
        ("resnet_cifar", {"depth": 8}, (32, 32, 3)),
    ],
)
def test_a_call_is_one_step_of_adam(target, params, shape):
    import tensorflow as tf

    from cnnbench.runtimes import _keras, tensorflow

    model = _keras.build(Case(target, shape, params, batch_size=2, mode="train"))
    x = tf.random.uniform((2, *shape), seed=0)
    step = tensorflow._training_step(tf, model, x)
    before = [weight.numpy() for weight in model.trainable_variables]
    first = float(step()["loss"])
    after = [weight.numpy() for weight in model.trainable_variables]
    # Adam's first step moves every weight with a gradient by its learning rate, 0.001.
    moved = max(abs(a - b).max() for a, b in zip(after, before, strict=True))
    assert moved == pytest.approx(0.001, rel=0.01)
    assert int(model.optimizer.iterations) == 1
    for _ in range(20):
        last = float(step()["loss"])
    assert int(model.optimizer.iterations) == 21
    assert last < first
