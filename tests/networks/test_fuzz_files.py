"""Files of models from strangers: each is analysed, or refused in one line, and runs nothing.

What `tests/cli/test_fuzz_targets.py` does with configurations is done here with the files around
them, of every kind that is read.
"""

import io
import json
import os
import random
import stat
import zipfile
from pathlib import Path

import h5py
import pytest

from cnnbench import networks
from cnnbench.errors import TargetError
from cnnbench.networks import stored
from tests.support.hostile import CHUNKS, COUNT, spoilt, spoilt_bytes, well_ended

CONFIG = stored.application("MobileNet")
CONFIG = {key: CONFIG[key] for key in CONFIG if key != "without_top"}


def small():
    """Its first layers alone."""
    config = json.loads(json.dumps(CONFIG))
    config["config"]["layers"] = config["config"]["layers"][:6]
    last = config["config"]["layers"][-1]["config"]["name"]
    config["config"]["output_layers"] = [[last, 0, 0]]
    return config


def as_json(tree):
    return json.dumps(tree).encode()


def as_zip(dice, text):
    """An archive with a configuration, and perhaps with more than Keras puts into it."""
    out = io.BytesIO()
    kind = dice.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(out, "w", kind) as archive:
        archive.writestr("metadata.json", "{}")
        match dice.randrange(8):
            case 0:
                link = zipfile.ZipInfo("config.json")
                link.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(link, "/etc/passwd")
            case 1:
                archive.writestr("config.json", text)
                archive.writestr(
                    dice.choice(("../escaped", "/tmp/escaped", "a/../../escaped")), "x"
                )
            case 2:
                archive.writestr("config.json", b" " * (stored.LARGEST + 1))
            case 3:
                archive.writestr("config.json", b"[" * dice.choice((300, 10_000, 100_000)))
            case _:
                archive.writestr("config.json", text)
    found = bytearray(out.getvalue())
    match dice.randrange(6):
        case 0:  # the checksum, in the directory at the end
            start = found.rindex(b"config.json") - 46 + 16
            found[start : start + 4] = dice.randbytes(4)
        case 1:  # its declared sizes there
            start = found.rindex(b"config.json") - 46 + 20
            found[start : start + 8] = dice.choice((b"\xff\xff\xff\x7f", b"\0\0\0\0")) * 2
        case 2:
            found = bytearray(spoilt_bytes(dice, bytes(found)))
    return bytes(found)


def as_h5(path, text, dice):
    """A file of Keras 2 with a configuration."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = dice.choice((text, text.decode("utf-8", "replace")))
        file.create_group("model_weights")
    if dice.random() < 0.5:
        path.write_bytes(spoilt_bytes(dice, path.read_bytes()))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("suffix", [".json", ".keras", ".h5"])
def test_a_file_that_somebody_changed_is_read_or_refused(suffix, chunk, monkeypatch):
    monkeypatch.setattr(stored, "H5_LIMIT_S", 5.0)
    path, tree, read = Path(f"x{suffix}"), small(), 0
    for number in range(COUNT // CHUNKS):
        dice = random.Random(f"files {suffix} {chunk} {number}")
        text = spoilt(dice, tree, as_json) if dice.random() < 0.7 else as_json(tree)
        with well_ended(text):
            if suffix == ".json":
                path.write_bytes(text)
            elif suffix == ".keras":
                path.write_bytes(as_zip(dice, text))
            else:
                as_h5(path, text[:60_000].replace(b"\0", b""), dice)
        with well_ended(text):
            network = networks.Network(str(path))
            graph = network.on_paper(None)
            read += graph is not None
            network.file_digest()
    assert [found.name for found in Path().iterdir()] == [path.name]
    assert not Path("/tmp/escaped").exists()
    assert read > 0


def test_a_file_with_which_hdf5_never_ends_is_refused(monkeypatch):
    """The library is C, which no signal interrupts; here it is only asked to wait."""
    as_h5(Path("x.h5"), as_json(small()), random.Random(0))
    monkeypatch.setattr(stored, "_H5", "import time; time.sleep(60)")
    monkeypatch.setattr(stored, "H5_LIMIT_S", 0.2)
    with pytest.raises(TargetError, match="HDF5 did not read it within 0 s; write it with"):
        networks.resolve("x.h5")


def test_a_module_of_the_folder_is_not_taken_for_the_library():
    as_h5(Path("x.h5"), as_json(small()), random.Random(0))
    Path("h5py.py").write_text("open('executed', 'w')")
    assert networks.Network("x.h5").on_paper(None)
    assert not Path("executed").exists()


@pytest.mark.parametrize("suffix", [".json", ".keras", ".h5"])
def test_a_pipe_is_no_model(suffix):
    os.mkfifo(f"x{suffix}")
    with pytest.raises(TargetError, match="is a pipe or a device"):
        networks.resolve(f"x{suffix}")
