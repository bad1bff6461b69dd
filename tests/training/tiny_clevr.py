"""Settings that make the presets of CLEVR tiny."""

TINY = (
    "initial_stem=",
    "data.pictures=12",
    "data.held_out=4",
    "data.world.scenes.min_objects=2",
    "data.world.scenes.max_objects=3",
    "data.world.questions.per_picture=5",
    "model.stem.width=48",
    "model.stem.height=32",
    "model.stem.levels=[[8,1],[16,1]]",
    "training.steps=12",
    "training.batch_size=20",
    "training.curriculum=[]",
    "training.log_every=5",
    "training.checkpoint_every=5",
    "training.evaluate_every=0",
    "training.patience=0",
)
