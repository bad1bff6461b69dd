"""A neuro-symbolic reasoning engine: questions become programs, programs are executed and seen."""
