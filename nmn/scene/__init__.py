"""Scene graphs and the exact meaning of programs on them."""

from nmn.scene.scene import Scene, SceneObject, grid_scene
from nmn.scene.symbolic import SymbolicExecution, as_answer, execute

__all__ = ["Scene", "SceneObject", "SymbolicExecution", "as_answer", "execute", "grid_scene"]
