"""An event file as TensorBoard's own writer makes it, from fixed times, steps and values.

Run: python Tests/Goldens/tensorboard/generate.py   (tensorboard==2.21.0, which nothing else here needs)
"""

import hashlib
import json
from pathlib import Path

import tensorboard
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

HERE = Path(__file__).resolve().parent
START = 1_700_000_000.25
EVENTS = [
    (1, {"train/loss": 3.5, "train/learning_rate": 5e-5}),
    (127, {"train/loss": 1.0 / 3.0}),
    (128, {"validation/loss": 2.25, "validation/perplexity": 9.487735836358526}),
    (1_000_000, {"train/loss": -0.0}),
]


def main():
    with open(HERE / "events.bin", "wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=START, file_version="brain.Event:2").SerializeToString())
        for index, (step, values) in enumerate(EVENTS):
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])
            writer.write(Event(wall_time=START + 1 + index, step=step, summary=summary).SerializeToString())
        writer.flush()
    digest = hashlib.sha256((HERE / "events.bin").read_bytes()).hexdigest()
    manifest = {
        "generator": "generate.py", "versions": {"tensorboard": tensorboard.__version__}, "seed": None,
        "sha256": {"events.bin": digest},
    }
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
