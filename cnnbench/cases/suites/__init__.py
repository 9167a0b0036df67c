"""Suites: what to measure together, as data. One TOML file each; users bring their own.

All keys, with the values they have if left out, or an example where they must be given (#):

    name = "mine"                       # if left out, the name of the file
    description = ""
    launches = 5                        # processes per case, at least
    time_budget = 270                   # seconds for all launches

    [[block]]                           # one network at a grid of inputs, batches and modes
    name = "narrow"                     # what reports call it; unique
    target = "naive_inception_module"   # a name from `cnnbench list`
    params = {}                         # where the block's defaults do not do: { f1 = 32 }
    inputs = []                         # sizes of one sample: ["64x64x3", "128x128x3"]
    batches = [1]
    modes = ["graph"]                   # and "eager", "xla", "predict", "train"
    devices = ["cpu", "gpu"]            # of those that `run` measures on
    dtype = "float32"                   # or "float16", "bfloat16"

    [[block]]
    name = "wide"
    target = "inception_module"

    [[compare]]                         # two blocks over a range of input channels
    title = "wide against narrow"       #
    base = "narrow"                     # names of blocks above
    new = "wide"                        #
    size = "28x28"                      #
    batch = 1
    channels = [3, 192]                 # measured at these
    show = []                           # tabled side by side; all if left out
    range = [1, 512]                    # costed on paper over these
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from cnnbench import schema, units
from cnnbench.cases.case import Case, Device, Mode
from cnnbench.cases.plan import Comparison
from cnnbench.errors import CnnbenchError, ShapeError, SuiteError, UnknownNameError, unknown

WIDEST = 4096
MOST_LAUNCHES = 10_000
Count = Annotated[int, Field(ge=1, strict=True)]


def _sample(value: Any) -> tuple[int, ...]:
    try:
        return units.parse_shape(value, ranks=(3, 4))  # an image, or a video
    except CnnbenchError as error:
        raise ValueError(str(error)) from None


def _plane(value: Any) -> tuple[int, ...]:
    try:
        return units.parse_shape(value, ranks=(2,))
    except CnnbenchError as error:
        raise ValueError(str(error)) from None


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BlockTable(_Table):
    """One `[[block]]` of a suite."""

    name: Annotated[str, Field(min_length=1)]
    target: str
    params: dict[str, Any] = {}
    inputs: list[Annotated[tuple[int, ...], BeforeValidator(_sample)]] = []
    batches: Annotated[list[Count], Field(min_length=1)] = [1]
    modes: Annotated[list[Mode], Field(min_length=1)] = ["graph"]
    devices: Annotated[list[Device], Field(min_length=1)] | None = None
    dtype: str = "float32"


class CompareTable(_Table):
    """One `[[compare]]` of a suite."""

    title: str
    base: str
    new: str
    size: Annotated[tuple[int, int], BeforeValidator(_plane)]
    batch: Count = 1
    channels: Annotated[list[Count], Field(min_length=1)]
    show: list[Count] = []
    range: tuple[Count, Count] = (1, 512)


class Suite(_Table):
    """A suite file, checked."""

    name: str = ""
    description: str = ""
    launches: Annotated[int, Field(ge=1, le=MOST_LAUNCHES, strict=True)] = 5
    time_budget: Annotated[float, Field(gt=0, le=units.LONGEST, strict=True)] = 270
    block: Annotated[list[BlockTable], Field(min_length=1)]
    compare: list[CompareTable] = []

    def cases(self, devices: Iterable[str]) -> tuple[Case, ...]:
        """Every case once, in the order of the file, on each of the devices."""
        found: dict[str, Case] = {}
        for device in devices:
            for case in self._cases(device):
                found.setdefault(case.id, case)
        return tuple(found.values())

    def _cases(self, device: str) -> Iterator[Case]:
        tables = {table.name: table for table in self.block}
        for table in self.block:
            for shape in table.inputs:
                for batch in table.batches:
                    for mode in table.modes:
                        if not table.devices or device in table.devices:
                            yield _case(table, shape, batch, device, mode)
        for pair in self.compare:
            for channels in sorted({*pair.channels, *pair.show}):
                for name in (pair.base, pair.new):
                    yield _case(tables[name], (*pair.size, channels), pair.batch, device, "graph")

    def together(self, devices: Iterable[str]) -> tuple[tuple[str, ...], ...]:
        """Ids of the cases that are compared with each other, pair by pair."""
        tables = {table.name: table for table in self.block}
        return tuple(
            tuple(
                _case(tables[name], (*pair.size, channels), pair.batch, device, "graph").id
                for name in (pair.base, pair.new)
            )
            for device in devices
            for pair in self.compare
            for channels in sorted({*pair.channels, *pair.show})
        )

    def comparisons(self) -> tuple[Comparison, ...]:
        """The comparisons, as a plan keeps them."""
        return tuple(
            Comparison(
                title=pair.title,
                base=pair.base,
                new=pair.new,
                size=pair.size,
                batch_size=pair.batch,
                channels=tuple(sorted({*pair.channels, *pair.show})),
                show=tuple(pair.show),
                range=pair.range,
            )
            for pair in self.compare
        )

    def blocks(self) -> dict[str, dict[str, Any]]:
        """Target, parameters and data type behind each name."""
        return {
            table.name: {"target": table.target, "params": table.params, "dtype": table.dtype}
            for table in self.block
        }


def _case(table: BlockTable, shape: tuple[int, ...], batch: int, device: str, mode: str) -> Case:
    return Case(
        target=table.target,
        params=table.params,
        input_shape=shape,
        batch_size=batch,
        dtype=table.dtype,
        device=device,
        mode=mode,
        label=table.name,
    )


def names() -> list[str]:
    """The suites that come with cnnbench."""
    files = resources.files(__name__).iterdir()
    return sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml"))


def load(name: str) -> Suite:
    """A suite by name, or from a file that ends in .toml.

    Raises:
        UnknownNameError: no suite, block or parameter of that name.
        SuiteError: the file cannot be read, is not TOML, or has a wrong or unknown key;
            the message gives the file, and the line where TOML itself is wrong.
        ShapeError: a layer cannot take one of the inputs.
    """
    if name.endswith(".toml"):
        path = Path(name)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise SuiteError(f"cannot read the suite {name}: {reason}") from None
        source, stem = name, path.stem
    elif name in names():
        text = (resources.files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
        source, stem = f"{name}.toml", name
    else:
        raise unknown("suite", name, names(), see="or give a file that ends in .toml")
    tables: dict[str, type[BaseModel]] = {"block": BlockTable, "compare": CompareTable}
    suite = schema.parse(text, source, Suite, tables, SuiteError)
    suite = suite.model_copy(update={"name": suite.name or stem})
    _check(suite, source)
    return suite


def _check(suite: Suite, source: str) -> None:
    """Trace every case once, so that what cannot work is said before anything runs."""
    known = [table.name for table in suite.block]
    for name in {name for name in known if known.count(name) > 1}:
        raise SuiteError(f"{source}: two blocks named {name!r}; names must be unique")
    for pair in suite.compare:
        for name in (pair.base, pair.new):
            if name not in known:
                raise SuiteError(f"{source}: [compare]: {unknown('block', name, known)}")
        if pair.range[0] >= pair.range[1]:
            raise SuiteError(f"{source}: [compare] range: expected first < last; got {pair.range}")
        if pair.range[1] > WIDEST:
            raise SuiteError(
                f"{source}: [compare] range: every channel count is costed, so at most {WIDEST}; "
                f"got {pair.range[1]}"
            )
    cases = suite.cases(["cpu", "gpu"])
    if not cases:
        raise SuiteError(f"{source}: no cases; give a block 'inputs' or add a [[compare]]")
    for case in cases:
        try:
            case.graph()
        except (ShapeError, UnknownNameError) as error:
            raise type(error)(f"{source}: {case.label!r}: {error}") from None
        except TypeError as error:
            raise SuiteError(f"{source}: {case.label!r}: {error}") from None


def describe() -> dict[str, str]:
    """Each suite's name and description."""
    return {name: load(name).description for name in names()}
