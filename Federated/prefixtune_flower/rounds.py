"""Rounds around a strategy of Flower's: what is sent beside the arrays, what is kept of every round, and going on from the last."""

import json
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy

from . import lora
from .adapter import Adapter, read_safetensors, write_safetensors
from .client_app import to_arrays, to_record

WEIGHTS = {"examples": "examples", "target-tokens": "target-tokens", "equal": "one"}
SUMS = ("examples", "one", "target-tokens", "bytes-down", "bytes-up")
# What strategies carry from round to round, by the names of their attributes.
STATE = ("m_t", "v_t", "momentum_vector", "clipping_norm")


def gathered(records: list[RecordDict], weight: str) -> MetricRecord:
    """Counts and bytes are added up, losses are means by weight; the worst client stands beside them."""
    metrics = [dict(next(iter(record.metric_records.values()))) for record in records]
    total = sum(m[weight] for m in metrics)
    result = {}
    for key in metrics[0]:
        values = [m[key] for m in metrics]
        if key == "one":
            result["clients"] = len(values)
        elif key in SUMS:
            result[key] = sum(values)
        elif key == "seconds":
            result["seconds-longest"] = max(values)
        else:
            result[key] = sum(m[weight] * m[key] for m in metrics) / total
            result[f"{key}-worst"] = max(values)
    return MetricRecord(result)


class Rounds(Strategy):
    """Runs another strategy, and keeps each round's global adapter in PEFT's layout: OUTPUT/round-003."""

    def __init__(self, strategy: Strategy, config: dict, output: Path, start: Adapter, evaluate=None) -> None:
        self.strategy, self.config, self.output, self.evaluate = strategy, config, output, evaluate
        self.mode = config["lora"] if config["method"] == "lora" else ""
        self.weight = WEIGHTS[config["weights"]]
        self.done, self.adapter, self.base = 0, start, {}
        self.started = time.monotonic()
        if kept := sorted(output.glob("round-[0-9]*")):
            self.resume(kept[-1])
        else:
            if self.mode == "stack" and any(x.any() for name, x in start.arrays.items() if name.endswith(lora.UP)):
                # What was trained before is the first thing stacked; clients start beside it.
                self.base = lora.stacked({}, [start.arrays], [1.0], lora.scale(start.config))
                self.adapter.arrays = lora.fresh(start.arrays, config["seed"])
            self.keep({})

    @property
    def inner(self) -> Strategy:
        return getattr(self.strategy, "strategy", self.strategy)

    def sent(self) -> ArrayRecord:
        """The arrays that clients train: with ffa B alone."""
        arrays = self.adapter.arrays
        return to_record({k: v for k, v in arrays.items() if self.mode != "ffa" or k.endswith(lora.UP)})

    def with_frozen(self, messages: Iterable[Message]) -> list[Message]:
        messages = list(messages)
        frozen = self.base
        if self.mode == "ffa":
            frozen = {k: v for k, v in self.adapter.arrays.items() if k.endswith(lora.DOWN)}
        if frozen and messages:
            record = to_record(frozen)
            for message in messages:
                message.content["frozen"] = record
        return messages

    def described(self, config: ConfigRecord) -> ConfigRecord:
        config["adapter"] = self.adapter.describe()
        if self.base:
            config["base-config"] = json.dumps(lora.stacked_config(self.adapter.config, self.base))
        return config

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Iterable[Message]:
        self.started = time.monotonic()
        # Stacking starts LoRA anew in every round, whatever the last one has answered.
        arrays = self.sent() if self.mode == "stack" else arrays
        return self.with_frozen(self.strategy.configure_train(self.done + 1, arrays, self.described(config), grid))

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]) -> tuple[ArrayRecord | None, MetricRecord | None]:
        replies = [reply for reply in replies if reply.has_error() or self.is_usable(reply)]
        # In an order of their contents, not of their arrival: sums, and with them all later rounds, are the same when repeated.
        replies = sorted(replies, key=lambda r: b"" if r.has_error() else next(iter(r.content["arrays"].values())).data)
        answers = [reply.content for reply in replies if not reply.has_error()]
        counts = [next(iter(a.metric_records.values()))[self.weight] for a in answers]
        weights = [count / sum(counts) for count in counts]
        clients = [to_arrays(a["arrays"]) for a in answers] if self.mode in ("average", "stack") else []
        arrays, metrics = self.strategy.aggregate_train(self.done + 1, replies)
        if arrays is None or metrics is None:
            print(f"round {self.done + 1}: no result, the adapter stays as it is", flush=True)
            return None, None
        if self.mode in ("average", "ffa"):
            metrics["aggregation-error"] = lora.aggregation_error(clients, weights) if clients else 0.0
        self.done += 1
        if self.mode == "stack":
            factor = lora.scale(self.adapter.config)
            metrics["aggregation-error"] = stacking_error(self.base, clients, weights, factor)
            self.base = lora.stacked(self.base, clients, weights, factor)
            self.adapter.arrays = lora.fresh(self.adapter.arrays, self.config["seed"] + self.done)
        else:
            new = {name: array.astype(np.float32) for name, array in to_arrays(arrays).items()}
            self.adapter.arrays = self.adapter.arrays | new
        metrics["seconds"] = time.monotonic() - self.started
        metrics = MetricRecord(self.keep(dict(metrics)))
        print(f"round {self.done}: {json.dumps(dict(metrics))}", flush=True)
        return self.sent(), metrics

    def is_usable(self, reply: Message) -> bool:
        """One client whose training has diverged, or whose program sends something else, must not end or spoil the round."""
        arrays, expected = to_arrays(reply.content.get("arrays")), to_arrays(self.sent())
        if {k: x.shape for k, x in arrays.items()} != {k: x.shape for k, x in expected.items()}:
            reason = "its tensors have other names or shapes"
        elif not all(np.isfinite(x).all() for x in arrays.values()):
            reason = "its values are not all finite"
        else:
            return True
        print(f"round {self.done + 1}: node {reply.metadata.src_node_id} is left out: {reason}", flush=True)
        return False

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Iterable[Message]:
        return self.with_frozen(self.strategy.configure_evaluate(self.done, arrays, self.described(config), grid))

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        metrics = self.strategy.aggregate_evaluate(self.done, replies)
        if metrics is not None:
            print(f"round {self.done}, clients' own validation: {json.dumps(dict(metrics))}", flush=True)
        return metrics

    def summary(self) -> None:
        self.strategy.summary()

    # What is on disk

    def folder(self, number: int) -> Path:
        return self.output / f"round-{number:03}"

    def answering(self) -> Adapter:
        """The global adapter, as one that answers: with stack, all that was stacked."""
        a = self.adapter
        if not self.base:
            return a
        metadata = {k: v for k, v in a.metadata.items()}
        return Adapter(self.base, lora.stacked_config(a.config, self.base), metadata, a.task)

    def keep(self, metrics: dict) -> dict:
        """Writes the round's folder: the adapter, metrics in round.json, and what is needed to go on in server-state.safetensors."""
        folder, adapter = self.folder(self.done), self.answering()
        adapter.write(folder.with_name("next"), {})
        if self.evaluate:
            metrics["validation-loss"] = self.evaluate(folder.with_name("next"))
        state, numbers = {}, {}
        for key in STATE:
            for owner in {id(self.strategy): self.strategy, id(self.inner): self.inner}.values():
                value = getattr(owner, key, None)
                if isinstance(value, (int, float)):
                    numbers[key] = float(value)
                elif value is not None:
                    pairs = value.items() if isinstance(value, dict) else ((f"{i:06}", x) for i, x in enumerate(value))
                    state |= {f"{key}/{name}": np.asarray(x) for name, x in pairs}
        if self.mode == "stack":
            state |= {f"start/{name}": x for name, x in self.adapter.arrays.items()}
            state |= {f"base/{name}": x for name, x in self.base.items()}
        record = {"round": self.done, "metrics": metrics, "numbers": numbers, "start": json.loads(self.adapter.describe())}
        if self.mode == "stack":
            record["next_round_starts_from"] = (
                f"the model with this adapter merged into it, A drawn with seed {self.config['seed'] + self.done}, B = 0")
        if accountant := getattr(self.strategy, "accountant", None):
            spent = accountant.get_privacy_spent()
            metrics |= {"epsilon": spent.epsilon, "delta": spent.delta}
            record["privacy"] = accountant.state_dict()
        next_folder = folder.with_name("next")
        if state:
            write_safetensors(next_folder / "server-state.safetensors", state, {})
        (next_folder / "round.json").write_text(json.dumps(record, indent=2) + "\n")
        next_folder.rename(folder)
        return metrics

    def resume(self, folder: Path) -> None:
        record = json.loads((folder / "round.json").read_text())
        self.done, kept = record["round"], Adapter.read(folder)
        state_file = folder / "server-state.safetensors"
        state = read_safetensors(state_file)[0] if state_file.exists() else {}
        parts: dict[str, dict] = {}
        for name, value in state.items():
            key, rest = name.split("/", 1)
            parts.setdefault(key, {})[rest] = value
        self.adapter = Adapter(kept.arrays, **record["start"])
        if self.mode == "stack":
            self.adapter.arrays, self.base = parts["start"], parts.get("base", {})
        for key in STATE:
            value = record["numbers"].get(key, parts.get(key))
            owner = self.strategy if key in vars(self.strategy) else self.inner
            if value is not None:
                setattr(owner, key, list(value.values()) if key == "momentum_vector" else value)
        if accountant := getattr(self.strategy, "accountant", None):
            accountant.load_state_dict(record["privacy"])
        print(f"going on after round {self.done} of {folder}", flush=True)


def stacking_error(base: lora.Arrays, clients: list[lora.Arrays], weights: list[float], factor: float) -> float:
    """How far the stacked product is from the sum of the products, relative to it: rounding only."""
    after, difference, norm = lora.stacked(base, clients, weights, factor), 0.0, 0.0
    for name in lora.modules(after):
        exact, _ = lora.products_and_means(clients, weights, name)
        exact *= factor
        if base:
            exact += base[name + lora.UP].astype(np.float64) @ base[name + lora.DOWN]
        product = after[name + lora.UP].astype(np.float64) @ after[name + lora.DOWN]
        difference, norm = difference + np.sum((product - exact) ** 2), norm + np.sum(exact**2)
    return float(np.sqrt(difference / norm)) if norm else 0.0
