"""Execution of programs: one by one, by rules, and as a trainable model."""
