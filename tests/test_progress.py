from nmn.progress import Stage, silent


def test_nobody_is_told() -> None:
    stage: Stage = silent
    stage("training", 1, None, "loss 0.5")
    stage("training", 2, 10)
