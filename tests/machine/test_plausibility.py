"""Bounds and verdicts, with the arithmetic by hand."""

import pytest

import cnnbench
from cnnbench.analysis.demand import demand
from cnnbench.cost import cost
from cnnbench.graph import trace
from cnnbench.host.ceiling import Ceiling, Probed
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense, einsum_dense
from cnnbench.layers.embedding import embedding
from cnnbench.layers.recurrent import conv_lstm2d
from cnnbench.layers.reshape import cropping2d, flatten, zero_padding2d
from cnnbench.layers.wrappers import bidirectional, time_distributed
from cnnbench.machine import roofline
from cnnbench.machine.roofline import Plausibility

# 1 GFLOP/s and 1 GB/s: FLOPs and bytes are nanoseconds.
UNIT = Ceiling("unit", "cpu", "float32", 1e9, 1e9)


def small(x):
    return dense(flatten(conv2d(x, 2, 3, padding="same", use_bias=False)), 5, use_bias=False)


GRAPH = trace(small, (4, 4, 1))
# The convolution: 4*4*2 outputs of 9 taps are 288 MACs, 576 FLOPs. Taps inside: per axis
# 2 + 3 + 3 + 2 = 10 of 12, so 100 for each filter, 200. Dense: 32*5 = 160 MACs, 320 FLOPs.
# Bytes of the convolution: input 16, weights 18, output 32 values: 66*4 = 264. Dense: input 32,
# weights 160, output 5 values: 197*4 = 788. Flatten moves nothing.


def test_a_layer_takes_the_longer_of_arithmetic_and_memory():
    found = roofline.bounds(cost(GRAPH), UNIT)
    assert [(b.layer.op, b.limit) for b in found] == [
        ("InputLayer", ""),
        ("Conv2D", "compute"),
        ("Flatten", ""),
        ("Dense", "memory"),
    ]
    assert [b.seconds for b in found] == pytest.approx([0, 576e-9, 0, 788e-9])
    assert sum(bound.seconds for bound in found) == pytest.approx(1364e-9)


def test_what_a_network_demands():
    wanted = demand(GRAPH)
    assert wanted.flops == 576 + 320
    # F(6x6, 3x3) takes 8*8 = 64 multiplications where 6*6*9 = 324 are defined: 5.0625 times fewer.
    assert wanted.least_flops == pytest.approx(400 * 64 / 324 + 320)
    # 16 in, 18 and 160 weights, 5 out, of 4 bytes
    assert wanted.compulsory_bytes == 796


@pytest.mark.parametrize(
    ("kernel", "fewer"),
    # Winograd: 6*k / (6 + k - 1) on each axis; FFT: half of all taps
    [(1, 1), (2, (12 / 7) ** 2), (3, (18 / 8) ** 2), ((1, 7), 7 / 2), (5, 25 / 2), (7, 49 / 2)],
)
def test_how_much_a_fast_convolution_saves(kernel, fewer):
    graph = trace(lambda x: conv2d(x, 8, kernel, use_bias=False), (16, 16, 4))
    wanted = demand(graph)
    assert wanted.flops / wanted.least_flops == pytest.approx(fewer)


@pytest.mark.parametrize(
    ("name", "alone", "wrapper", "shape", "outer", "times"),
    [
        ("Conv2D", conv2d, time_distributed, (16, 16, 4), (5, 16, 16, 4), 5),
        ("ConvLSTM2D", conv_lstm2d, bidirectional, (5, 16, 16, 4), (5, 16, 16, 4), 2),
    ],
)
def test_a_wrapped_convolution_saves_what_it_saves_by_itself(
    name, alone, wrapper, shape, outer, times
):
    config = {"filters": 8, "kernel_size": 3}
    held = {"class_name": name, "module": "keras.layers", "config": config}
    one = demand(trace(alone, shape, **config))
    several = demand(trace(wrapper, outer, layer=held))
    assert several.least_flops == pytest.approx(times * one.least_flops)


def test_a_product_with_more_than_two_axes_of_weights_is_no_convolution():
    graph = trace(lambda x: einsum_dense(x, "abc,cde->abde", (None, 4, 8)), (6, 16))
    wanted = demand(graph)
    assert wanted.least_flops == wanted.flops == 2 * 6 * 16 * 4 * 8


def test_a_table_that_is_looked_up_need_not_move():
    graph = trace(lambda x: dense(embedding(x, 1000, 8), 2, use_bias=False), (3,))
    # 3 numbers in, 8*2 weights and 3*2 out; not the 8000 of the table
    assert demand(graph).compulsory_bytes == 4 * (3 + 16 + 6)


@pytest.mark.parametrize(
    ("function", "values"),
    [
        # 8*8 in, 9 weights, 6*6 out
        (lambda x: conv2d(x, 1, 3, use_bias=False), 64 + 9 + 36),
        # One of four positions is read: 1 weight, 4*4 out.
        (lambda x: conv2d(x, 1, 1, strides=2, use_bias=False), 1 + 16),
        (lambda x: cropping2d(x, 2), 16),
        # Zeros around it are a copy of all: 100 values, of which 64 are the input's.
        (lambda x: zero_padding2d(x, 1), 64 + 100),
        # Through a view: 64 weights, 1 out.
        (lambda x: dense(flatten(x), 1, use_bias=False), 64 + 64 + 1),
    ],
)
def test_an_input_must_move_where_all_of_it_is_read(function, values):
    assert demand(trace(function, (8, 8, 1))).compulsory_bytes == 4 * values


@pytest.mark.parametrize(
    ("nanoseconds", "verdict"),
    # direct: 576 + 320 = 896 ns; with a fast convolution 400/5.0625 + 320 = 399.01 ns
    [
        (897, Plausibility.PLAUSIBLE),
        (895, Plausibility.SUSPICIOUS),
        (400, Plausibility.SUSPICIOUS),
        (398, Plausibility.IMPOSSIBLE),
    ],
)
def test_a_verdict_changes_at_the_peak_and_where_no_algorithm_is_left(nanoseconds, verdict):
    wanted = demand(GRAPH)
    judged = roofline.judge(wanted, UNIT, nanoseconds / 1e9)
    assert judged.verdict is verdict
    assert judged.share == pytest.approx(896 / nanoseconds)


def test_only_what_exceeds_the_cache_must_come_from_memory():
    wanted = demand(GRAPH)
    slow = 1e7  # bytes a second: 796 bytes take 79.6 us
    for cache, least in ((0, 79.6e-6), (396, 40e-6), (796, 399e-9), (None, 399e-9)):
        ceiling = Ceiling("slow memory", "cpu", "float32", 1e9, slow, cache)
        judged = roofline.judge(wanted, ceiling, 39e-6)
        assert judged.least_s == pytest.approx(least, rel=1e-3)
        assert judged.verdict is (
            Plausibility.PLAUSIBLE if least < 1e-6 else Plausibility.IMPOSSIBLE
        )


@pytest.mark.parametrize(
    ("network", "arithmetic", "values"),
    # 796 bytes of float32 are 398 of float16; wider arithmetic makes the values no larger.
    [("float32", "float16", 398), ("float16", "float32", 398), ("float32", "float32", 796)],
)
def test_narrow_arithmetic_is_fed_with_narrow_values(network, arithmetic, values):
    wanted = demand(trace(small, (4, 4, 1), dtype=network))
    ceiling = Ceiling("slow memory", "gpu", arithmetic, 1e9, 1e7, 0)
    judged = roofline.judge(wanted, ceiling, 1.0)
    assert judged.least_s == pytest.approx(values / 1e7)


def test_reading_may_be_half_as_fast_again_as_the_copy_that_was_measured():
    wanted = demand(GRAPH)
    probes = (Probed("copy", 0, 2, 1.0),)
    ceiling = Ceiling("slow", "cpu", "float32", 1e9, 1e7, 0, tolerance=1.1, probes=probes)
    # 796 bytes at 1.1 * 1.5 * 10 MB/s
    assert roofline.judge(wanted, ceiling, 1.0).least_s == pytest.approx(796 / 16.5e6)


def test_an_interval_that_reaches_what_is_possible_is_not_impossible():
    wanted = demand(GRAPH)
    assert roofline.judge(wanted, UNIT, 398e-9).verdict is Plausibility.IMPOSSIBLE
    assert roofline.judge(wanted, UNIT, 398e-9, 400e-9).verdict is Plausibility.SUSPICIOUS


def test_a_measured_peak_is_passed_by_a_tenth_before_anything_is_said():
    measured = Ceiling("measured", "cpu", "float32", 1e9, 1e9, tolerance=1.1)
    wanted = demand(GRAPH)  # 896 ns / 1.1 = 814.5 ns
    assert roofline.judge(wanted, measured, 815e-9).verdict is Plausibility.PLAUSIBLE
    assert roofline.judge(wanted, measured, 814e-9).verdict is Plausibility.SUSPICIOUS


def test_vgg16_at_batch_32_in_4_milliseconds_on_an_a100():
    # Table 1 of VGG counts 15,470,264,320 multiply-adds at 224x224; times 2 times 32 are
    # 990.1 GFLOPs, and over 4.16 ms (keras.io/api/applications) they are 238.0 TFLOP/s.
    wanted = demand(cnnbench.trace("vgg16", batch_size=32))
    assert wanted.flops == 2 * 32 * 15_470_264_320
    verdicts = {
        kind: roofline.judge(wanted, ceiling, 4.16e-3)
        for kind, ceiling in roofline.device("a100").items()
    }
    assert verdicts["FP32"].rate == pytest.approx(238.0e12, rel=1e-3)
    assert verdicts["FP32"].verdict is Plausibility.IMPOSSIBLE  # 12.2 times 19.5
    assert verdicts["TF32"].share == pytest.approx(238.0 / 156, rel=1e-3)
    assert verdicts["TF32"].verdict is Plausibility.SUSPICIOUS
    assert verdicts["FP16/BF16"].verdict is Plausibility.PLAUSIBLE  # 76 % of 312


def test_a_device_is_known_by_name():
    a100 = roofline.device("A100")["TF32"]
    assert (a100.flops_per_s, a100.bytes_per_s) == (156e12, 1555e9)
    assert a100.ridge == pytest.approx(156e12 / 1555e9)
    with pytest.raises(cnnbench.CnnbenchError, match="unknown device 'A1000'; did you mean A100"):
        roofline.device("A1000")
