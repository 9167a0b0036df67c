"""The ceilings of this machine: probes on the fake runtime, whose times are known; their cache."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

import cnnbench
from cnnbench import blocks, paths
from cnnbench.cases.case import Case
from cnnbench.host.ceiling import Ceiling
from cnnbench.machine import probing
from cnnbench.reporting.runs.sections import roofline
from cnnbench.reporting.tables import of_items
from cnnbench.runner import session
from cnnbench.runner.loop import Progress
from cnnbench.runs import result, store
from cnnbench.runs.store import Measurement
from tests.support import synthetic


@pytest.fixture(autouse=True)
def home(undrawn, tmp_path, monkeypatch):
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path / "home"))


@pytest.fixture
def not_again(monkeypatch):
    """Measuring is an error from now on."""

    def start(runtime):
        raise AssertionError("measured again")

    return lambda: monkeypatch.setattr(session, "start", start)


def find(dtype="float32", threads=None):
    return probing.find("fake", "cpu", dtype, threads, Progress())


def test_the_ceilings_of_the_fake_follow_from_its_formula():
    ceiling = find()[0]
    # 20 us, 10 us for the one layer, 1 ns per 100 FLOPs; calls differ by 1 %, launches by 3 %
    # (standard deviations), so that 15 % are five of these.
    # The matrix product: 2 * 2048**3 FLOPs are 17.18 G in 171.8 ms: 99.98 GFLOP/s.
    assert ceiling.flops_per_s == pytest.approx(99.98e9, rel=0.15)
    # ReLU on 1024*1024*64 values of 4 bytes, read and written: 536.9 MB. One operation each,
    # 67.1 M, takes 671 us, and 30 us more: 765.8 GB/s.
    assert ceiling.bytes_per_s == pytest.approx(765.8e9, rel=0.15)
    assert [probe.flops for probe in ceiling.probes if "matmul" in probe.case] == [2 * 2048**3]
    assert [probe.moved_bytes for probe in ceiling.probes if "copy" in probe.case] == [2**29]


def test_ceilings_are_measured_once(not_again):
    first = find()
    not_again()
    assert find() == first
    with pytest.raises(AssertionError, match="measured again"):
        find("float16")
    with pytest.raises(AssertionError, match="measured again"):
        find(threads=1)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"name": 3}', "\0", '"x"'])
def test_a_cache_that_cannot_be_read_is_measured_again(text):
    first = find()
    (file,) = paths.cache_dir().iterdir()
    kept = file.read_text()
    file.write_text(text)
    assert find()[0].key == first[0].key
    assert json.loads(file.read_text()).keys() == json.loads(kept).keys()


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_a_peak_that_cannot_be_is_measured_again(wrong):
    first = find()[0]
    (file,) = paths.cache_dir().iterdir()
    file.write_text(json.dumps(first.to_json() | {"bytes_per_s": wrong}))
    assert find()[0].bytes_per_s > 0


def test_a_cache_of_something_else_is_measured_again():
    first = find()[0]
    (file,) = paths.cache_dir().iterdir()
    other = replace(first, key=first.key | {"host": "another"}, flops_per_s=1.0)
    file.write_text(json.dumps(other.to_json()))
    assert find()[0].flops_per_s > 1


def test_ceilings_that_cannot_be_kept_are_used(tmp_path):
    (tmp_path / "home").write_text("a file where the folder should be")
    ceiling, note = find()
    assert ceiling.flops_per_s > 0
    assert "the ceilings cannot be kept in " in note


def launch(target, seconds, number=0):
    """Ten calls of one length."""
    case = Case(target, blocks.get(target).input_shape)
    return Measurement(case, number, outcome="ok", samples_ns=(int(seconds * 1e9),) * 10)


def test_a_peak_is_the_best_of_probes_and_launches():
    key = {"host": "h", "cpu": "c", "device": "gpu", "gpus": ["g"], "dtype": "float32"}
    key |= {"runtime": "r"}
    ceiling = probing.measured(
        [
            launch("probe_matmul", 1.0),  # 2 * 2048 * 2048 = 8.39 MFLOPs
            launch("probe_matmul", 0.5, 1),  # 16.8 MFLOP/s, the best
            launch("probe_convolution", 100.0),  # 2 * 56*56*128*128*9 = 925 MFLOPs: 9.25 MFLOP/s
            launch("probe_copy", 2.0),  # 512 MiB: 256 MiB/s
        ],
        key | {"threads": 2},
    )
    assert ceiling.flops_per_s == pytest.approx(2 * 2048**2 / 0.5)
    assert ceiling.bytes_per_s == 2**28
    assert ceiling.cache_bytes is None  # of a GPU
    assert ceiling.name == "h, g"


def test_the_ceilings_of_a_gpu_are_kept_for_that_gpu(monkeypatch):
    measured = []

    def on(name, seconds):
        def measure(*_, **__):
            measured.append(name)
            return SimpleNamespace(
                measurements=[launch(f"probe_{what}", seconds) for what in ("matmul", "copy")]
            )

        devices = {"cpu": "c", "gpu:0": "other", "gpu:1": name}
        started = SimpleNamespace(devices=lambda _: devices, measure=measure)
        monkeypatch.setattr(session, "start", lambda runtime: started)
        return probing.find("fake", "gpu:1", "float32", None, Progress())[0]

    first, other = on("A", 1.0), on("B", 0.1)
    assert (first.key["gpus"], other.key["gpus"]) == (["A"], ["B"])
    assert other.flops_per_s == pytest.approx(10 * first.flops_per_s)
    assert on("A", 0.1) == first
    assert measured == ["A", "B"]


def test_measured_again_the_better_counts():
    first = find()[0]
    slow = [launch("probe_matmul", 99.0), launch("probe_convolution", 99.0)]
    assert probing.measured(slow, first.key, first.probes).flops_per_s == first.flops_per_s
    quick = probing.measured([launch("probe_copy", 1e-4)], first.key, first.probes)
    assert quick.bytes_per_s == 2**29 / 1e-4
    again = probing.find("fake", "cpu", "float32", None, Progress(), again=True)[0]
    assert again.flops_per_s >= first.flops_per_s
    assert find()[0] == again


def test_without_a_probe_of_each_kind_there_is_no_ceiling():
    failed = Measurement(
        Case("probe_copy", (8, 8, 8)), 0, outcome="out-of-memory", detail="no room"
    )
    assert probing.measured([launch("probe_matmul", 1.0), failed], {}) is None
    assert probing.measured([], {}) is None


def test_probes_are_no_part_of_the_catalogue():
    assert not [name for name in blocks.catalogue() if name.startswith("probe")]
    assert blocks.get("probe_copy").kind == "probe"
    with pytest.raises(cnnbench.CnnbenchError, match="unknown target 'probe_copy'"):
        cnnbench.analyze("probe_copy")


# Stored with a run

SUITE = """
launches = 2
time_budget = 5
[[block]]
name = "narrow"
target = "vgg_block"
params = { n_filters = 4 }
inputs = ["8x8x3"]
"""


def run(folder, **options):
    (folder / "mine.toml").write_text(SUITE)
    return cnnbench.run(
        str(folder / "mine.toml"), out=folder / "run", runtime="fake", launches=2, **options
    )


def test_a_run_holds_the_ceilings_that_its_report_uses(tmp_path):
    finished = run(tmp_path)
    stored = store.read(finished.folder)
    assert stored.bad_lines == ()
    (ceiling,) = stored.ceilings
    assert ceiling == find()[0]
    page = finished.page.read_text()
    assert "](roofline.png)" in page
    assert (finished.folder / "roofline.png").exists()


def test_a_run_without_ceilings_has_no_roofline(tmp_path):
    finished = run(tmp_path, ceilings=False)
    assert store.read(finished.folder).ceilings == ()
    assert "](roofline.png)" not in finished.page.read_text()
    assert not paths.cache_dir().exists()


def test_a_run_that_is_stopped_among_the_ceilings_can_be_continued(tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(probing, "of_cases", stopped)
        ending = run(tmp_path).ending
    assert (ending.reason, ending.measured, ending.remaining) == ("interrupted", 0, 2)
    again = cnnbench.run(str(tmp_path / "mine.toml"), out=tmp_path / "run", resume=True)
    assert again.ending.reason == "done"
    assert len(store.read(again.folder).ceilings) == 1


def test_a_continued_run_keeps_the_ceilings_that_it_has(tmp_path, not_again):
    run(tmp_path)
    again = cnnbench.run(str(tmp_path / "mine.toml"), out=tmp_path / "run", resume=True)
    assert len(store.read(again.folder).ceilings) == 1


def test_a_stored_ceiling_that_cannot_be_is_a_bad_line(tmp_path):
    plan = synthetic.plan(launches=1)
    synthetic.write(tmp_path, replace(plan, cases=plan.cases[:1]))
    ceiling = find()[0].to_json() | {"flops_per_s": 0}
    with store.resume(tmp_path) as file:
        file.append("ceilings", ceiling)
    stored = store.read(tmp_path)
    assert stored.ceilings == ()
    assert "a rate must be positive and finite; got 0" in stored.bad_lines[0]


@pytest.fixture(scope="module")
def timed(tmp_path_factory):
    """VGG blocks of the tutorial on the fake: 100 GFLOP/s, less what a call and a layer cost."""
    plan = synthetic.plan()
    folder = tmp_path_factory.mktemp("run")
    synthetic.write(folder, replace(plan, cases=plan.cases[:3], comparisons=()))
    return result.results(store.read(folder))[0]


def on(timed, peak):
    ceiling = Ceiling("machine", "cpu", "float32", peak, 1e15)
    return roofline.points(timed, ceiling), ceiling


@pytest.mark.parametrize(
    ("peak", "flags"),
    [
        (200e9, []),
        # A peak of 60 is passed by a fast convolution, whose multiplications are 5 times fewer.
        (60e9, ["suspicious: VGG block"] * 3),
        # 10 is not.
        (10e9, ["impossible: VGG block"] * 3),
    ],
)
def test_the_page_names_times_that_are_too_short(timed, peak, flags):
    lines = roofline.flagged(on(timed, peak)[0])
    assert [line.replace("**", "").partition(" 32x")[0][:21] for line in lines] == flags


def test_the_page_has_the_share_of_the_least_time(timed):
    # VGG block at 32x32x3: 79,347,712 FLOPs (3x3x3x64 and 3x3x64x64 taps on 1024 positions, two
    # each; 131,072 biases and as many ReLUs; 3 * 16,384 for the pool) at 200 GFLOP/s are 397 us;
    # measured are 793.5 + 20 + 30 us, times the drift of the launches: 47 %.
    points, _ = on(timed, 200e9)
    name, *_, least, share, verdict = of_items(points, roofline.COLUMNS)[1][0]
    assert name == "VGG block 32x32x3"
    assert least == "397 us"
    assert float(share.split()[0]) == pytest.approx(47, abs=3)
    assert verdict == "plausible"


def test_a_ceiling_is_for_its_device_and_type_and_for_forward_passes(timed):
    def placed(**other):
        return roofline.points(
            [replace(r, case=replace(r.case, **other)) for r in timed], on(timed, 1e9)[1]
        )

    assert len(placed(mode="xla")) == 3
    assert placed(device="gpu") == placed(dtype="float16") == placed(mode="train") == []
