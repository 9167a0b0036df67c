"""What goes into a network: random values that its layers can read, or the user's own."""

from pathlib import Path

import numpy as np
import pytest

from cnnbench.errors import ShapeError, TargetError
from cnnbench.networks import Network, named, samples

pytestmark = pytest.mark.tensorflow

keras = pytest.importorskip("keras")
layers = keras.layers


def values(model, batch_size=64, data="", seed=0):
    graph = named(model).as_run(None, batch_size)
    return samples.values(data, graph, model, seed)


def reader(*around, rows=7, shape=(5,), dtype="int32"):
    """A model that reads whole numbers with an embedding, perhaps after other layers."""
    x = y = keras.Input(shape, dtype=dtype)
    for layer in around:
        y = layer(y)
    return keras.Model(x, layers.Embedding(rows, 3)(y))


# Random


def test_floats_are_uniform_between_0_and_1_and_follow_the_seed():
    x = keras.Input((16, 16, 3))
    model = keras.Model(x, layers.Conv2D(1, 1)(x))
    (first,) = values(model)
    assert (first.shape, first.dtype) == ((64, 16, 16, 3), np.float32)
    assert first.min() >= 0
    assert first.max() < 1
    # The mean of n uniform values has a standard deviation of 1 / sqrt(12 n).
    assert abs(first.mean() - 0.5) < 5 / (12 * first.size) ** 0.5
    assert abs(first.var() - 1 / 12) < 0.01
    np.testing.assert_array_equal(first, values(model)[0])
    assert (first != values(model, seed=1)[0]).any()


@pytest.mark.parametrize(
    ("around", "shape"),
    [
        ((), (5,)),
        ((layers.Reshape((3, 4)),), (12,)),
        ((layers.Reshape((12,)), layers.Reshape((4, 3))), (2, 6)),
        ((layers.Flatten(),), (2, 6)),
        ((layers.Permute((2, 1)),), (2, 6)),
        ((layers.RepeatVector(2), layers.Reshape((10,))), (5,)),
        ((layers.Reshape((6, 2)), lambda x: x[:, 1:]), (12,)),
        ((lambda x: keras.ops.cast(x, "int64"),), (5,)),
        ((lambda x: keras.ops.transpose(x, (0, 2, 1)),), (2, 6)),
    ],
)
def test_whole_numbers_are_rows_of_the_embedding(around, shape):
    model = reader(*around, shape=shape)
    (found,) = values(model)
    assert (found.shape, found.dtype) == ((64, *shape), np.int32)
    # 64 samples of 5 or more numbers: each of seven rows is there.
    assert set(found.ravel().tolist()) == set(range(7))
    model(found)  # an index beyond the rows would be an error on a CPU


def test_of_two_layers_that_read_the_same_numbers_the_stricter_counts():
    x = keras.Input((4,), dtype="int64")
    one, other = layers.Embedding(50, 2)(x), layers.Embedding(3, 2)(x)
    (found,) = values(keras.Model(x, layers.Concatenate()([one, other])))
    assert set(found.ravel().tolist()) == {0, 1, 2}


def test_whole_numbers_that_no_layer_bounds_are_0_or_1():
    x = keras.Input((4,), dtype="int32")
    model = keras.Model(x, keras.ops.cast(x, "float32") * 2.0)
    assert set(values(model)[0].ravel().tolist()) == {0, 1}


def test_an_encoding_reads_its_classes():
    x = keras.Input((4,), dtype="int32")
    (found,) = values(keras.Model(x, layers.CategoryEncoding(num_tokens=6)(x)))
    assert set(found.ravel().tolist()) == set(range(6))


def test_several_inputs_each_have_their_type_and_size():
    image = keras.Input((8, 8, 3), name="image")
    words = keras.Input((5,), dtype="int32", name="words")
    flag = keras.Input((1,), dtype="bool", name="flag")
    parts = [
        layers.Flatten()(layers.Conv2D(1, 3)(image)),
        layers.Flatten()(layers.Embedding(9, 2)(words)),
        keras.ops.cast(flag, "float32"),
    ]
    model = keras.Model([image, words, flag], layers.Concatenate()(parts))
    found = values(model, batch_size=2)
    assert [x.shape for x in found] == [(2, 8, 8, 3), (2, 5), (2, 1)]
    assert [x.dtype.name for x in found] == ["float32", "int32", "bool"]
    assert found[1].max() < 9
    assert tuple(model(found).shape) == (2, 36 + 10 + 1)


def by_name():
    """A model whose inputs are a dictionary, which Keras keeps in the order of its keys."""
    image = keras.Input((4, 4, 1), name="image")
    inputs = {"words": keras.Input((5,), dtype="int32", name="words"), "image": image}
    parts = [
        layers.Flatten()(inputs["image"]),
        layers.Flatten()(layers.Embedding(9, 2)(inputs["words"])),
    ]
    return keras.Model(inputs, layers.Concatenate()(parts))


def test_a_dictionary_of_inputs_is_called_by_its_names():
    from cnnbench.runtimes import Order, tensorflow
    from tests.support import opening

    model = by_name()
    graph = named(model).as_run(None, 3)
    sizes = [graph.nodes[i].rule.shape[1:] for i in graph.inputs]
    assert sizes == [(4, 4, 1), (5,)]
    case = opening.case(model, sizes, batch_size=3, mode="eager")
    seen, call = [], model.call
    model.call = lambda inputs, *args, **how: seen.append(inputs) or call(inputs, *args, **how)
    tensorflow.prepare(Order(case, model=model)).step()
    (given,) = seen
    assert {name: tuple(x.shape) for name, x in given.items()} == {
        "image": (3, 4, 4, 1),
        "words": (3, 5),
    }


def test_texts_are_texts():
    x = keras.Input((1,), dtype="string")
    vectors = layers.TextVectorization(max_tokens=5, output_sequence_length=4, vocabulary=["a"])
    (found,) = values(keras.Model(x, layers.Embedding(5, 2)(vectors(x))), batch_size=3)
    assert found.shape == (3, 1)
    assert all(isinstance(text, str) and text for text in found.ravel())


# The user's own


@pytest.fixture
def image():
    x = keras.Input((2, 2, 1), name="image")
    return keras.Model(x, layers.Conv2D(1, 1)(x))


@pytest.fixture
def two():
    image = keras.Input((2, 2, 1), name="image")
    words = keras.Input((3,), dtype="int32", name="words")
    parts = [layers.Flatten()(image), layers.Flatten()(layers.Embedding(9, 2)(words))]
    return keras.Model([image, words], layers.Concatenate()(parts))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


IMAGES = np.arange(12.0).reshape(3, 2, 2, 1)
WORDS = np.arange(6).reshape(2, 3)


def test_arrays_of_a_file_are_taken_by_name_and_else_in_their_order(two):
    np.savez("named.npz", words=WORDS, image=IMAGES, more=IMAGES)
    np.savez("ordered.npz", a=IMAGES, b=WORDS)
    for name in ("named.npz", "ordered.npz"):
        image, words = values(two, 2, name)
        np.testing.assert_array_equal(image, IMAGES[:2])
        np.testing.assert_array_equal(words, WORDS)
        assert (image.dtype, words.dtype) == (np.float32, np.int32)


def test_too_few_samples_are_repeated_and_too_many_are_left_out(image):
    np.savez("data.npz", IMAGES)
    (found,) = values(image, 8, "data.npz")
    np.testing.assert_array_equal(found, IMAGES[[0, 1, 2, 0, 1, 2, 0, 1]])
    (found,) = values(image, 1, "data.npz")
    np.testing.assert_array_equal(found, IMAGES[:1])


def test_a_function_gives_as_many_samples_as_it_is_asked_for(image, two):
    Path("given_data.py").write_text(
        "import numpy as np\n"
        "print('rubbish')\n"
        "def one(batch):\n    return np.full((batch, 2, 2, 1), batch)\n"
        "def several(batch):\n    return [one(batch), np.ones((batch, 3), int)]\n"
        "def by_name(batch):\n    return {'words': np.ones((batch, 3), int), 'image': one(batch)}\n"
        "def raises(batch):\n    raise ValueError('none here')\n"
    )
    np.testing.assert_array_equal(values(image, 4, "given_data:one")[0], np.full((4, 2, 2, 1), 4))
    for name in ("several", "by_name"):
        found, words = values(two, 4, f"given_data:{name}")
        np.testing.assert_array_equal(found, np.full((4, 2, 2, 1), 4))
        np.testing.assert_array_equal(words, np.ones((4, 3)))
    with pytest.raises(TargetError, match=r"^given_data:raises: ValueError: none here$"):
        values(image, 4, "given_data:raises")
    with pytest.raises(TargetError, match=r"^given_data:one must hold 2 arrays \(image, words\); "):
        values(two, 4, "given_data:one")


NAN = np.array([0.0, 1.0, np.nan, 1.0]).reshape(1, 2, 2, 1)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"image": IMAGES}, "must hold 2 arrays (image, words); got 1 (image)"),
        ({}, "must hold 2 arrays (image, words); got 0 (none)"),
        (
            {"image": IMAGES, "worts": WORDS, "more": WORDS},
            "must hold 2 arrays (image, words); got 3 (image, worts, more)",
        ),
        (
            {"image": IMAGES[:, :1], "words": WORDS},
            "image must be of samples of 2x2x1; got an array of 3x1x2x1",
        ),
        (
            {"image": IMAGES[0], "words": WORDS},
            "image must be of samples of 2x2x1; got an array of 2x2x1",
        ),
        (
            {"image": IMAGES[:0], "words": WORDS},
            "image must be of samples of 2x2x1; got an array of 0x2x2x1",
        ),
        (
            {"image": np.float64(3), "words": WORDS},
            "image must be of samples of 2x2x1; got an array of one value",
        ),
        (
            {"image": NAN, "words": WORDS},
            "image has values that are not finite numbers (NaN or infinity)",
        ),
        (
            {"image": IMAGES + np.inf, "words": WORDS},
            "image has values that are not finite numbers (NaN or infinity)",
        ),
        (
            {"image": IMAGES, "words": WORDS / 2},
            "words must be whole numbers (int32); got float64",
        ),
        (
            {"image": IMAGES.astype(str), "words": WORDS},
            "image must be of type float32; got <U32",
        ),
        (
            {"image": IMAGES + 1j, "words": WORDS},
            "image must be of type float32; got complex128",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(two, arrays, message):
    np.savez("data.npz", **arrays)
    with pytest.raises(TargetError) as caught:
        values(two, 2, "data.npz")
    assert str(caught.value).removeprefix("data.npz").lstrip(": ") == message


def test_a_file_that_is_no_npz_is_refused(image):
    with pytest.raises(TargetError, match=r"^cannot read gone\.npz: No such file or directory$"):
        values(image, 1, "gone.npz")
    Path("bad.npz").write_bytes(b"rubbish")
    with pytest.raises(TargetError, match=r"^bad\.npz is not an \.npz file"):
        values(image, 1, "bad.npz")
    Path("cut.npz").write_bytes(b"PK\x03\x04rubbish")
    with pytest.raises(TargetError, match=r"^cut\.npz is not an \.npz file of plain arrays: Bad"):
        values(image, 1, "cut.npz")
    np.save("one.npy", IMAGES)
    Path("one.npy").rename("one.npz")
    with pytest.raises(TargetError, match=r"^one\.npz is not an \.npz file"):
        values(image, 1, "one.npz")
    Path("folder.npz").mkdir()
    with pytest.raises(TargetError, match=r"^cannot read folder\.npz: Is a directory$"):
        values(image, 1, "folder.npz")
    np.savez("objects.npz", np.array([{}], object))
    with pytest.raises(TargetError, match=r"^objects\.npz is not an \.npz file of plain arrays"):
        values(image, 1, "objects.npz")


# Channels first


@pytest.mark.parametrize(
    ("target", "given", "right"),
    [
        ("vgg_block", (3, 224, 224), "224x224x3"),
        ("resnet50", (3, 224, 224), "224x224x3"),
        ("resnet50", (3, 128, 96), "128x96x3"),
        ("vgg_block", (1, 28, 28), "28x28x1"),
        ("vgg_block", (4, 64, 64), "64x64x4"),
        ("MobileNet", (3, 224, 224), "224x224x3"),
    ],
)
def test_sizes_with_their_channels_first_are_refused_with_the_right_order(target, given, right):
    wrong = "x".join(map(str, given))
    with pytest.raises(ShapeError, match=rf"; got {wrong}: did you mean {right}\?$"):
        Network(target).as_run([given])
    with pytest.raises(ShapeError, match=rf"; got {wrong}: did you mean {right}\?$"):
        Network(target).trace([given])


def open_size(first=False):
    """A network of images of any size, of three channels."""
    order = "channels_first" if first else "channels_last"
    x = keras.Input((3, None, None) if first else (None, None, 3))
    return keras.Model(x, layers.ZeroPadding2D(1, data_format=order)(x), name="mine")


def test_a_model_of_keras_refuses_sizes_with_their_channels_first():
    with pytest.raises(ShapeError, match=r"mine takes height x width x channels, like \?x\?x3; "):
        named(open_size()).trace([(3, 32, 48)])
    with pytest.raises(ShapeError, match=r"got 3x32x48: did you mean 32x48x3\?$"):
        named(open_size()).as_run([(3, 32, 48)])


def test_a_model_with_its_channels_first_takes_them_there():
    model = named(open_size(first=True))
    assert model.as_run([(3, 32, 48)]).nodes[1].rule.shape == (1, 3, 34, 50)
    with pytest.raises(ShapeError):
        model.as_run([(32, 48, 3)])


@pytest.mark.parametrize("given", [(3, 3, 3), (4, 4, 1), (1, 4, 4), (3, 7, 512), (3, 5, 3)])
def test_small_and_odd_images_are_what_they_say(given):
    # Rows of an image may be few: one, three or four of them are no sign of channels.
    x = keras.Input((None, None, given[-1]))
    model = keras.Model(x, layers.Activation("relu")(x), name="mine")
    assert named(model).as_run([given]).nodes[1].rule.shape == (1, *given)
    graph = Network("vgg_block", {"n_conv": 1}).trace([given]) if min(given[:2]) > 1 else None
    assert graph is None or graph.nodes[0].rule.shape == (1, *given)
