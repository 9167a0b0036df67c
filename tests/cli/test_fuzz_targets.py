"""Fifteen hundred malformed files, functions and models of Keras: one line, exit status 2.

Each case follows from its number alone, and a failure prints the command and what was in the
file. Of what is right among them Keras must count the same weights and shapes.
"""

import builtins
import json
import random
import sys
import zipfile
from pathlib import Path

import pytest

from cnnbench.networks.applications import SIZES
from tests.support.fuzz import Command, changed, check, elsewhere, inside, run

__all__ = ["elsewhere"]
pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("elsewhere")]

# `.keras` files

CLASSES = (
    *("Dense", "Conv2D", "LSTM", "InputLayer", "Lambda", "Add", "Functional", "Sequential", "Dot"),
    *("Flatten", "RNN", "Model", "Layer", "Wrapper", "Bidirectional", "Normalization", "JaxLayer"),
    *("StringLookup", "TFSMLayer", "function", "__lambda__", "__tensor__", "os", "builtins>eval"),
    *("keras.layers", "keras.src.layers.core.dense", "keras.activations", "no.such", "Custom>Mine"),
)


@pytest.fixture(scope="module")
def configs():
    """What Keras saves of eight small models, without what it was built with."""
    keras = pytest.importorskip("keras")
    keras.utils.clear_session(free_memory=False)
    layers, ops = keras.layers, keras.ops

    def functional():
        x = keras.Input((8, 8, 3))
        y = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
        y = layers.MaxPooling2D(2)(layers.BatchNormalization()(y))
        return keras.Model(x, layers.Dense(3, activation="softmax")(layers.Flatten()(y)))

    def sequential():
        body = layers.Conv2D(2, 3), layers.Dropout(0.5), layers.GlobalAveragePooling2D()
        return keras.Sequential([keras.Input((6, 6, 1)), *body, layers.Dense(2)])

    def nested():
        x = keras.Input((8, 8, 4))
        inner = keras.Model(x, layers.DepthwiseConv2D(3, padding="same")(x), name="inner")
        x = keras.Input((8, 8, 4))
        return keras.Model(x, layers.Add()([inner(x), inner(inner(x))]))

    def several():
        x, vector = keras.Input((4, 4, 2), name="image"), keras.Input((3,), name="vector")
        y = layers.Concatenate()([layers.GlobalMaxPooling2D()(x), vector])
        return keras.Model([x, vector], [y, layers.UpSampling2D(2)(x)])

    def sequence():
        x = keras.Input((5, 6))
        y = layers.LSTM(4, return_sequences=True)(x)
        y = layers.Bidirectional(layers.GRU(3, return_sequences=True))(y)
        return keras.Model(x, layers.MultiHeadAttention(2, 4)(y, y))

    def text():
        x = keras.Input((9,))
        y = layers.LayerNormalization()(layers.Embedding(20, 8)(x))
        y = layers.Conv1D(4, 3, padding="causal", dilation_rate=2)(y)
        return keras.Model(x, layers.TimeDistributed(layers.Dense(2, activation="gelu"))(y))

    def operations():
        x = keras.Input((8, 8, 2))
        y = layers.ZeroPadding2D(((1, 0), (0, 2)))(layers.Conv2DTranspose(3, 2, strides=2)(x))
        y = layers.Permute((2, 1))(layers.Reshape((-1, 3))(layers.Cropping2D(1)(y)))
        return keras.Model(x, layers.Activation("elu")(ops.mean(y, axis=-1) * 2.0))

    def others():
        x = keras.Input((8, 8, 2))
        y = layers.SeparableConv2D(4, 3, activation=layers.LeakyReLU())(layers.Resizing(4, 4)(x))
        y = layers.GroupNormalization(2)(layers.PReLU(shared_axes=[1, 2])(y))
        return keras.Model(x, layers.AdaptiveAveragePooling2D((2, 1))(y))

    makers = functional, sequential, nested, several, sequence, text, operations, others
    saved = [keras.saving.serialize_keras_object(make()) for make in makers]
    return [json.dumps(_unbuilt(config)) for config in saved]


def _unbuilt(tree):
    """Without the shapes that weights were made for, which layers work out again."""
    if isinstance(tree, dict):
        return {key: _unbuilt(value) for key, value in tree.items() if key != "build_config"}
    return [*map(_unbuilt, tree)] if isinstance(tree, list) else tree


def saved(rng: random.Random, config: str | bytes) -> str:
    """A `.keras` file of a configuration."""
    name = f"{rng.randrange(10**9)}.keras"
    with zipfile.ZipFile(name, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as file:
        file.writestr("metadata.json", "{}")
        file.writestr("config.json", config)
    return name


@pytest.mark.parametrize("chunk", range(14))
def test_configurations(configs, chunk):
    def of_config(rng):
        config, done = changed(rng, rng.choice(configs), CLASSES)
        return Command(("analyze", saved(rng, config), "--format", "json"), None, config, done)

    check(of_config(random.Random(f"configurations {chunk} {number}")) for number in range(50))


@pytest.mark.parametrize("chunk", range(3))
def test_bytes(configs, chunk):
    def of_bytes(rng):
        path = Path(saved(rng, rng.choice(configs)))
        data = bytearray(path.read_bytes())
        match rng.randrange(9):
            case 0:
                data = data[: rng.randrange(len(data))]
            case 1:
                data = data[rng.randrange(len(data) // 2, len(data)) :]
            case 2:  # its size when it is unpacked, in the directory at the end
                start = data.rindex(b"config.json") - 46 + 24
                data[start : start + 4] = b"\xff\xff\xff\x7f"
            case 3:
                data = bytearray(rng.randbytes(rng.choice((0, 1, 22, 999))))
            case 4:
                others = b"\xff\xfe{}", b"", b"[]", b"{" * 99999, b"[" * 99999, b"NaN", b'"x"'
                data = bytearray(Path(saved(rng, rng.choice(others))).read_bytes())
            case 5:
                with zipfile.ZipFile(path, "w") as file:
                    file.writestr(rng.choice(("Config.json", "a/config.json", "model.h5")), "{}")
                data = bytearray(path.read_bytes())
            case 6:
                path.unlink()
                path.mkdir()
                inner = path / rng.choice(("config.json", "saved_model.pb"))
                inner.write_bytes(rng.randbytes(99))
                return Command(("analyze", str(path)), False, "", "a folder")
            case 7:
                path = path.with_suffix(".h5")
                data = bytearray(b"\x89HDF\r\n\x1a\n" * rng.randrange(2) + rng.randbytes(99))
            case _:  # whole: options that do not go with a file
                option = rng.choice(("-p units=3", "--no-include-top", "--input 8", "--dtype int7"))
                return Command(("analyze", str(path), *option.split()))
        path.write_bytes(data)
        return Command(("analyze", str(path)), False, "", f"{len(data)} bytes")

    check(of_bytes(random.Random(f"bytes {chunk} {number}")) for number in range(50))


def test_a_file_that_unpacks_to_100_megabytes_is_not_unpacked():
    with (
        zipfile.ZipFile("bomb.keras", "w", zipfile.ZIP_DEFLATED) as file,
        file.open("config.json", "w") as config,
    ):
        for _ in range(100):
            config.write(bytes(10**6))
    assert run(["analyze", "bomb.keras"])[2] == (
        "cnnbench: bomb.keras: its configuration is of 95.4 MiB, and at most 64.0 MiB are read; "
        "give a function that makes the model, as package.module:name\n"  # 10**8 / 2**20
    )


def unsafe(module, name, config, registered=None):
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


COMMAND = "touch executed"
CODE = "open('executed', 'w')"
UNSAFE = (
    *(unsafe(module, "system", {"command": COMMAND}) for module in ("os", "posix", "nt")),
    *(unsafe("subprocess", name, {"args": COMMAND, "shell": True}) for name in ("Popen", "run")),
    *(unsafe("builtins", name, {"source": CODE}) for name in ("eval", "exec", "__import__")),
    *(unsafe("builtins", "function", name, name) for name in ("eval", "exec", "print")),
    *(unsafe(None, "Dense", {}, f"{name}>system") for name in ("os", "builtins", "keras")),
    unsafe("os", "function", "system", "system"),
    unsafe("evil", "Layer", {}),
    unsafe("evil.sub", "Layer", {}, "Custom>Layer"),
    unsafe("keras.src.evil", "Layer", {}),
    unsafe("keras.config", "function", "enable_unsafe_deserialization", "f"),
    unsafe("keras.src.saving.serialization_lib", "function", "enable_unsafe_deserialization", "f"),
    unsafe("keras.utils", "function", "get_file", "get_file"),
    unsafe("keras.layers", "TFSMLayer", {"filepath": "evil"}),
    unsafe("keras.layers", "StringLookup", {"vocabulary": "evil.py"}),
    unsafe("keras.layers", "TextVectorization", {"vocabulary": "evil.py"}),
    unsafe("keras.layers", "TorchModuleWrapper", {"module": unsafe("os", "system", COMMAND)}),
    unsafe("keras.layers", "Lambda", {"function": unsafe("os", "function", "system")}),
    unsafe("keras.layers", "Lambda", {"function": {"class_name": "__lambda__", "config": {}}}),
)


@pytest.fixture(scope="module")
def with_code(configs, tmp_path_factory):
    """What Keras saves of a model with code that writes a file, and of that layer alone."""
    import keras

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("keras"))  # where it writes when the model is made
        layer = keras.layers.Lambda(lambda x: (open("executed", "w"), x)[1])  # noqa: SIM115
        model = keras.Sequential([keras.Input((4,)), layer])
    return [keras.saving.serialize_keras_object(thing) for thing in (model, layer)]


def put_into(rng: random.Random, config: str, change: dict) -> str:
    """A configuration with something else in the place of one of its layers or of their parts."""
    tree = json.loads(config)
    objects = [(h, k) for h, k in inside(tree) if isinstance(h[k], dict) and "module" in h[k]]
    layers = [(h, k) for h, k in objects if "inbound_nodes" in h[k]] or objects
    holder, key = rng.choice(rng.choice((objects, layers)))
    before = holder[key]
    holder[key] = {**before, **change}  # still where the calls of the layer say
    if isinstance(change["config"], dict):
        holder[key]["config"] = {**change["config"], "name": before.get("name", "x")}
    return json.dumps(tree)


@pytest.mark.parametrize("chunk", range(2))
def test_nothing_in_a_file_is_executed(configs, with_code, monkeypatch, chunk):
    from keras.src.saving import serialization_lib

    for name in ("evil.py", "evil/__init__.py", "evil/sub.py"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(f"{CODE}\nimport keras\nclass Layer(keras.layers.Layer): pass")
    monkeypatch.syspath_prepend(str(Path().absolute()))

    def of_unsafe(rng):
        change = rng.choice((*UNSAFE, *with_code))
        if rng.random() < 0.3:
            config = json.dumps(change)
            return Command(("analyze", saved(rng, config)), None, "", config)
        config = put_into(rng, rng.choice(configs), change)
        return Command(("analyze", saved(rng, config)), None, "", config)  # Keras may pass over it

    check(of_unsafe(random.Random(f"unsafe {chunk} {number}")) for number in range(50))
    check(Command(("analyze", saved(random, json.dumps(config))), None) for config in with_code)
    assert not Path("executed").exists()
    assert serialization_lib.in_safe_mode() is not False
    assert "evil" not in sys.modules


# Functions

MODULE = """
import builtins, keras

def dense(units=3):
    x = keras.Input((4,))
    return keras.Model(x, keras.layers.Dense(units)(x))

def needs(a, b):
    return dense(a + b)

def raises(kind="ValueError", text="x"):
    raise getattr(builtins, kind)(text)

def gives(what="None"):
    return eval(what)

def yields():
    yield dense()

def endless(n=0):
    return endless(n + 1)

def speechless():
    class Speechless(BaseException):
        def __str__(self):
            raise self
    raise Speechless

class Untraced(keras.Model):
    def __init__(self, kind="ValueError"):
        super().__init__()
        self.kind = kind

    def call(self, x):
        raise getattr(builtins, self.kind)("of its call")

class NoModel:
    def __getattr__(self, name):
        raise LookupError(name)

def __getattr__(name):
    if name == "strange":
        raise RuntimeError("strange")
    raise AttributeError(f"no {name}")

layer, number, text, none, instance = keras.layers.Dense(3), 3, "dense", None, NoModel()
"""
RAISED = sorted(
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type)
    and issubclass(kind, BaseException)
    and not issubclass(kind, KeyboardInterrupt)
)
MESSAGES = ("", "x", "a\nb", "\x1b[31mred", "é\u202e", "x" * 5000, "\udc80", "{0} %s")
GIVEN = (
    *("int(3)", "list()", "[dense() for _ in (1, 2)]", "dict(a=dense())", "(x for x in ())"),
    *("dense", "keras", "keras.Model", "str(2) * 5000", "keras.Input((3,))", "nothing", "1 +"),
)
ATTRIBUTES = (
    *("absent", "layer", "number", "text", "none", "instance", "strange", "keras", "NoModel"),
    *("", ".", "dense.", ".dense", "dense()", "dense:dense", "__name__", "__dict__", "dense.units"),
    *("dense.__globals__", "needs", "yields", "endless", "speechless", "de nse", "é", "x" * 5000),
)
MODULES = (
    *("", "no_such", "mine.py", "./mine", "../mine", "mine/mine", ".mine", "mine.", "mine.sub"),
    *("C:\\mine", "http", "é", "x" * 5000, "a\nb", "os.path.x", "class", "keras.no", "1mine"),
)
BROKEN = (
    *("def f(:", "f =", "import no_such", "from mine import nothing", "1 / 0", "\x00", "f = \\"),
    *("raise SystemExit", "raise SystemExit('use it so')", "import sys; sys.exit(0)", "exit(3)"),
    *("def f(): return f()\nf()", "class E(BaseException): pass\nraise E('x')", "(" * 300, ""),
    *("assert False, 'a\\nb'", "import {0}", "from {0} import f", "raise Exception('x' * 5000)"),
    *("# coding: nonsense\nf = 3", "f = 'é'\n", "\tf = 3\n  g = 4", "async def f(): x"),
)


def of_functions(rng: random.Random) -> Command:
    """A function that does not give a model, or what is no function at all."""
    word = rng.choice(MESSAGES)
    match rng.randrange(8):
        case 0 | 1:
            kind = rng.choice(RAISED)
            return Command(("analyze", "mine:raises", "-p", f"kind={kind}", "-p", f"text={word}"))
        case 2:
            return Command(("analyze", "mine:gives", "-p", f"what={rng.choice(GIVEN)}"))
        case 3:
            return Command(("analyze", f"mine:{rng.choice(ATTRIBUTES)}"))
        case 4:
            name = rng.choice(MODULES)
            return Command(("analyze", f"{name}:{rng.choice(('dense', 'f', ''))}"))
        case 5:
            name = f"mine{rng.randrange(10**9)}"
            text = rng.choice(BROKEN).replace("{0}", name)
            Path(f"{name}.py").write_bytes(text.encode(rng.choice(("utf-8", "latin-1", "utf-16"))))
            return Command(("analyze", f"{name}:f"), False, "", text)
        case 6:
            kind = ("-p", f"kind={rng.choice(RAISED)}")
            return Command(
                ("analyze", "mine:Untraced", *kind[: rng.choice((0, 2))], "--input", "4")
            )
        case _:
            params = ("", "=", "units", "nits=3", "units=x", "units=-3", "units=None", "units=1.5")
            function = rng.choice(("dense", "needs", "yields", "NoModel"))
            param = rng.choice((*params, "a=1", "self=3", "x" * 5000 + "=3"))
            return Command(("analyze", f"mine:{function}", "-p", param))


@pytest.mark.parametrize("chunk", range(6))
def test_functions(monkeypatch, chunk):
    Path("mine.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(Path().absolute()))
    sys.modules.pop("mine", None)
    check(of_functions(random.Random(f"functions {chunk} {number}")) for number in range(50))
    for name in {name for name in sys.modules if name.startswith("mine")}:
        del sys.modules[name]


# keras.applications

QUICK = ("MobileNet", "VGG16")
"""Which are built in a tenth of a second, where something is refused only then."""
SHAPES = ("8", "8x8", "8x8x3x3", "32x32x3,32x32x3", "0x32x3", "-1", "x", ",", "1x1x3", "31x31x3")
LATE = {
    "alpha": ("0", "-1", "None", "x", "[]", "1e300", "nan"),
    "classes": ("0", "-3", "1.5", "x", "[]", "{1: 2}", "None", "nan"),
    "classifier_activation": ("x", "3", "[1]", "{1: 2}", "lambda"),
    "name": ("3", "a/b", "[]"),
}
EARLY = {
    "depth": ("3", "x"),
    "weights": ("imagenet", "None", "x.h5", "/etc/passwd"),
    "include_top": ("maybe", "1", "None"),
    "input_shape": ("(32, 32, 3)", "3"),
    "input_tensor": ("3", "None"),
    "units": ("3",),
    "": ("3", ""),
    "__class__": ("3",),
}


def of_applications(rng: random.Random) -> Command:
    """A model of Keras with a size or an argument that it does not take."""
    how = rng.choice(("size", "early", "early", "late", "name"))
    name = rng.choice(QUICK if how in ("size", "late") else [*SIZES])
    argv = ["analyze", rng.choice((name, f"keras.applications.{name}"))]
    if how == "size":
        argv += ["--input", rng.choice(SHAPES)]
    elif how == "name":
        argv[1] = rng.choice(
            (f"{name}x", f"keras.application.{name}", f"{name}:{name}", f" {name}")
        )
        argv += ["--no-include-top"]
    else:
        params = {"early": EARLY, "late": LATE}[how]
        param = rng.choice([*params])
        argv += ["-p", f"{param}={rng.choice(params[param])}", "--input", "32x32x3"]
    return Command(tuple(argv))


@pytest.mark.parametrize("chunk", range(4))
def test_applications(chunk):
    check(of_applications(random.Random(f"applications {chunk} {number}")) for number in range(50))
