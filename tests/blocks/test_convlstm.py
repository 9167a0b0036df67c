"""ConvLSTM2D in place of Conv2D: counted before anything is allocated, and never negative."""

import pytest

from cnnbench import api, blocks
from cnnbench.cost import cost
from cnnbench.errors import ShapeError
from cnnbench.networks.load import no_values

BLOCK, MODEL = blocks.get("convlstm_block"), blocks.get("convlstm_vgg")


def test_the_block_by_hand():
    graph = BLOCK.trace((4, 6, 10, 3), n_filters=2)
    paper = cost(graph)
    assert [row.op for row in paper.layers] == [
        "InputLayer",
        "ConvLSTM2D",
        "ConvLSTM2D",
        "MaxPooling3D",
    ]
    assert paper.output_shape == (1, 4, 3, 5, 2)  # frames stay, sizes halve
    # 4 gates of 2 filters: 3x3 on 3 + 2 channels and a bias; then on 2 + 2 channels
    assert paper.params == 8 * (9 * 5 + 1) + 8 * (9 * 4 + 1)
    # 4 frames of 6x10 positions of 8 gate values
    assert paper.macs == 4 * 60 * 8 * (9 * 5 + 9 * 4)
    # Pooling: 3 comparisons for each of 4 * 3 * 5 * 2 outputs
    assert paper.layers[3].elementwise == 3 * 120


def test_a_convlstm_has_eight_times_the_weights_of_a_convolution():
    same = BLOCK.trace((8, 64, 64, 64), n_filters=64, n_conv=1)
    convolution = blocks.get("vgg_block").trace((64, 64, 64), n_filters=64, n_conv=1)
    recurrent, plain = (g.nodes[1].rule.weights for g in (same, convolution))
    # Without biases: 4 gates, each on 64 channels of the input and 64 of the state
    assert [w.shape for w in recurrent[:2]] == [(3, 3, 64, 256), (3, 3, 64, 256)]
    assert plain[0].shape == (3, 3, 64, 64)


def test_the_model_has_more_than_500_million_parameters():
    paper = cost(MODEL.trace())
    # 4 * f * (9 * (c + f) + 1) for (c, f) of the eight ConvLSTMs
    pairs = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256)]
    recurrent = sum(4 * f * (9 * (c + f) + 1) for c, f in [*pairs, (256, 256)])
    # 8 frames of 8x8x256 values into 4096 units, 4096 into 4096, into 1000 classes
    dense = (131_072 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 1000
    assert recurrent + dense == 577_967_336
    assert paper.params == 577_967_336
    assert paper.weight_bytes == 4 * 577_967_336  # 2.2 GB


def test_beyond_32_bits_the_count_stays_exact_and_positive():
    # Ten frames of 32x32x256 values: more than 2**31 - 1 weights in one layer.
    paper = cost(MODEL.trace((10, 256, 256, 3)))
    first = (10 * 32 * 32 * 256 + 1) * 4096
    assert first > 2**31 - 1
    assert next(row.params for row in paper.layers if row.op == "Dense") == first
    assert paper.params == 10_778_514_664


def test_an_image_is_no_video():
    with pytest.raises(
        ShapeError, match=r"layer convlstm_block/conv_lstm2d \(ConvLSTM2D\): expect"
    ):
        BLOCK.trace((64, 64, 3))


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("entry", "shape", "params"),
    [
        (BLOCK, (8, 64, 64, 3), {}),
        (BLOCK, (3, 33, 20, 5), {"n_filters": 7, "n_conv": 3}),
        (MODEL, (8, 64, 64, 3), {}),
        (MODEL, (10, 256, 256, 3), {"classes": 10}),
    ],
)
def test_keras_counts_the_same_without_allocating(entry, shape, params):
    keras = pytest.importorskip("keras")
    with no_values():
        x = keras.Input(shape)
        model = keras.Model(x, entry.function(x, **params))
        assert all(weight._value is None for weight in model.weights)
        paper = cost(entry.trace(shape, **params))
        assert model.count_params() == paper.params
        assert [layer.count_params() for layer in model.layers] == [
            row.params for row in paper.layers
        ]
        assert (1, *model.output_shape[1:]) == paper.output_shape


def test_a_suite_of_videos_is_run_and_reported(undrawn, tmp_path):
    suite = tmp_path / "video.toml"
    suite.write_text(
        'launches = 1\n[[block]]\nname = "video"\ntarget = "convlstm_block"\n'
        'params = {n_filters = 4}\ninputs = ["4x16x16x3", "4x32x64x3"]\n'
    )
    finished = api.run(str(suite), out=tmp_path / "run", runtime="fake", device="cpu", launches=2)
    assert [case.input_shape for case in finished.run.plan.cases] == [
        (4, 16, 16, 3),
        (4, 32, 64, 3),
    ]
    page = finished.page.read_text(encoding="utf-8")
    assert "video 4x16x16x3" in page
    assert "video 4x32x64x3" in page
