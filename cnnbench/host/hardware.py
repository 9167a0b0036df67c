"""What the kernel says about processor, memory and limits.

Only Linux says so; elsewhere, and in containers that hide it, every answer is None. Each function
takes the root of the file system, so that a test can use its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path("/")
GROUPS = "sys/fs/cgroup"
_CPUS = "sys/devices/system/cpu"
_UNLIMITED = 2**60
"""Control groups of version 1 show a number near 2^63 if there is no limit."""


def text(root: Path, *names: str) -> str | None:
    """The content of the first of these files that can be read."""
    for name in names:
        try:
            return (root / name).read_text().strip()
        except (OSError, UnicodeDecodeError):
            continue
    return None


def number(root: Path, *names: str) -> int | None:
    """The same as a whole number."""
    content = text(root, *names)
    return int(content) if content and content.lstrip("-").isdigit() else None


def governors(root: Path = ROOT) -> list[str]:
    """The frequency governors in use."""
    paths = (root / _CPUS).glob("cpu[0-9]*/cpufreq/scaling_governor")
    return sorted({name for path in paths if (name := text(path.parent, path.name))})


def turbo(root: Path = ROOT) -> bool | None:
    """Whether the clock may rise above its base frequency."""
    if (off := number(root, f"{_CPUS}/intel_pstate/no_turbo")) is not None:
        return not off
    on = number(root, f"{_CPUS}/cpufreq/boost")
    return None if on is None else bool(on)


def siblings(root: Path = ROOT) -> int | None:
    """The most hardware threads that share a core."""
    return max(map(len, _cores(root)), default=None)


def cores_first(cpus: Iterable[int], root: Path = ROOT) -> list[int]:
    """Processors in an order that uses every core once before it uses any core again."""
    position = {cpu: number for core in _cores(root) for number, cpu in enumerate(core)}
    return sorted(cpus, key=lambda cpu: (position.get(cpu, 0), cpu))


def _cores(root: Path) -> list[list[int]]:
    """The processors of each core; a core is listed once for each of its processors."""
    paths = (root / _CPUS).glob("cpu[0-9]*/topology/thread_siblings_list")
    return [_numbers(listed) for path in paths if (listed := text(path.parent, path.name))]


def last_level_cache(root: Path = ROOT) -> int | None:
    """Bytes of the last level of cache, in all sockets together."""
    sizes: dict[tuple[int, str], int] = {}
    for folder in (root / _CPUS).glob("cpu[0-9]*/cache/index*"):
        level, size = number(folder, "level"), text(folder, "size")
        if level is None or not size or text(folder, "type") == "Instruction":
            continue
        digits, unit = size[:-1], size[-1]
        if digits.isdigit() and unit in "KM":
            shared = text(folder, "shared_cpu_list") or folder.parts[-3]
            sizes[level, shared] = int(digits) * {"K": 2**10, "M": 2**20}[unit]
    last = max((level for level, _ in sizes), default=0)
    return sum(size for (level, _), size in sizes.items() if level == last) or None


def virtual(root: Path = ROOT) -> bool | None:
    """Whether this is a virtual machine, by the processor's own flag (x86)."""
    for line in (text(root, "proc/cpuinfo") or "").splitlines():
        if line.startswith("flags"):
            return "hypervisor" in line.split()
    return None


def cpu_quota(root: Path = ROOT) -> float | None:
    """Time that the control group allows, in cores; None without a limit."""
    quotas = []
    for folder in _groups(root, "cpu"):
        quota, period = (text(folder, "cpu.max") or "").partition(" ")[::2]
        quota = quota or str(number(folder, "cpu.cfs_quota_us") or "")
        period = period or str(number(folder, "cpu.cfs_period_us") or "")
        if quota.isdigit() and period.isdigit() and int(period):
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def memory_limit(root: Path = ROOT) -> int | None:
    """Bytes that the control group allows; None without a limit."""
    return min((limit for _, limit in _limited(root)), default=None)


def memory_room(root: Path = ROOT) -> int | None:
    """Bytes that the control group still allows; None without a limit.

    Cached files, which the kernel can drop, count as free.
    """
    rooms = []
    for folder, limit in _limited(root):
        used = number(folder, "memory.current", "memory.usage_in_bytes") or 0
        cached = _entry(folder, "memory.stat", "inactive_file") or 0
        rooms.append(limit - max(used - cached, 0))
    return min(rooms, default=None)


def _limited(root: Path) -> Iterator[tuple[Path, int]]:
    """The folders of our control groups that limit memory, each with its limit."""
    for folder in _groups(root, "memory"):
        limit = number(folder, "memory.max", "memory.limit_in_bytes")
        if limit is not None and limit < _UNLIMITED:
            yield folder, limit


def throttled(root: Path = ROOT) -> int | None:
    """How often the control group has stopped its processes because of their quota."""
    counts = (_entry(folder, "cpu.stat", "nr_throttled") for folder in _groups(root, "cpu"))
    return next((count for count in counts if count is not None), None)


def _entry(folder: Path, file: str, name: str) -> int | None:
    """A number by its name, in a file of names and numbers."""
    for line in (text(folder, file) or "").splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return None


def stolen(root: Path = ROOT) -> float | None:
    """The share of busy time since the start that the host gave to other machines."""
    first = (text(root, "proc/stat") or "").partition("\n")[0].split()
    if len(first) < 9 or first[0] != "cpu" or not all(map(str.isdigit, first[1:9])):
        return None
    user, nice, system, _, _, interrupts, soft, steal = map(int, first[1:9])
    wanted = user + nice + system + interrupts + soft + steal
    return steal / wanted if wanted else None


def huge_pages(root: Path = ROOT) -> str | None:
    """Transparent huge pages: always, madvise or never."""
    words = (text(root, "sys/kernel/mm/transparent_hugepage/enabled") or "").split()
    return next((word.strip("[]") for word in words if word.startswith("[")), None)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of our control group for a controller, and of all groups around it."""
    base = root / GROUPS
    for line in (text(root, "proc/self/cgroup") or "0::/").splitlines():
        names, _, path = line.partition(":")[2].partition(":")
        if names and controller not in names.split(","):
            continue
        # Version 2 has one tree; version 1 has a folder for each controller or several of them.
        tops: Iterable[Path] = (base / names, base / controller) if names else (base,)
        inner = [part for part in Path(path).parts if part not in ("/", "..")]
        for top in tops:
            for depth in range(len(inner), -1, -1):
                yield top.joinpath(*inner[:depth])


def _numbers(text: str) -> list[int]:
    """The numbers in a list as the kernel writes it: 0-2,5 is 0, 1, 2 and 5."""
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            numbers += range(int(first), int(last if last.isdigit() else first) + 1)
    return numbers
