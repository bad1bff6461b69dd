"""From pictures to scene graphs."""
