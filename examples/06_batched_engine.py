"""Many programs over many pictures as one graph: the plan, its costs, and that it changes nothing.

python examples/06_batched_engine.py
"""

import networkx as nx
import torch

from nmn.data.batch import collate
from nmn.data.vocabulary import WordVocabulary
from nmn.execution.batched import BatchedConfig, BatchedExecutor
from nmn.execution.costs import to_networkx
from nmn.execution.reference import ReferenceExecutor
from nmn.generate.shapes import ShapesWorldConfig, generate_shapes
from nmn.modules import build_bank
from nmn.nn.stem import Stem, StemConfig

data = generate_shapes(ShapesWorldConfig(), 0, "train", 64)
batch = collate(data.examples, data.domain, WordVocabulary(()))
programs = [example.program for example in data if example.program is not None]

# A plan is made without tensors: equal nodes are one, and few calls compute all.
torch.manual_seed(0)
stem = Stem(StemConfig())
for family in ("attention", "tbd"):
    bank = build_bank(family, data.domain, stem.config.size, {})
    engine = BatchedExecutor(stem, bank)
    plan = engine.plan(programs, batch.picture.tolist())
    graph = to_networkx(plan, bank, cells=9)
    print(
        f"{family}: {len(programs)} programs have {len(graph)} different nodes, computed by "
        f"{graph.graph['calls']} calls with {graph.graph['multiply_adds']:,} multiply-adds; "
        f"the longest way has {nx.dag_longest_path_length(graph) + 1} nodes"
    )

    # The same answers and gradients as one program after the other, in a fraction of the time.
    reference = ReferenceExecutor(stem, bank)
    executors: tuple[ReferenceExecutor | BatchedExecutor, ...] = (reference, engine)
    for executor in executors:
        executor.zero_grad()
        found = executor.run(programs, batch).log_probabilities
        likelihood = found[torch.arange(len(batch)), batch.answers].mean()
        likelihood.backward()  # type: ignore[no-untyped-call]
        gradient = next(stem.parameters()).grad
        assert gradient is not None
        print(f"  {type(executor).__name__}: {found.exp()[0].tolist()}, {gradient.norm():.6f}")

    # Masks of all nodes as one tensor, traces of chosen questions, memory bounded by 16 questions.
    small = BatchedExecutor(stem, bank, BatchedConfig(questions_at_once=16))
    execution = small.run(programs, batch, traces=[3], masks=True)
    assert execution.masks is not None
    print(f"  masks {tuple(execution.masks.values.shape)}, rows {execution.masks.rows[3]}")
    print(f"  {execution.traces[0].program}: {execution.traces[0].answer}")
