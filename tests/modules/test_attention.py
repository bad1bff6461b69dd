"""The family with parameters set by hand: on perfect features it is exact execution."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nmn.data.batch import collate
from nmn.data.example import Example
from nmn.data.vocabulary import WordVocabulary
from nmn.domain import Domain, load_domain
from nmn.errors import ExecutionError, ProgramTypeError, ShapeError
from nmn.execution.reference import ReferenceExecutor
from nmn.execution.symbolic import SymbolicExecutor
from nmn.modules import MODULES, build_bank, register
from nmn.modules.attention import AttentionBank, AttentionConfig
from nmn.modules.base import ModuleBank, Nodes
from nmn.nn.features import Features, FeatureSize, grid_features, with_mirrored
from nmn.nn.relations import Plane, RelativePositions
from nmn.nn.soft_logic import IMPOSSIBLE
from nmn.program.program import Program
from nmn.program.text import parse_program
from nmn.program.tokens import TokenVocabulary
from nmn.program.transitions import Transitions
from nmn.program.typecheck import typecheck
from nmn.program.types import BOOL, NUMBER, Kind, value_of
from nmn.scene.scene import Scene, SceneObject, grid_scene
from nmn.scene.symbolic import as_answer, execute

STEPS = {"left_of": (-1, 0), "right_of": (1, 0), "above": (0, -1), "below": (0, 1)}


def perfect(domain: Domain) -> AttentionBank:
    """A bank that knows the concepts by one channel each and the relations of a 3x3 grid."""
    bank = AttentionBank(domain, FeatureSize(len(domain.concepts)), AttentionConfig())
    bank.eval()
    assert isinstance(bank.relations, RelativePositions)
    with torch.no_grad():
        bank.concepts.weight.copy_(20 * torch.eye(len(domain.concepts)))
        bank.concepts.bias.fill_(-10)
        bank.things.weight.fill_(20)
        bank.things.bias.fill_(-10)
        bank.relations.table.fill_(-2)
        for index, name in enumerate(domain.relations):
            x, y = STEPS[name]
            bank.relations.table[3 + y, 3 + x, index] = 2
    return bank


def one_hot(scene: Scene, domain: Domain) -> Features:
    values = torch.zeros(1, len(domain.concepts), 3, 3)
    for cell, item in enumerate(scene.objects):
        for value in item.attributes.values():
            values[0, domain.concepts.index(value), cell // 3, cell % 3] = 1
    return grid_features(values)


def run(bank: ModuleBank, program: Program, features: Features) -> list[torch.Tensor]:
    rows: list[torch.Tensor] = []
    prepared = bank.prepare(features)
    picture = torch.zeros(1, dtype=torch.long)
    for node in program.nodes:
        index = bank.argument_index(node.operation, node.argument)
        argument = torch.tensor([index])
        seen = bank.look(node.operation, argument, picture, prepared)
        nodes = Nodes(argument, picture, ((index, 1),), seen)
        inputs = tuple(rows[source] for source in node.inputs)
        rows.append(bank.run(node.operation, nodes, inputs, prepared))
    return rows


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    domain = load_domain("shapes")
    color, shape = (st.sampled_from(attribute.values) for attribute in domain.attributes)
    cell = st.none() | st.fixed_dictionaries({"color": color, "shape": shape})
    row = st.tuples(cell, cell, cell)
    return grid_scene(draw(st.tuples(row, row, row)))


@st.composite
def programs(draw: st.DrawFn, domain: str = "shapes") -> Program:
    vocabulary = TokenVocabulary(load_domain(domain))
    transitions = Transitions(vocabulary)
    state = transitions.start(draw(st.integers(2, 24)))
    tokens: list[int] = []
    while not state.ended:
        tokens.append(draw(st.sampled_from(transitions.legal(state))))
        state = transitions.advance(state, tokens[-1])
    return vocabulary.decode(tokens)


@settings(max_examples=300, deadline=None)
@given(programs(), scenes())
def test_with_perfect_parameters_every_program_means_what_exact_execution_says(
    program: Program, scene: Scene
) -> None:
    domain = load_domain("shapes")
    bank = perfect(domain)
    try:
        results = execute(program, scene).results
    except ExecutionError:
        return
    rows = run(bank, program, one_hot(scene, domain))
    for result, output, row in zip(results, typecheck(program, domain), rows, strict=True):
        if isinstance(result, frozenset):
            assert set((row[0] < 1).nonzero().flatten().tolist()) == result
        elif output.kind is Kind.BOOL:
            assert (row.item() < 1) is result
        elif output.kind is Kind.NUMBER:
            assert round(row[0, 0].item()) == result
            assert row[0, 1] < 0.1
        else:
            assert domain.concepts[int(row[0].argmin())] == as_answer(result)


def test_find_is_filter_of_the_scene(shapes: Domain) -> None:
    bank = AttentionBank(shapes, FeatureSize(8), AttentionConfig()).eval()
    features = grid_features(torch.randn(1, 8, 3, 3))
    found = run(bank, parse_program("find[red]"), features)[-1]
    filtered = run(bank, parse_program("filter[red](scene)"), features)[-1]
    torch.testing.assert_close(found, filtered)


def test_only_what_a_program_names_gets_gradient(shapes: Domain) -> None:
    bank = AttentionBank(shapes, FeatureSize(8), AttentionConfig())
    features = grid_features(torch.randn(1, 8, 3, 3))
    run(bank, parse_program("exists(relate[above](find[red]))"), features)[-1].sum().backward()  # type: ignore[no-untyped-call]
    assert bank.concepts.weight.grad is not None
    assert isinstance(bank.relations, RelativePositions)
    assert bank.relations.table.grad is not None
    red, above = shapes.concepts.index("red"), shapes.relations.index("above")
    used = bank.concepts.weight.grad.abs().sum(dim=1) > 0
    assert used.tolist() == [index == red for index in range(len(shapes.concepts))]
    moved = bank.relations.table.grad.abs().sum(dim=(0, 1)) > 0
    assert moved.tolist() == [index == above for index in range(len(shapes.relations))]


def test_while_training_every_cell_gets_gradient(shapes: Domain) -> None:
    bank = AttentionBank(shapes, FeatureSize(8), AttentionConfig())
    values = torch.randn(1, 8, 3, 3, requires_grad=True)
    run(bank, parse_program("exists(find[red])"), grid_features(values))[-1].sum().backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    assert (values.grad.abs().sum(dim=1) > 0).all()


def test_absent_cells_are_never_meant(shapes: Domain) -> None:
    bank = perfect(shapes)
    full = one_hot(grid_scene((({"color": "red", "shape": "square"},) * 3,) * 3), shapes)
    present = torch.tensor([[True] * 8 + [False]])
    features = Features(full.values, full.positions, present, full.grid)
    for text in ("find[red]", "relate[below](find[red])", "same[color](find[red])"):
        assert run(bank, parse_program(text), features)[-1][0, 8] > 1


def test_logarithms_of_probabilities(clevr: Domain) -> None:
    bank = AttentionBank(clevr, FeatureSize(4), AttentionConfig())
    yes_no = bank.log_probabilities([BOOL, BOOL], torch.tensor([1.0, 1e-30])).exp()
    assert yes_no[:, clevr.answers.index("yes")].tolist() == [0.5, 1.0]
    counts = torch.tensor([[2.9, 0.0], [2.9, 2.0]])
    numbers = bank.log_probabilities([NUMBER, NUMBER], counts).exp()
    three = clevr.answers.index("3")
    assert numbers.argmax(1).tolist() == [three, three]
    assert numbers[0, three] > 0.99
    assert numbers[1, three] < 0.5  # that many cells were uncertain
    rows = torch.full((1, len(clevr.concepts)), IMPOSSIBLE)
    rows[0, clevr.concepts.index("cyan")] = 0.01
    colors = bank.log_probabilities([value_of("color")], rows).exp()
    assert clevr.answers[int(colors.argmax())] == "cyan"
    for table in (yes_no, numbers, colors):
        torch.testing.assert_close(table.sum(dim=1), torch.ones(len(table)))
    possible = {a for a, p in zip(clevr.answers, colors[0].tolist(), strict=True) if p > 0}
    assert possible == set(clevr.values_of("color"))


def test_a_domain_without_numbers_cannot_answer_how_many(shapes: Domain) -> None:
    bank = AttentionBank(shapes, FeatureSize(4), AttentionConfig())
    with pytest.raises(ProgramTypeError, match="wanted an answer of domain shapes"):
        bank.log_probabilities([NUMBER], torch.tensor([[1.0, 0.0]]))


def test_parameter_shapes(shapes: Domain) -> None:
    bank = build_bank("attention", shapes, FeatureSize(16), {"offsets": 5})
    assert {name: tuple(p.shape) for name, p in bank.named_parameters()} == {
        "things.weight": (1, 16),
        "things.bias": (1,),
        "concepts.weight": (6, 16),
        "concepts.bias": (6,),
        "relations.table": (5, 5, 4),
    }


def on_a_plane(domain: Domain, **values: float) -> AttentionBank:
    """A bank that knows the concepts by one channel each, and left, right, front and behind."""
    config = AttentionConfig(relations="plane", empty_places=False, **values)
    size = FeatureSize(len(domain.concepts), (2, 6) if config.competition else None)
    bank = AttentionBank(domain, size, config).eval()
    steps = {"left": (-1.0, 0.0), "right": (1.0, 0.0), "front": (0.0, 1.0), "behind": (0.0, -1.0)}
    with torch.no_grad():
        bank.concepts.weight.copy_(20 * torch.eye(len(domain.concepts)))
        bank.concepts.bias.fill_(-10)
        bank.things.weight.fill_(20)
        bank.things.bias.fill_(-10)
        directions = torch.tensor([steps[name] for name in domain.relations])
        assert isinstance(bank.relations, Plane)
        bank.relations.directions.weight.copy_(directions)
    return bank


def seen(scene: Scene, domain: Domain, cells: int = 3) -> Features:
    """A grid of cells, each of which shows the object whose pixel is in it."""
    values = torch.zeros(1, len(domain.concepts), cells, cells)
    for item in scene.objects:
        x, y = (int(pixel) for pixel in item.pixel)
        for value in item.attributes.values():
            values[0, domain.concepts.index(value), y, x] = 1
    return grid_features(values)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_with_a_plane_it_is_exact_execution_on_the_objects_of_a_picture(
    data: st.DataObject,
) -> None:
    domain = load_domain("clevr")
    cells = [(x, y) for x in range(3) for y in range(3)]
    places = data.draw(st.lists(st.sampled_from(cells), unique=True, max_size=6))
    kinds = st.fixed_dictionaries({a.name: st.sampled_from(a.values) for a in domain.attributes})
    objects = [SceneObject(data.draw(kinds), pixel=(x + 0.5, y + 0.5)) for x, y in places]
    steps = {"left": (0, -1), "right": (0, 1), "front": (1, 1), "behind": (1, -1)}
    relations = {
        name: tuple(
            tuple(i for i, one in enumerate(places) if sign * (one[axis] - other[axis]) > 0)
            for other in places
        )
        for name, (axis, sign) in steps.items()
    }
    scene = Scene(tuple(objects), relations)
    program = data.draw(programs("clevr"))
    try:
        results = execute(program, scene).results
    except ExecutionError:
        return
    bank = on_a_plane(domain)
    for result, row in zip(results, run(bank, program, seen(scene, domain)), strict=True):
        if isinstance(result, frozenset):
            meant = {(cell % 3, cell // 3) for cell in (row[0] < 1).nonzero().flatten().tolist()}
            assert meant == {places[item] for item in result}
        elif isinstance(result, bool):
            assert (row.item() < 1) is result
        elif isinstance(result, int):
            assert round(row[0, 0].item()) == result


def test_relations_start_from_the_things_of_a_picture(clevr: Domain) -> None:
    kinds = {a.name: a.values[0] for a in clevr.attributes}
    objects = tuple(SceneObject(kinds, pixel=(x + 0.5, 1.5)) for x in range(3))
    scene = Scene(objects)
    program = parse_program("relate[right](scene)")
    every = run(on_a_plane(clevr), program, seen(scene, clevr))[-1]
    assert (every[0] < 1).nonzero().flatten().tolist() == [4, 5]
    few = run(on_a_plane(clevr, starts=3), program, seen(scene, clevr))[-1]
    torch.testing.assert_close(1 / (1 + few), 1 / (1 + every), atol=1e-3, rtol=0)


def test_of_a_thing_in_several_cells_one_is_meant(clevr: Domain) -> None:
    bank = on_a_plane(clevr, competition=True)
    assert bank.competition is not None
    with torch.no_grad():
        bank.competition.rank.weight.zero_()
        bank.competition.range.fill_(5.0)  # all cells say the same place
        bank.competition.rank.weight[0, clevr.concepts.index("metal")] = 1.0
    values = torch.zeros(1, len(clevr.concepts), 2, 6)
    values[0, clevr.concepts.index("red"), :, :3] = 1
    values[0, clevr.concepts.index("metal")] = torch.tensor([[0.1, 0.3, 0.2, 0, 0, 0.9]] * 2)
    values[0, clevr.concepts.index("metal"), 1] -= 0.05
    features = grid_features(values)
    assert run(bank, parse_program("count(find[red])"), features)[-1][0, 0] == 1
    assert (run(bank, parse_program("find[red]"), features)[-1][0] < 1).nonzero().item() == 1
    bank.train()
    soft = bank.mask_probabilities(run(bank, parse_program("find[red]"), features)[-1])
    assert soft.sum() < 1.5
    with pytest.raises(ShapeError, match="wanted a grid of cells, which compete"):
        AttentionBank(clevr, FeatureSize(8), AttentionConfig(competition=True))


def test_what_things_are_like_is_the_mean_of_both_views(clevr: Domain) -> None:
    red, blue = map(clevr.concepts.index, ("red", "blue"))
    values = torch.zeros(1, len(clevr.concepts), 2, 6)
    values[0, red, 0, 1] = 1.0
    straight = grid_features(values)
    # In the mirror the same cell looks more like blue, and another one like a thing.
    other = torch.zeros_like(values)
    other[0, red, 0, 4], other[0, blue, 0, 4], other[0, blue, 1, 5] = 0.3, 1.0, 1.0
    both = with_mirrored(straight, grid_features(other))
    bank = on_a_plane(clevr, both_ways=True)
    assert bank.wants_mirrored
    for name, odds in (("red", 0.5 * (20 * 1.3 - 20)), ("blue", 0.5 * (20 - 20))):
        found = run(bank, parse_program(f"find[{name}]"), both)[-1][0]
        alone = run(bank, parse_program(f"find[{name}]"), straight)[-1][0]
        assert (found >= 1).sum() >= 11
        assert -found[1].log().item() == pytest.approx(odds, abs=0.01)
        assert -alone[1].log().item() == pytest.approx(10 if name == "red" else -10, abs=0.01)
    assert not bank.train().wants_mirrored
    with pytest.raises(ShapeError, match="a grid of cells, to mirror it"):
        with_mirrored(replace(straight, grid=None), straight)


def test_a_thing_that_is_seen_in_two_places_is_one(clevr: Domain) -> None:
    bank = on_a_plane(clevr, competition=True)
    values = torch.zeros(1, len(clevr.concepts), 2, 6)
    values[0, clevr.concepts.index("red"), 0, :] = torch.tensor([1.0, 0, 0, 0.9, 0, 0])
    assert isinstance(bank.relations, Plane)
    with torch.no_grad():
        bank.competition.rank.weight.fill_(1.0)  # type: ignore[union-attr]
    count = parse_program("count(scene)")
    assert run(bank, count, grid_features(values))[-1][0, 0] == 2
    with torch.no_grad():
        bank.competition.range.fill_(0.0)  # type: ignore[union-attr] # places within 3 are one
    assert run(bank, count, grid_features(values))[-1][0, 0] == 1
    assert (run(bank, parse_program("scene"), grid_features(values))[-1][0] < 1).nonzero() == 0


def test_certain_masks_are_read_as_they_were_made(clevr: Domain) -> None:
    bank = on_a_plane(clevr)
    meant = torch.tensor([[True, False, True], [False, False, False]])
    assert bank.mask_probabilities(bank.certain(meant)).round(decimals=4).bool().equal(meant)


def test_a_bank_that_leaves_out_an_operation_cannot_be_made(shapes: Domain) -> None:
    class Partial(AttentionBank):
        def modules_by_operation(self):  # type: ignore[no-untyped-def]  # noqa: ANN202
            return {k: v for k, v in super().modules_by_operation().items() if k != "same"}

    with pytest.raises(ValueError, match=r"Partial: missing operations \['same'\]"):
        Partial(shapes, FeatureSize(4), AttentionConfig())


def test_a_user_adds_a_family(shapes: Domain) -> None:
    register("mine", AttentionConfig, AttentionBank)
    try:
        assert isinstance(build_bank("mine", shapes, FeatureSize(4), {}), AttentionBank)
    finally:
        del MODULES["mine"]


def test_the_reference_executor_and_the_symbolic_one_share_their_call(shapes: Domain) -> None:
    scene = grid_scene(((None, {"color": "red", "shape": "square"}, None),) * 3)
    program = parse_program("exists(and(find[red], relate[above](find[square])))")
    picture = torch.zeros(30, 30, 3, dtype=torch.uint8).numpy()
    example = Example("?", 0, 0, picture, program, scene=scene)
    batch = collate([example], shapes, WordVocabulary(()))

    class Perception(torch.nn.Module):
        def forward(self, _: torch.Tensor) -> Features:
            return one_hot(scene, shapes)

    neural = ReferenceExecutor(Perception(), perfect(shapes)).run([program], batch, traces=True)
    exact = SymbolicExecutor(shapes).run([program], batch, traces=True)
    assert neural.log_probabilities.argmax().item() == exact.log_probabilities.argmax().item()
    for one, other in zip(neural.traces[0].steps, exact.traces[0].steps, strict=True):
        assert one.truth == other.truth
        assert one.value == other.value


def test_of_the_values_of_an_attribute_a_thing_has_one_at_most(clevr: Domain) -> None:
    bank = AttentionBank(clevr, FeatureSize(len(clevr.concepts)), AttentionConfig(exclusive=True))
    with torch.no_grad():
        bank.concepts.weight.copy_(torch.eye(len(clevr.concepts)))
        bank.concepts.bias.zero_()
    logits = torch.randn(2, len(clevr.concepts), 1, 3, generator=torch.Generator().manual_seed(1))
    doubt = bank.prepare(grid_features(logits)).concepts
    for attribute in clevr.attributes:
        places = [clevr.concepts.index(value) for value in attribute.values]
        values = logits.flatten(2)[:, places]
        none = torch.zeros(2, 1, 3)
        wanted = torch.cat([none, values], 1).softmax(1)[:, 1:]
        torch.testing.assert_close(1 / (1 + doubt[:, places]), wanted)


def test_values_may_exclude_each_other_only_where_it_is_decided(clevr: Domain) -> None:
    size = FeatureSize(len(clevr.concepts))
    free, late = (
        AttentionBank(clevr, size, AttentionConfig(exclusive=e)) for e in (False, "decided")
    )
    late.load_state_dict(free.state_dict())
    features = grid_features(torch.randn(2, len(clevr.concepts), 1, 3))
    torch.testing.assert_close(
        late.train().prepare(features).concepts, free.train().prepare(features).concepts
    )
    assert (late.eval().prepare(features).concepts > free.eval().prepare(features).concepts).all()
