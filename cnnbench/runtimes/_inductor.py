"""Which layers the kernels compute that `torch.compile` makes of a network.

Each node of the exported program is marked with its layer, and PyTorch keeps these marks through
its passes. Inductor says of which nodes each kernel is, and a kernel has its name in a trace.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cnnbench.errors import CnnbenchError
from cnnbench.runtimes._keras import around_layers
from cnnbench.runtimes._profiled import Event, layer_event, title

_MARK = "cnnbench layer"
_COPIES = re.compile(
    r"(_to_copy|alias|as_strided|clone|convert_element_type|copy|detach|expand|full|getitem"
    r"|permute|reshape|select|slice|squeeze|t|transpose|unsqueeze|view)\b"
)
"""Nodes that move values. A kernel often writes what it computes as the next layer reads it."""

_GRAPH = "## Call CompiledFxGraph"
"""What the run of a compiled graph is named in a trace."""

_FUSED = "cpp_fused"
"""How the names of inductor's own kernels begin; others are PyTorch's operations."""


class Kernels:
    """The kernels of a network: the titles of the layers of each, in the order of the calls."""

    def __init__(self) -> None:
        self._nodes: dict[str, tuple[str, str]] = {}  # what each computes, and the title
        self._titles: dict[str, list[tuple[str, ...]]] = defaultdict(list)

    def compiled(self, export: Callable[[], Any], x: Any) -> Any:
        """The compiled form of what is exported, of which each kernel has its name in a trace.

        Raises:
            CnnbenchError: this PyTorch does not say of which layers its kernels are.
        """
        import torch
        from torch._inductor import config
        from torch._inductor.compile_fx import compile_fx, compile_fx_inner
        from torch._inductor.output_code import CompiledFxGraph
        from torch.fx import traceback

        fields = CompiledFxGraph.__annotations__
        if not (hasattr(traceback, "annotate") and "inductor_provenance_mapping_str" in fields):
            raise CnnbenchError(
                f"PyTorch {torch.__version__} does not say of which layers its kernels are: "
                "a profile of mode compile needs a newer one, as 2.13"
            )
        marked = around_layers(lambda around: traceback.annotate({_MARK: title(around)}))
        with traceback.preserve_node_meta(), marked:
            program = export()

        def inner(graph: Any, inputs: Any, **options: Any) -> Any:
            found = compile_fx_inner(graph, inputs, **options)
            self.learn(json.loads(found.inductor_provenance_mapping_str)["cppCodeToPost"])
            return found

        told = {
            "cpp.enable_kernel_profile": True,
            "trace.provenance_tracking_level": 1,
            "post_grad_custom_post_pass": self.see,
            "fx_graph_cache": False,  # what comes out of it passes none of these
        }
        call = torch.compile(
            program, backend=lambda graph, inputs: compile_fx(graph, inputs, inner_compile=inner)
        )
        with config.patch(told), torch.inference_mode():
            call(x)
        return call

    def see(self, graph: Any) -> None:
        """Note the marks of the nodes of a graph."""
        for node in graph.nodes:
            mark = (node.meta.get("custom") or {}).get(_MARK, "")
            self._nodes[node.name] = (getattr(node.target, "__name__", ""), mark)

    def learn(self, kernels: Mapping[str, Sequence[str]]) -> None:
        """Note of which layers each kernel is, from the names of its nodes.

        One that adds the biases of several convolutions, say, which PyTorch computes one by one, is
        of no layer: its time is not that of one, and they are not computed as one.
        """
        found = []
        for kernel, names in kernels.items():
            known = [self._nodes[name] for name in names if name in self._nodes]
            work = [one for one in known if not _COPIES.match(one[0])] or known
            titles = tuple(sorted({mark for _, mark in work if mark}))
            found.append((_plain(kernel.rpartition(":")[0]), titles))
        alone = {one for name, titles in found if not name.startswith(_FUSED) for one in titles}
        for name, titles in found:
            shared = name.startswith(_FUSED) and len(alone.intersection(titles)) > 1
            self._titles[name].append(() if shared else titles)

    def events(self, trace: Iterable[Any]) -> list[Event]:
        """What was computed in the runs of the graph that are in a trace.

        The first call of an operation is that of the first kernel of its name, and so on. If there
        are more or fewer of them than such kernels, they belong to no layer.
        """
        found = []
        for graph in trace:
            if not graph.name.startswith(_GRAPH):
                continue
            names = [_plain(each.name) for each in graph.cpu_children]
            counts, seen = Counter(names), Counter[str]()
            for name, each in zip(names, graph.cpu_children, strict=True):
                known = self._titles.get(name, [])
                titles = known[seen[name]] if len(known) == counts[name] else ()
                seen[name] += 1
                found.append(_event(each, titles))
        return found


def _plain(name: str) -> str:
    """The name of a kernel as inductor and as the trace have it.

    `extern_kernels.addmm` and `torch.ops.aten.addmm.default` are `aten::addmm` there, and
    `cpp_fused_add_3` is `graph_0_cpp_fused_add_3`.
    """
    name = re.sub(r"graph_\d+_", "", name).removeprefix("extern_kernels.").rpartition("::")[2]
    return re.sub(r"torch\.ops\.\w+\.(\w+).*", r"\1", name)


def _event(each: Any, titles: Sequence[str]) -> Event:
    begin, end = 1000 * each.time_range.start, 1000 * each.time_range.end
    kind = _FUSED if _plain(each.name).startswith(_FUSED) else each.name
    layers = [layer_event(each.thread, begin, end, one) for one in titles]
    names = tuple(name for layer in layers if layer for name in layer.names)
    return Event(each.thread, begin, end, names or (kind,), kind)
