"""The client: a global adapter comes in, `prefixtune train` continues it on this machine's data, its arrays go out.

Paths of program, model and data come from the node's own configuration. Nothing but arrays and numbers leaves the machine: errors go
out as one sentence without paths, and the rest of what is known about them into the node's log.
"""

import json
import shlex
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Error, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from . import tool
from .adapter import Adapter
from .lora import UP, merged_model

app = ClientApp()


# Options that name files: they are the node's own, whatever a server asks for.
OWN = {"model", "data", "validation", "output", "config", "init", "test", "resume", "chat-template", "seeds"}


class Refused(Exception):
    """What is wrong with a message or a node's configuration; its text is safe to send."""


def to_record(arrays: dict[str, np.ndarray]) -> ArrayRecord:
    return ArrayRecord({name: Array(np.ascontiguousarray(arrays[name])) for name in sorted(arrays)})


def to_arrays(record: ArrayRecord | None) -> dict[str, np.ndarray]:
    return {name: array.numpy() for name, array in (record or {}).items()}


def received(message: Message) -> tuple[Adapter, dict[str, np.ndarray]]:
    """The adapter of a message, and what comes frozen with it: A (ffa) or what earlier rounds have stacked."""
    arrays, config = to_arrays(message.content.get("arrays")), message.content["config"]
    if not arrays:
        raise Refused("the message has no arrays: every client must start from the server's adapter, never from one of its own")
    frozen = to_arrays(message.content.get("frozen"))
    if config.get("lora") == "ffa":
        arrays, frozen = arrays | frozen, {}
    return Adapter.described(arrays, config["adapter"]), frozen


def place(message: Message, context: Context, folder: Path) -> tuple[str, str, Path, dict]:
    """Program, model and folder of the received adapter, and the message's configuration."""
    node, config = context.node_config, dict(message.content["config"])
    if missing := [key for key in ("model", "data") if not node.get(key)]:
        raise Refused(f"this node's configuration has no {missing[0]}")
    for word in shlex.split(f"{config['method-options']} {config['task-options']}"):
        if word.startswith("--") and word[2:].split("=")[0] in OWN:
            raise Refused(f"a server has no say about {word.split('=')[0]} at a node")
    adapter, base = received(message)
    model = str(node["model"])
    if base:
        if not Path(model).is_dir():
            raise Refused("to stack, this node's model must be a folder of safetensors files")
        merged_model(Path(model), base, json.loads(config["base-config"]), folder / "merged")
        model = str(folder / "merged")
        adapter.metadata.pop("prefixtune.base_digest", None)  # that of the model before what was merged into it
    adapter.config["base_model_name_or_path"] = model
    adapter.write(folder / "in")
    return str(node.get("prefixtune", "prefixtune")), model, folder / "in", config


def train(message: Message, context: Context) -> Message:
    started = time.monotonic()
    node = context.node_config
    with tempfile.TemporaryDirectory(prefix="prefixtune-") as name:
        folder = Path(name)
        binary, model, start, config = place(message, context, folder)
        options = tool.local_options(config)
        # Another order of the data in every round and at every node, and the same when all is repeated.
        options += ["--seed", str(int(config["seed"]) + 1000 * int(config["server-round"]) + int(node.get("partition-id", 0)))]
        if config.get("proximal-mu"):
            options += ["--proximal", str(config["proximal-mu"])]
        if config.get("lora") == "ffa":
            options += ["--freeze", "lora_A"]
        options += shlex.split(str(node.get("options", "")))
        output = folder / "out"
        summary = json.loads(tool.run(binary, [
            "train", "--model", model, "--data", str(node["data"]), "--output", str(output), "--init", f"adapter:{start}",
            "--summary-only", "--quiet", *options]).stdout)
        trained = Adapter.read(output).arrays
        if config.get("lora") == "ffa":
            trained = {key: value for key, value in trained.items() if key.endswith(UP)}
        arrays = to_record(trained)
        metrics = {
            "examples": summary["examples"], "one": 1, "target-tokens": summary["target_tokens"],
            "loss-before": summary["loss_before"], "loss-after": summary["loss_after"],
            "bytes-down": size(message.content.get("arrays")) + size(message.content.get("frozen")), "bytes-up": size(arrays),
            "seconds": time.monotonic() - started}
    return Message(RecordDict({"arrays": arrays, "metrics": MetricRecord(metrics)}), reply_to=message)


def size(record: ArrayRecord | None) -> int:
    return sum(len(array.data) for array in (record or {}).values())


def evaluate(message: Message, context: Context) -> Message:
    """The received adapter's mean loss on this node's own validation data."""
    with tempfile.TemporaryDirectory(prefix="prefixtune-") as name:
        binary, model, start, config = place(message, context, Path(name))
        if not context.node_config.get("validation"):
            raise Refused("this node's configuration has no validation")
        loss, tokens, completions = tool.loss(
            binary, model, start, config["method"], str(context.node_config["validation"]),
            shlex.split(str(context.node_config.get("options", ""))))
    metrics = {"examples": completions, "one": 1, "target-tokens": tokens, "loss": loss}
    return Message(RecordDict({"metrics": MetricRecord(metrics)}), reply_to=message)


def answered(work):
    """Errors as answers that tell no path and no data."""

    def answer(message: Message, context: Context) -> Message:
        try:
            return work(message, context)
        except (Refused, tool.ToolFailed) as error:
            reason = str(error)
        except Exception as error:  # pylint: disable=broad-exception-caught
            reason = f"{type(error).__name__}; the node's log says more"
            traceback.print_exc()
        print(f"not done: {reason}", flush=True)
        return Message(Error(code=0, reason=reason), reply_to=message)

    return answer


app.train()(answered(train))
app.evaluate()(answered(evaluate))
