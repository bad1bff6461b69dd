"""Scene graphs and the exact meaning of programs on them."""

from nmn.scene.plan import Plan, compile_programs
from nmn.scene.scene import Scene, SceneObject, grid_scene
from nmn.scene.symbolic import SymbolicExecution, as_answer, execute
from nmn.scene.table import SceneTable
from nmn.scene.vectorised import VectorisedExecution, run

__all__ = [
    "Plan",
    "Scene",
    "SceneObject",
    "SceneTable",
    "SymbolicExecution",
    "VectorisedExecution",
    "as_answer",
    "compile_programs",
    "execute",
    "grid_scene",
    "run",
]
