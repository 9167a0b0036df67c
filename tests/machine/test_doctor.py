"""Findings from kernel files that a test brings, the clock, and the noise floor."""

import json
import math
import os
from types import SimpleNamespace

import psutil
import pytest

from cnnbench import api
from cnnbench.cli import main
from cnnbench.errors import RuntimeMissingError
from cnnbench.host import allowances, environment, hardware
from cnnbench.machine import health
from cnnbench.machine.health import HealthStatus
from cnnbench.runner import session
from cnnbench.runs.result import result
from cnnbench.runs.store import Measurement
from tests.support.stored import ROOM

CPU = "sys/devices/system/cpu"
GROUP = "sys/fs/cgroup"


@pytest.fixture
def tree(tmp_path):
    """Puts files under a root of their own, by path; returns the root."""

    def put(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")
        return tmp_path

    return put


def found(root, what, cores=4):
    (finding,) = [f for f in health.findings(root, cores) if f.what == what]
    return finding.verdict.value, finding.value


def test_without_any_file_nothing_is_known_and_nothing_breaks(tmp_path):
    unknown = {f.what for f in health.findings(tmp_path, 4) if f.verdict is HealthStatus.UNKNOWN}
    assert unknown == {
        "container's CPU limit",
        "frequency governor",
        "turbo",
        "virtual machine",
        "time given to other guests",
        "transparent huge pages",
    }


def test_files_that_are_folders_or_rubbish_are_as_good_as_none(tmp_path):
    for name in (f"{CPU}/cpu0/cpufreq/scaling_governor", "proc/stat", f"{GROUP}/cpu.max"):
        (tmp_path / name).mkdir(parents=True)
    bad = tmp_path / f"{CPU}/intel_pstate/no_turbo"
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"\xff\xfe")
    (tmp_path / "proc/self").mkdir()
    (tmp_path / "proc/self/cgroup").write_text("::\n0\n:::::\n")
    assert found(tmp_path, "turbo")[0] == "unknown"
    assert found(tmp_path, "time given to other guests")[0] == "unknown"
    assert found(tmp_path, "container's CPU limit") == ("ok", "none")


@pytest.mark.parametrize(
    ("names", "verdict"),
    [
        (["performance", "performance"], ("ok", "performance")),
        (["powersave", "powersave"], ("warn", "powersave")),
        (["performance", "powersave"], ("warn", "performance, powersave")),
    ],
)
def test_governor(tree, names, verdict):
    root = tree({f"{CPU}/cpu{i}/cpufreq/scaling_governor": n for i, n in enumerate(names)})
    assert found(root, "frequency governor") == verdict


@pytest.mark.parametrize(
    ("file", "text", "verdict"),
    [
        ("intel_pstate/no_turbo", "1", ("ok", "off")),
        ("intel_pstate/no_turbo", "0", ("warn", "on")),
        ("cpufreq/boost", "1", ("warn", "on")),
        ("cpufreq/boost", "0", ("ok", "off")),
        ("cpufreq/boost", "", ("unknown", "not readable here")),
    ],
)
def test_turbo(tree, file, text, verdict):
    assert found(tree({f"{CPU}/{file}": text}), "turbo") == verdict


@pytest.mark.parametrize(
    ("text", "threads"), [("0", 1), ("0,4", 2), ("0-1", 2), ("0-3,8-11", 8), ("", None)]
)
def test_hardware_threads_of_a_core(tree, text, threads):
    assert hardware.siblings(tree({f"{CPU}/cpu0/topology/thread_siblings_list": text})) == threads


def test_threads_that_share_a_core_are_named(tree):
    root = tree({f"{CPU}/cpu{i}/topology/thread_siblings_list": "0-1" for i in range(2)})
    (cores,) = [f for f in health.findings(root, 8) if f.what == "cores"]
    assert cores.verdict is HealthStatus.WARN
    assert "--threads 4" in cores.advice


def caches(cpus, kib):
    folder = f"{CPU}/cpu{cpus.split('-')[0]}/cache"
    return {
        f"{folder}/index0/level": 1,
        f"{folder}/index0/type": "Data",
        f"{folder}/index0/size": "32K",
        f"{folder}/index0/shared_cpu_list": cpus[0],
        f"{folder}/index1/level": 9,
        f"{folder}/index1/type": "Instruction",
        f"{folder}/index1/size": "64K",
        f"{folder}/index3/level": 3,
        f"{folder}/index3/type": "Unified",
        f"{folder}/index3/size": f"{kib}K",
        f"{folder}/index3/shared_cpu_list": cpus,
    }


def test_the_last_level_cache_is_of_all_sockets(tree):
    root = tree(caches("0-3", 32768) | caches("4-7", 16384))
    tree({f"{CPU}/cpu1/cache/index3/level": 3, f"{CPU}/cpu1/cache/index3/size": "32768K"})
    tree({f"{CPU}/cpu1/cache/index3/shared_cpu_list": "0-3"})  # the same, seen from another core
    assert hardware.last_level_cache(root) == (32768 + 16384) * 1024


def test_a_cache_that_cannot_be_read_is_not_known(tree):
    root = tree({f"{CPU}/cpu0/cache/index0/level": "1", f"{CPU}/cpu0/cache/index0/size": "?"})
    assert hardware.last_level_cache(root) is None


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"proc/self/cgroup": "0::/", f"{GROUP}/cpu.max": "150000 100000"}, 1.5),
        ({"proc/self/cgroup": "0::/", f"{GROUP}/cpu.max": "max 100000"}, None),
        ({f"{GROUP}/cpu.max": "200000 100000"}, 2),
        # The tightest of the group and those that it is part of.
        (
            {
                "proc/self/cgroup": "0::/a/b",
                f"{GROUP}/a/cpu.max": "50000 100000",
                f"{GROUP}/a/b/cpu.max": "300000 100000",
            },
            0.5,
        ),
        (
            {
                "proc/self/cgroup": "3:memory:/\n4:cpu,cpuacct:/docker/1",
                f"{GROUP}/cpu,cpuacct/docker/1/cpu.cfs_quota_us": "250000",
                f"{GROUP}/cpu,cpuacct/docker/1/cpu.cfs_period_us": "100000",
            },
            2.5,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/",
                f"{GROUP}/cpu/cpu.cfs_quota_us": "-1",
                f"{GROUP}/cpu/cpu.cfs_period_us": "100000",
            },
            None,
        ),
        ({"proc/self/cgroup": "0::/../..", f"{GROUP}/cpu.max": "100000 0"}, None),
    ],
)
def test_cpu_quota(tree, files, quota):
    assert hardware.cpu_quota(tree(files)) == quota


def test_a_quota_below_the_cores_stops_calls(tree):
    root = tree(
        {
            f"{GROUP}/cpu.max": "150000 100000",
            f"{GROUP}/cpu.stat": "nr_periods 10\nnr_throttled 7",
        }
    )
    name = "container's CPU limit"
    assert found(root, name, cores=4) == ("warn", "1.5 cores, stopped 7 times so far")
    assert found(root, name, cores=1)[0] == "ok"


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({f"{GROUP}/memory.max": "max"}, None),
        ({f"{GROUP}/memory.max": "1073741824"}, 2**30),
        ({f"{GROUP}/memory.limit_in_bytes": "9223372036854771712"}, None),
        (
            {
                "proc/self/cgroup": "2:memory:/box",
                f"{GROUP}/memory/memory.limit_in_bytes": "9223372036854771712",
                f"{GROUP}/memory/box/memory.limit_in_bytes": "536870912",
            },
            2**29,
        ),
    ],
)
def test_memory_limit(tree, files, limit):
    assert hardware.memory_limit(tree(files)) == limit


GIB = 2**30


@pytest.mark.parametrize(
    ("files", "room"),
    [
        ({f"{GROUP}/memory.max": "max", f"{GROUP}/memory.current": 6 * GIB}, None),
        ({f"{GROUP}/memory.max": 8 * GIB}, 8 * GIB),
        # 6 of 8 in use, of which 1 is cached files.
        (
            {
                f"{GROUP}/memory.max": 8 * GIB,
                f"{GROUP}/memory.current": 6 * GIB,
                f"{GROUP}/memory.stat": f"anon {5 * GIB}\ninactive_file {GIB}\n",
            },
            3 * GIB,
        ),
        # Our group has 4 of 4 left, the one around it 2 of 10.
        (
            {
                "proc/self/cgroup": "0::/outer/inner",
                f"{GROUP}/outer/inner/memory.max": 4 * GIB,
                f"{GROUP}/outer/memory.max": 10 * GIB,
                f"{GROUP}/outer/memory.current": 8 * GIB,
            },
            2 * GIB,
        ),
        (
            {
                f"{GROUP}/memory/memory.limit_in_bytes": GIB,
                f"{GROUP}/memory/memory.usage_in_bytes": GIB // 4,
                "proc/self/cgroup": "2:memory:/",
            },
            GIB - GIB // 4,
        ),
    ],
)
def test_what_the_control_group_still_allows(tree, files, room):
    assert hardware.memory_room(tree(files)) == room


def test_a_case_is_weighed_against_what_the_control_group_leaves(monkeypatch):
    monkeypatch.setattr(hardware, "memory_room", lambda: 5)
    assert environment.available_memory() == 5
    monkeypatch.setattr(hardware, "memory_room", lambda: None)
    assert environment.available_memory() > 5


def test_a_full_group_is_a_warning(tree):
    files = {f"{GROUP}/memory.max": 64 * GIB, f"{GROUP}/memory.current": 64 * GIB - 1}
    assert found(tree(files), "memory")[0] == "warn"


def test_little_memory_is_a_warning(tree):
    verdict, value = found(tree({f"{GROUP}/memory.max": 2**29}), "memory")
    assert verdict == "warn"
    assert value.endswith("container's limit 512 MiB")


@pytest.mark.parametrize(
    ("flags", "verdict"),
    [("fpu hypervisor avx", ("warn", "yes")), ("fpu avx", ("ok", "no"))],
)
def test_virtual_machine(tree, flags, verdict):
    root = tree({"proc/cpuinfo": f"processor\t: 0\nflags\t\t: {flags}\n"})
    assert found(root, "virtual machine") == verdict


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        # user, nice, system, idle, iowait, irq, softirq, steal: 5 of 90 + 5 + 5
        ("cpu 80 5 5 1000 50 0 5 5 0 0", ("warn", "5 % since the start")),
        ("cpu 90 5 5 1000 50 0 0 0 0 0", ("ok", "0 % since the start")),
        ("cpu 80 5 5 1000 50 0 5 five 0 0", ("unknown", "not readable here")),
        ("cpu 1 2", ("unknown", "not readable here")),
        ("cpu 0 0 0 0 0 0 0 0", ("unknown", "not readable here")),
    ],
)
def test_time_given_to_other_guests(tree, line, verdict):
    assert found(tree({"proc/stat": line}), "time given to other guests") == verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("[always] madvise never", ("warn", "always")),
        ("always [madvise] never", ("ok", "madvise")),
        ("always madvise", ("unknown", "not readable here")),
    ],
)
def test_transparent_huge_pages(tree, text, verdict):
    root = tree({"sys/kernel/mm/transparent_hugepage/enabled": text})
    assert found(root, "transparent huge pages") == verdict


@pytest.mark.parametrize(("load", "verdict"), [(0.7, "ok"), (0.9, "warn")])
def test_load_is_seen_against_the_cores(tmp_path, monkeypatch, load, verdict):
    monkeypatch.setattr(psutil, "getloadavg", lambda: (load, 0, 0))
    assert found(tmp_path, "load (1 min)", cores=4)[0] == verdict  # 0.2 a core: 0.8


def test_swap_and_power(tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, "swap_memory", lambda: SimpleNamespace(total=2**30, used=2**20))
    battery = SimpleNamespace(power_plugged=False)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    assert found(tmp_path, "swap in use") == ("warn", "1.00 MiB of 1.00 GiB")
    assert found(tmp_path, "power") == ("warn", "battery")
    battery.power_plugged = True
    assert found(tmp_path, "power") == ("ok", "mains")
    monkeypatch.delattr(psutil, "sensors_battery")
    assert found(tmp_path, "power") == ("unknown", "not readable here")


def test_every_warning_says_what_to_do(tree):
    root = tree({f"{CPU}/cpufreq/boost": "1", "proc/cpuinfo": "flags : hypervisor"})
    for finding in health.findings(root, 4):
        assert bool(finding.advice) is (finding.verdict is HealthStatus.WARN)


def test_the_step_of_a_clock():
    # A clock that moves by 100 ns every second reading, and is interrupted once.
    now = -1

    def clock():
        nonlocal now
        now += 1
        return now // 2 * 100 + 10**6 * (now > 5500)

    assert health.clock_step(clock) == (100, 50.0)
    assert health.clock_step(lambda: 5) == (0, 0.0)


# The noise floor


def beside(ratios):
    """Launches of a case that took so many times as long as the reference, turn by turn."""
    return result(
        health.CASE,
        health.CASE.paper(),
        [
            Measurement(
                health.CASE,
                launch,
                outcome="ok",
                samples_ns=(9000, *[1000 * ratio] * 8),
                bursts=(2, 2, 2, 2),
                references={"r": (1000.0,) * 4},
            )
            for launch, ratio in enumerate(ratios)
        ],
    )


def test_the_smallest_difference_by_hand():
    # Logs of the ratios -0.02, 0.02, -0.02, 0.02: mean 0, s = sqrt(4 * 0.0004 / 3) = 0.023094.
    found = health.noise(beside(math.exp(x) for x in (-0.02, 0.02, -0.02, 0.02)))
    assert found.launches == 4
    assert found.deviation == pytest.approx(0.023094, rel=1e-4)
    # Student's 97.5 % quantiles, from a table: 2.776 for 4 degrees of freedom, 2.093 for 19; and
    # 1.96 times the 0.5 % that no launch shows.
    for launches, quantile in ((5, 2.776), (20, 2.093)):
        half = math.hypot(quantile * 0.023094 / launches**0.5, 1.96 * 0.005)
        assert found.resolved(launches) == pytest.approx(math.exp(half) - 1, rel=1e-3)


def test_one_launch_says_nothing_of_noise():
    assert health.noise(beside([1.1])) is None
    assert health.noise(beside([])) is None
    assert health.noise(beside([1.1, 1.2])).launches == 2


def test_a_machine_without_noise_resolves_all_but_what_no_launch_shows():
    assert health.noise(beside([1, 1, 1])).resolved(5) == pytest.approx(ROOM - 1)


# The command


def test_doctor_measures_the_noise_of_the_fake(capsys):
    assert main(["doctor", "--runtime", "fake", "--time-budget", "2s", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {f["what"] for f in document["findings"]} >= {"cores", "clock", "memory"}
    # Launches of the fake differ by 3 %, calls by 1 %: pairs by 0.03 * sqrt(2) = 4.2 %.
    assert document["noise"]["deviation"] == pytest.approx(0.042, abs=0.025)
    assert document["noise"]["smallest_difference"]["5"] > 0
    assert document["note"] == ""


def test_from_python():
    found = api.doctor(noise_s=None)
    warnings = [f["what"] for f in found.to_json()["findings"] if f["verdict"] == "warn"]
    assert repr(found) == f"Health({len(found.findings)} findings: {len(warnings)} warnings)"
    assert found.to_json()["noise"] is None
    floor = health.noise(beside([1.1, 1.2]))
    assert repr(floor) == "Noise(residual_module: 6.2 % over 2 launches)"  # ln(12/11) / sqrt(2)


def test_doctor_without_noise_needs_no_runtime(capsys, monkeypatch):
    def start(runtime):
        raise AssertionError("started")

    monkeypatch.setattr(session, "start", start)
    for style in ("table", "markdown"):
        assert main(["doctor", "--no-noise", "--format", style]) == 0
        out = capsys.readouterr().out
        assert "to do" in out
        assert "noise" not in out


def test_a_runtime_that_does_not_start_is_a_note(capsys, monkeypatch):
    def start(runtime):
        raise RuntimeMissingError("no tensorflow here")

    monkeypatch.setattr(session, "start", start)
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out.endswith("\nno noise floor: no tensorflow here\n")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--runtime", "fak"], "unknown runtime 'fak'; did you mean fake?"),
        (["--time-budget", "0"], "a duration must look like 90s, 5m or 1h; got '0'"),
        (["--format", "csv"], "Invalid value for '--format'"),
    ],
)
def test_what_doctor_cannot_do_is_one_line(capsys, argv, message):
    assert main(["doctor", *argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


# Allowances


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path))


def test_how_far_runs_drift_apart_here_is_measured_and_kept(cache, capsys, monkeypatch):
    monkeypatch.setattr(health, "RUNS", 3)
    monkeypatch.setattr(health, "RUN_LAUNCHES", 3)
    assert allowances.stored("fake") == {}
    assert main(["doctor", "--calibrate", "--runtime", "fake"]) == 0
    said = capsys.readouterr().out
    kept = allowances.stored("fake")
    assert set(kept) == {"drift", "layout"}
    assert all(0 <= size < 1 for size in kept.values())
    assert f"two runs, one after the other {100 * kept['drift']:.1f} %" in " ".join(said.split())
    assert f"{100 * kept['layout']:.1f} % 0.5 %" in " ".join(said.split())
    assert allowances.stored("tensorflow") == {}
    assert health.PADDING not in os.environ


def test_without_two_launches_in_each_run_there_are_no_allowances(cache, capsys, monkeypatch):
    monkeypatch.setattr(health, "RUNS", 2)
    monkeypatch.setattr(health, "RUN_LAUNCHES", 1)
    assert main(["doctor", "--calibrate", "--runtime", "fake"]) == 0
    assert "no allowances: too few launches" in capsys.readouterr().out
    assert allowances.stored("fake") == {}


def test_every_launch_is_stored_with_the_allowances_of_its_place(cache):
    allowances.keep(allowances.Allowances(allowances.here("fake"), 0.04, 0.03, 6))
    run = session.start("fake").measure([health.CASE], launches=1)
    found = run.measurements[0].environment
    assert (found["drift"], found["layout"]) == (0.04, 0.03)
