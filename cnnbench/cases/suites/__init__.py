"""Suites: TOML files that say what to measure in one run. Users can write their own.

All keys. Most show the value that they have if left out; an example where they must be given (#):

    name = "mine"                       # if left out, the name of the file
    description = ""
    launches = 5                        # processes per case, at least
    time_budget = 270                   # seconds for all launches
    threads = []                        # that one operation may use: [1, 2, 4]; if left out, as
                                        # `--threads` says
    clients = []                        # that call at once: [1, 4]; if left out, as `--clients`
                                        # says
    base = ""                           # a block that all others are compared with

    [[block]]                           # a network at all its inputs, batches and modes
    name = "narrow"                     # its name in reports, different for each block
    target = "naive_inception_module"   # anything that `cnnbench analyze` takes
    params = {}                         # parameters that differ from its defaults: { f1 = 32 }
    inputs = []                         # sizes of one sample: ["64x64x3", "128x128x3"]; with two
                                        # inputs ["64x64x3,10"]; its own if left out
    batches = [1]                       # or "max": doubled from 1 on, until memory is full
    modes = []                          # such as ["graph", "train"], of the runtimes that have
                                        # them; the usual one of each runtime if left out
    devices = ["cpu", "gpu"]            # it runs on these only; "gpu:1" is the second
    dtype = [""]                        # such as ["float32", "mixed_float16", "int8"], of the
                                        # runtimes that have them; its own if empty
    data = ""                           # FILE.npz or module:function that gives the input
    source = ""                         # the file of the network, if `target` is only its name
    imports = []                        # modules that register layers which the file names

    [[block]]
    name = "wide"
    target = "inception_module"

    [[compare]]                         # two blocks over a range of input channels
    title = "wide against narrow"       #
    base = "narrow"                     # names of blocks above, whose targets are catalogue entries
    new = "wide"                        #
    size = "28x28"                      #
    batch = 1
    channels = [3, 192]                 # times are measured at these
    show = []                           # a table shows these side by side; all if left out
    range = [1, 512]                    # costs are computed for all numbers in this range
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib import resources
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from cnnbench import networks, paths, schema, units
from cnnbench.cases.case import DEVICES, Case, parsed_device
from cnnbench.cases.plan import WIDEST, BlockComparison, curves
from cnnbench.errors import CnnbenchError, ShapeError, SuiteError, UnknownNameError, unknown
from cnnbench.graph import PRECISIONS, check_dtype
from cnnbench.networks import Network
from cnnbench.rule import Shape

MOST_LAUNCHES = 10_000
MOST_CASES = 100_000
"""The most cases of a suite: each is traced before anything runs."""
LARGEST = 2**20
"""Bytes of a suite file that is still read; those that come with cnnbench have some 2,000."""
Count = Annotated[int, Field(ge=1, strict=True)]
DOUBLED = [2**exponent for exponent in range(17)]
"""The batches that "max" stands for, until memory is full."""
Group = list[Case]
"""Cases that take turns in one launch."""


class Place(NamedTuple):
    """Where cases may run: a device, a runtime, and its modes, of which the first is usual.

    `threads` is given where there are several numbers of them. `clients` call at once.
    """

    device: str
    runtime: str
    modes: Sequence[str]
    threads: int | None = None
    clients: int = 1


def _parsed(parse: Callable[[Any], Any]) -> BeforeValidator:
    """A validator that reads a text; pydantic expects a ValueError."""

    def parsed(value: Any) -> Any:
        if isinstance(value, tuple):  # from Python; TOML has no tuples
            return value
        try:
            return parse(value)
        except CnnbenchError as error:
            raise ValueError(str(error)) from None

    return BeforeValidator(parsed)


Sample = Annotated[tuple[Shape, ...], _parsed(lambda text: units.parse_shapes(str(text)))]
Plane = Annotated[tuple[int, int], _parsed(partial(units.parse_shape, ranks=(2,)))]


def _device(value: Any) -> Any:
    try:
        parsed_device(str(value))
    except UnknownNameError:
        raise ValueError(f"must be one of {', '.join(DEVICES)}, gpu:1; got {value!r}") from None
    return value


_SEVERAL = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
"""One text stands for a list of it."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BlockTable(_Table):
    """One `[[block]]` of a suite."""

    name: Annotated[str, Field(min_length=1)]
    target: str
    params: dict[str, Any] = {}
    inputs: list[Sample] = []
    batches: Annotated[
        list[Count],
        Field(min_length=1),
        BeforeValidator(lambda value: DOUBLED if value == "max" else value),
    ] = [1]
    modes: list[str] = []
    devices: (
        Annotated[list[Annotated[str, BeforeValidator(_device)]], Field(min_length=1)] | None
    ) = None
    dtype: Annotated[list[str], _SEVERAL, Field(min_length=1)] = [""]
    data: str = ""
    source: str = ""
    imports: list[str] = []

    def case(
        self, inputs: Sequence[Shape], batch: int, place: Place, mode: str, dtype: str
    ) -> Case:
        """The block with one combination of its inputs, batches, places, modes and types."""
        return Case(
            target=self.target,
            inputs=tuple(inputs),
            params=self.params,
            batch_size=batch,
            dtype=dtype,
            device=place.device,
            mode=mode,
            runtime=place.runtime,
            label=self.name,
            data=self.data,
            source=self.source,
            imports=tuple(self.imports),
            threads=place.threads,
            clients=place.clients,
        )


class CompareTable(_Table):
    """One `[[compare]]` of a suite."""

    title: str
    base: str
    new: str
    size: Plane
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
    threads: list[Count] = []
    clients: list[Count] = []
    base: str = ""
    block: Annotated[list[BlockTable], Field(min_length=1)]
    compare: list[CompareTable] = []
    _file: str = ""

    @property
    def fill(self) -> bool:
        """Whether batches are doubled until memory is full."""
        return any(table.batches == DOUBLED for table in self.block)

    @property
    def code(self) -> set[str]:
        """What is run or imported to measure it, as `Case.code`."""
        anywhere = Place("cpu", "", ())
        cases = [table.case((), 1, anywhere, "", "") for table in self.block]
        return {code for case in cases for code in case.code}

    def fault(self, block: str, error: CnnbenchError) -> CnnbenchError:
        """An error about a block, which also names the file."""
        where = f"{self._file}: {block!r}: " if self._file else ""
        return type(error)(f"{where}{error}")

    def groups(self, places: Sequence[Place]) -> list[Group]:
        """The cases in the order of the file; those of one group are compared, and take turns.

        Empty inputs or an empty type of a case mean those of the network itself.
        """
        found: list[Group] = []
        for device in dict.fromkeys(place.device for place in places):
            here = [place for place in places if place.device == device]
            found += self._grid(here)
            found += [
                [self._at(pair, place, name, channels) for name in (pair.base, pair.new)]
                for pair in self.compare
                for place in _alone(here)
                for channels in measured(pair)
            ]
        return found

    def _grid(self, places: Sequence[Place]) -> Iterable[Group]:
        groups: dict[Any, Group] = {}
        for table in self.block:
            compared = {name for pair in self.compare for name in (pair.base, pair.new)}
            alone = [] if table.name in compared else [()]
            grid = product(enumerate(table.inputs or alone), table.batches, places)
            for (index, inputs), batch, place in grid:
                ours = {place.device, parsed_device(place.device)[0]}
                if table.devices and ours.isdisjoint(table.devices):
                    continue
                for mode, dtype in product(_of_both(table.modes, place.modes), table.dtype):
                    # Compared are the cases with the same input and batch, in the usual mode of
                    # each runtime or in another that bears the same name, in every data type.
                    key = (index, batch, mode == place.modes[0] or mode)
                    network = "" if self.base else table.name
                    groups.setdefault((network, key), []).append(
                        table.case(inputs, batch, place, mode, dtype)
                    )
        return groups.values()

    def _at(self, pair: CompareTable, place: Place, name: str, channels: int) -> Case:
        table = next(table for table in self.block if table.name == name)
        size = ((*pair.size, channels),)
        return table.case(size, pair.batch, place, place.modes[0], table.dtype[0] or "float32")

    def comparisons(self, places: Sequence[Place]) -> tuple[BlockComparison, ...]:
        """The comparisons in each place, as a plan keeps them."""
        found = []
        for pair in self.compare:
            at = partial(self._at, pair)
            # The costs are the same in every place.
            costs = curves(partial(at, places[0]), pair.base, pair.new, pair.range)
            for place in _alone(places):
                pairs = [
                    (c, at(place, pair.base, c).id, at(place, pair.new, c).id)
                    for c in measured(pair)
                ]
                comparison = BlockComparison(
                    title=pair.title,
                    base=pair.base,
                    new=pair.new,
                    size=pair.size,
                    batch_size=pair.batch,
                    device=place.device,
                    runtime=place.runtime,
                    threads=place.threads,
                    pairs=tuple(pairs),
                    show=tuple(pair.show),
                    range=pair.range,
                    **costs,
                )
                found.append(comparison)
        return tuple(found)


def _of_both(wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    """The modes of a runtime that are wanted; its usual one if none is named."""
    return [mode for mode in wanted if mode in known] if wanted else [known[0]]


def _alone(places: Iterable[Place]) -> list[Place]:
    """The same places with one client: two blocks are compared without others beside them."""
    return list(dict.fromkeys(place._replace(clients=1) for place in places))


def measured(pair: CompareTable) -> list[int]:
    """The numbers of channels at which a pair is measured."""
    return sorted({*pair.channels, *pair.show})


def names() -> list[str]:
    """The suites that come with cnnbench."""
    files = resources.files(__name__).iterdir()
    return sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml"))


def load(name: str) -> Suite:
    """A suite by name, or from a file that ends in .toml; a CnnbenchError says what is wrong."""
    own = not name.endswith(".toml")
    if own and name not in names():
        raise unknown("suite", name, names(), see="or give a file that ends in .toml")
    source = f"{name}.toml" if own else name
    try:
        if own:
            text = (resources.files(__name__) / source).read_text(encoding="utf-8")
        else:
            text = paths.read(Path(source), LARGEST, SuiteError, "split it into several").decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise SuiteError(f"cannot read the suite {name}: {reason}") from None
    tables: dict[str, type[BaseModel]] = {"block": BlockTable, "compare": CompareTable}
    suite = schema.parse(text, source, Suite, tables, SuiteError)
    suite = suite.model_copy(update={"name": suite.name or Path(source).stem})
    suite._file = source
    _check(suite, source)
    return suite


def _asked(suite: Suite) -> int:
    """How many cases a suite has in one place, or more."""
    of_blocks = sum(
        max(len(table.inputs), 1)
        * len(table.batches)
        * max(len(table.modes), 1)
        * max(len(table.devices or ()), 1)
        * len(table.dtype)
        for table in suite.block
    )
    places = max(len(suite.threads), 1) * max(len(suite.clients), 1)
    return places * (of_blocks + sum(2 * len(measured(pair)) for pair in suite.compare))


def _check(suite: Suite, source: str) -> None:
    """Trace every case once, to find what cannot work before anything runs."""
    asked = _asked(suite)
    if asked > MOST_CASES:
        raise SuiteError(
            f"{source}: {asked:,} cases, and a suite may have {MOST_CASES:,}; split it into several"
        )
    known = {table.name: table for table in suite.block}
    names = Counter(table.name for table in suite.block)
    if twice := [name for name, count in names.items() if count > 1]:
        raise SuiteError(f"{source}: two blocks named {twice[0]!r}; names must be unique")
    for pair in suite.compare:
        for name in (pair.base, pair.new):
            if name not in known:
                raise SuiteError(f"{source}: [compare]: {unknown('block', name, known)}")
            table, target = known[name], known[name].target
            if len(table.dtype) > 1:
                raise SuiteError(
                    f"{source}: [compare]: {name!r} must have one dtype; got "
                    f"{', '.join(table.dtype)}"
                )
            if networks.is_known(target) and networks.Network(target).kind != "entry":
                raise SuiteError(
                    f"{source}: [compare]: {name!r} is {target}, and only entries of the catalogue "
                    "are costed over channels; see cnnbench list"
                )
        if pair.range[0] >= pair.range[1]:
            raise SuiteError(f"{source}: [compare] range: expected first < last; got {pair.range}")
        if pair.range[1] > WIDEST:
            raise SuiteError(
                f"{source}: [compare] range: every channel count is costed, so at most {WIDEST}; "
                f"got {pair.range[1]}"
            )
    if suite.base and suite.base not in known:
        raise SuiteError(f"{source}: base: {unknown('block', suite.base, known)}")
    modes = [mode for table in suite.block for mode in table.modes]
    named = [device for table in suite.block for device in table.devices or ()]
    every = dict.fromkeys([*DEVICES, *named])
    places = [Place(device, "tensorflow", tuple(modes or [""])) for device in every]
    cases = [case for group in suite.groups(places) for case in group]
    for case in {case.paper_key: case for case in cases}.values():
        try:
            case.network.check()
            if case.network.kind == "entry":
                case.graph()
        except (ShapeError, UnknownNameError) as error:
            raise suite.fault(case.label, error) from None
        except (CnnbenchError, TypeError) as error:
            raise suite.fault(case.label, SuiteError(error)) from None


def describe() -> dict[str, str]:
    """Each suite's name and description."""
    return {name: load(name).description for name in names()}


def of_networks(
    named: Mapping[str, Network],
    *,
    inputs: Sequence[Shape] | None = None,
    batches: Sequence[int] = (1,),
    modes: Sequence[str] = (),
    dtypes: Sequence[str] = (),
    data: str = "",
) -> Suite:
    """A suite of some networks that take turns; all are compared with the first.

    The keys of `named` are the labels in reports. `inputs` has the size of one sample for each
    input. What is None, or empty as `data`, is as in a `[[block]]` of a file that leaves it out.
    """
    for batch in batches:
        if type(batch) is not int or batch < 1:
            raise SuiteError(f"a batch must be a whole number of at least 1; got {batch!r}")
    if not batches:
        raise SuiteError("expected at least one batch; got none")
    for dtype in dtypes:
        check_dtype(dtype, PRECISIONS)
    if "" in named:
        raise SuiteError("the name of a network must not be empty")
    first, *others = named
    against = f"{' and '.join(others)} against {first}" if others else f"what {first} takes"
    return Suite(
        name=re.sub(r"[^\w.-]+", "_", "-".join(named))[:60],
        description=f"{against}, on your machine",
        base=first if others else "",
        block=[
            BlockTable(
                name=label,
                target=network.target,
                params=network.params,
                inputs=[tuple(inputs)] if inputs else [],
                batches=list(dict.fromkeys(batches)),
                modes=list(dict.fromkeys(modes)),
                dtype=list(dict.fromkeys(dtypes)) or [""],
                data=data,
                source=network.source,
                imports=list(network.imports),
            )
            for label, network in named.items()
        ],
    )
