"""The app without a network: messages are made here and given to the client and to the rounds directly.

    python units.py --binary PREFIXTUNE
"""

import argparse
import contextlib
import importlib.util
import io
import json
import logging
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

import numpy as np
from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.supercore.task_identity import TaskIdentity

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from prefixtune_flower import client_app, lora, server_app, tool  # noqa: E402
from prefixtune_flower.adapter import Adapter, read_safetensors, write_safetensors  # noqa: E402
from prefixtune_flower.rounds import Rounds, gathered  # noqa: E402

BINARY = BASE = ""
REPORT = sys.stdout  # tests print into nothing, but for this
CONFIG = {
    "prefixtune": "", "model": "embedded", "output": "", "initial": "", "init": "words:good food near the river", "validation": "",
    "prompt-ending": "\n", "method": "prefix", "method-options": "", "task-options": "", "lora": "average", "local-steps": 3,
    "batch-size": 4, "learning-rate": 5e-3, "seed": 101, "strategy": "fedavg", "strategy-options": "", "weights": "examples",
    "fraction-train": 1.0, "fraction-evaluate": 0.0, "min-nodes": 1, "start-nodes": 1, "timeout": 60.0, "rounds": 2, "dp": "none",
    "dp-noise": 1.0, "dp-clip": 1.0, "dp-clients": 3, "dp-population": 3, "dp-delta": 0.0, "dp-epsilon": 0.0}
# What Flower's processes set before an app runs; a message cannot be made without.
logging.getLogger("flwr").setLevel(logging.CRITICAL)
TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 1, 1
LORA_SHAPES = {"m.0": (4, 24, 72), "m.1": (4, 24, 24)}


class NoGrid:
    """A grid of three nodes that never sends."""

    def get_node_ids(self):
        return [1, 2, 3]


def settings(**changes) -> dict:
    return {**CONFIG, "prefixtune": BINARY, **{k.replace("_", "-"): v for k, v in changes.items()}}


def low_rank(seed: int, b: bool = True) -> dict:
    random, arrays = np.random.default_rng(seed), {}
    for name, (rank, inputs, outputs) in LORA_SHAPES.items():
        arrays[name + lora.DOWN] = random.normal(size=(rank, inputs)).astype(np.float32)
        arrays[name + lora.UP] = (random.normal(size=(outputs, rank)) * b).astype(np.float32)
    return dict(sorted(arrays.items()))


def replies(clients: list[dict], examples: list[int]) -> list[Message]:
    result = []
    for arrays, count in zip(clients, examples):
        asked = Message(RecordDict(), dst_node_id=1, message_type="train")
        metrics = MetricRecord({"examples": count, "one": 1, "target-tokens": 2 * count, "loss-before": 2.0 + count, "loss-after": 1.0 + count, "seconds": 1.0})
        result.append(Message(RecordDict({"arrays": client_app.to_record(arrays), "metrics": metrics}), reply_to=asked))
    return result


def start(config: dict, folder: Path, arrays: dict) -> Rounds:
    adapter = Adapter(dict(arrays), {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "base_model_name_or_path": "/private/model"})
    return Rounds(server_app.make_strategy(config), config, folder, adapter)


def one_round(rounds: Rounds, clients: list[dict], examples: list[int]) -> tuple[list[Message], dict]:
    messages = list(rounds.configure_train(1, rounds.sent(), ConfigRecord(), NoGrid()))
    _, metrics = rounds.aggregate_train(1, replies(clients, examples))
    return messages, dict(metrics or {})


class Quiet(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.printed = self.enterContext(contextlib.redirect_stdout(io.StringIO()))
        self.enterContext(contextlib.redirect_stderr(io.StringIO()))


class Files(Quiet):
    def test_tensors_come_back_bit_for_bit(self):
        arrays = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array([1e-45, -0.0, np.inf], np.float32)}
        write_safetensors(self.folder / "x.safetensors", arrays, {"format": "pt"})
        back, metadata = read_safetensors(self.folder / "x.safetensors")
        self.assertEqual(metadata, {"format": "pt"})
        self.assertEqual(list(back), ["a", "b"])
        for name, array in arrays.items():
            self.assertEqual(array.tobytes(), back[name].tobytes())
            self.assertEqual(array.shape, back[name].shape)


    def test_tensors_come_in_the_order_of_their_names(self):
        """Flower's clipping takes a client's arrays and the global ones in pairs by their place."""
        header = b'{"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"BF16","shape":[1],"data_offsets":[4,6]}}'
        content = len(header).to_bytes(8, "little") + header + np.array([2], "<f4").tobytes() + b"\xc0\x3f"
        (self.folder / "x.safetensors").write_bytes(content)
        self.assertEqual([(k, float(x[0])) for k, x in read_safetensors(self.folder / "x.safetensors")[0].items()], [("a", 1.5), ("b", 2)])


class Means(Quiet):
    clients = [low_rank(seed) for seed in (1, 2, 3)]
    examples = [500, 30, 7]

    def exact(self, weights) -> dict:
        return {k: sum(w * c[k].astype(np.float64) for w, c in zip(weights, self.clients)) / sum(weights) for k in self.clients[0]}

    def difference(self, one: dict, other: dict) -> float:
        return max(float(np.max(np.abs(one[k] - other[k]))) for k in other)

    def test_flowers_mean_is_numpys(self):
        for kind, weights in (("examples", self.examples), ("target-tokens", self.examples), ("equal", [1, 1, 1])):
            rounds = start(settings(weights=kind), self.folder / kind, low_rank(0))
            one_round(rounds, self.clients, self.examples)
            kept = Adapter.read(self.folder / kind / "round-001").arrays
            largest = max(np.abs(x).max() for c in self.clients for x in c.values())
            self.assertLess(self.difference(kept, self.exact(weights)), 1e-7 * max(1, largest))

    def test_the_order_of_arrival_has_no_part_in_the_bits(self):
        contents = set()
        for order in ([0, 1, 2], [2, 0, 1]):
            folder = self.folder / str(order)
            one_round(start(settings(), folder, low_rank(0)), [self.clients[i] for i in order], [self.examples[i] for i in order])
            contents.add((folder / "round-001" / "adapter_model.safetensors").read_bytes())
        self.assertEqual(len(contents), 1)

    def test_the_worst_client_stands_beside_the_mean(self):
        records = [reply.content for reply in replies(self.clients, [1, 3, 4])]
        metrics = gathered(records, "examples")
        self.assertEqual((metrics["clients"], metrics["examples"], metrics["loss-after-worst"]), (3, 8, 5.0))
        self.assertAlmostEqual(metrics["loss-after"], (1 * 2 + 3 * 4 + 4 * 5) / 8)

    def test_every_strategy_by_name_and_going_on(self):
        """Three rounds at once, and two and one: the same bytes, with what the server's optimiser carries on."""
        for name in ("fedavg", "fedprox", "fedadam", "fedadagrad", "fedyogi", "fedavgm", "fedmedian", "fedtrimmedavg", "krum",
                     "multikrum", "bulyan", "qfedavg"):
            options = {"fedavgm": "server_momentum=0.9 server_learning_rate=0.5", "fedprox": "proximal_mu=0.1",
                       "qfedavg": "client_learning_rate=0.1"}.get(name, "")
            config = settings(strategy=name, strategy_options=options)
            whole = start(config, self.folder / name, low_rank(0))
            for _ in range(3):
                one_round(whole, self.clients, self.examples)
            parts = start(config, self.folder / f"{name}-parts", low_rank(0))
            one_round(parts, self.clients, self.examples)
            one_round(parts, self.clients, self.examples)
            parts = Rounds(server_app.make_strategy(config), config, self.folder / f"{name}-parts", None)
            self.assertEqual(parts.done, 2)
            messages, _ = one_round(parts, self.clients, self.examples)
            self.assertEqual(messages[0].content["config"]["server-round"], 3)
            if name == "fedprox":
                self.assertEqual(messages[0].content["config"]["proximal-mu"], 0.1)
            both = [(self.folder / f / "round-003" / "adapter_model.safetensors").read_bytes() for f in (name, f"{name}-parts")]
            self.assertEqual(both[0], both[1], name)

    def test_what_cannot_be_is_refused(self):
        for changes, says in (
            ({"strategy": "fedbest"}, "strategy is 'fedbest', but must be one of"),
            ({"strategy_options": "etta=1"}, "an option of FedAvg is 'etta'"), ({"weights": "words"}, "weights is 'words'"),
            ({"dp": "fixed"}, "weights=\"equal\" is needed")):
            with self.assertRaisesRegex(ValueError, says):
                server_app.make_strategy(settings(**changes))
        with self.assertRaisesRegex(ValueError, "no mean for another strategy"):
            server_app.checked(settings(method="lora", lora="stack", strategy="fedadam"), self.folder)
        server_app.checked(settings(), self.folder)
        with self.assertRaisesRegex(ValueError, "rounds with local-steps = 3, now it is 4"):
            server_app.checked(settings(local_steps=4), self.folder)

    def test_what_is_not_finite_or_of_other_shapes_has_no_part(self):
        broken, other = dict(self.clients[0]), dict(self.clients[1])
        name = next(iter(broken))
        broken[name] = broken[name] * np.float32("nan")
        other[name] = other[name][:1]
        rounds = start(settings(), self.folder, low_rank(0))
        _, metrics = one_round(rounds, [broken, other, self.clients[2]], [1000, 1000, 1])
        self.assertEqual(metrics["clients"], 1)
        for key, array in self.clients[2].items():
            np.testing.assert_array_equal(rounds.adapter.arrays[key], array)

    def test_failed_clients_leave_the_adapter_as_it_is(self):
        rounds = start(settings(), self.folder, low_rank(0))
        self.assertEqual(rounds.aggregate_train(1, []), (None, None))
        self.assertEqual(rounds.done, 0)


class Merging(Quiet):
    def test_a_merged_model_scores_as_with_the_adapter_beside_it(self):
        adapter = tool.untrained(settings(method="lora", method_options="--lora-rank 4", init=""))
        nothing = Adapter(dict(adapter.arrays), adapter.config)
        random = np.random.default_rng(1)
        adapter.arrays = {k: (0.1 * random.normal(size=x.shape)).astype(np.float32) for k, x in adapter.arrays.items()}
        adapter.write(self.folder / "adapter")
        nothing.write(self.folder / "nothing")
        data = self.folder / "d.jsonl"
        data.write_text(json.dumps({"prompt": "name : The Swan\n", "completion": "The Swan is a hotel."}) + "\n")
        base = lora.stacked({}, [adapter.arrays], [1.0], lora.scale(adapter.config))
        lora.merged_model(Path(BASE), base, adapter.config, self.folder / "merged")

        def loss(model: str, name: str) -> float:
            return tool.loss(BINARY, model, self.folder / name, "lora", str(data), [])[0]

        beside, without = loss("embedded", "adapter"), loss("embedded", "nothing")
        self.assertGreater(abs(beside - without), 0.1)
        self.assertAlmostEqual(loss(str(self.folder / "merged"), "nothing"), beside, delta=1e-4)

    def test_a_model_without_the_matrix_is_refused(self):
        with self.assertRaisesRegex(ValueError, "no matrix for m.0"):
            lora.merged_model(Path(BASE), low_rank(0), {}, self.folder / "merged")


class Privacy(Quiet):
    def test_no_noise_and_no_clipping_is_no_privacy(self):
        clients, examples = [low_rank(seed) for seed in (1, 2, 3)], [5, 5, 5]
        plain = start(settings(weights="equal"), self.folder / "plain", low_rank(0))
        private = start(settings(weights="equal", dp="fixed", dp_noise=0.0, dp_clip=1e6), self.folder / "private", low_rank(0))
        clipped = start(settings(weights="equal", dp="fixed", dp_noise=0.0, dp_clip=0.5), self.folder / "clipped", low_rank(0))
        for rounds in (plain, private, clipped):
            one_round(rounds, clients, examples)
        for name, array in plain.adapter.arrays.items():
            np.testing.assert_allclose(private.adapter.arrays[name], array, rtol=1e-5, atol=1e-6)
        moved = np.sqrt(sum(np.sum((x - low_rank(0)[k]) ** 2) for k, x in clipped.adapter.arrays.items()))
        self.assertLess(moved, 0.5 + 1e-4)

    @unittest.skipUnless(importlib.util.find_spec("dp_accounting"), "flwr[dp] is not installed")
    def test_what_was_spent_is_kept(self):
        config = settings(weights="equal", dp="fixed", dp_delta=1e-5, dp_noise=1.0)
        clients, spent = [low_rank(seed) for seed in (1, 2, 3)], []
        for _ in range(3):
            rounds = start(config, self.folder, low_rank(0))
            spent.append(one_round(rounds, clients, [1, 1, 1])[1]["epsilon"])
        self.assertTrue(spent[0] < spent[1] < spent[2], spent)
        whole = start(config, self.folder / "whole", low_rank(0))
        for _ in range(3):
            metrics = one_round(whole, clients, [1, 1, 1])[1]
        self.assertAlmostEqual(metrics["epsilon"], spent[2])
        bounded = start({**config, "dp-epsilon": (spent[0] + spent[1]) / 2}, self.folder / "bounded", low_rank(0))
        one_round(bounded, clients, [1, 1, 1])
        with self.assertRaises(server_app.PrivacyBudgetExhausted):
            one_round(bounded, clients, [1, 1, 1])

    def test_adaptive_clipping_goes_on_where_it_was(self):
        config, clients = settings(weights="equal", dp="adaptive", dp_noise=0.0), [low_rank(seed) for seed in (1, 2, 3)]
        rounds = start(config, self.folder, low_rank(0))
        one_round(rounds, clients, [1, 1, 1])
        norm = rounds.strategy.clipping_norm
        self.assertNotEqual(norm, 1.0)
        self.assertEqual(start(config, self.folder, low_rank(0)).strategy.clipping_norm, norm)

    def test_noise_has_the_stated_size(self):
        rounds = start(settings(weights="equal", dp="fixed", dp_noise=2.0, dp_clip=0.3), self.folder, low_rank(0))
        # Of no size, but not nothing: Flower's clipping divides by the norm of what has changed.
        one_round(rounds, [{k: x + np.float32(1e-5) for k, x in low_rank(0).items()}] * 3, [1, 1, 1])
        values = np.concatenate([(x - low_rank(0)[k]).ravel() for k, x in rounds.adapter.arrays.items()])
        self.assertAlmostEqual(float(np.std(values)), 2.0 * 0.3 / 3, delta=0.02)


class LoRA(Quiet):
    clients, examples = [low_rank(seed) for seed in (1, 2, 3)], [3, 2, 1]

    def products(self, arrays: dict, factor: float) -> dict:
        return {m: factor * arrays[m + lora.UP].astype(np.float64) @ arrays[m + lora.DOWN] for m in lora.modules(arrays)}

    def test_averaging_errs_and_says_how_much(self):
        _, metrics = one_round(start(settings(method="lora"), self.folder, low_rank(0)), self.clients, self.examples)
        self.assertGreater(metrics["aggregation-error"], 0.1)

    def test_ffa_sends_a_once_and_b_alone(self):
        first = low_rank(0)
        rounds = start(settings(method="lora", lora="ffa", strategy="fedadam"), self.folder, first)
        clients = [{k: v for k, v in c.items() if k.endswith(lora.UP)} for c in self.clients]
        messages, metrics = one_round(rounds, clients, self.examples)
        self.assertTrue(all(k.endswith(lora.UP) for k in messages[0].content["arrays"]))
        adapter, frozen = client_app.received(with_config(messages[0], lora="ffa"))
        self.assertEqual(list(adapter.arrays) and sorted(adapter.arrays), sorted(first))
        self.assertEqual(frozen, {})
        self.assertEqual(metrics["aggregation-error"], 0.0)
        for name, array in first.items():
            same = np.array_equal(rounds.adapter.arrays[name], array)
            self.assertEqual(same, name.endswith(lora.DOWN), name)

    def test_stacking_is_exact_beyond_full_rank(self):
        config = settings(method="lora", lora="stack")
        rounds, sums, starts = start(config, self.folder, low_rank(0, b=False)), None, []
        for number in range(1, 5):
            starts.append(rounds.adapter.arrays["m.0" + lora.DOWN].tobytes())
            messages, metrics = one_round(rounds, self.clients, self.examples)
            self.assertEqual("frozen" in messages[0].content, number > 1)
            self.assertLess(metrics["aggregation-error"], 1e-6)
            parts = [self.products(c, 8 / 4 * n / 6) for c, n in zip(self.clients, self.examples)]
            step = {m: sum(p[m] for p in parts) for m in LORA_SHAPES}
            sums = {m: sums[m] + step[m] for m in step} if sums else step
            kept = Adapter.read(self.folder / f"round-{number:03}")
            factor = kept.config["lora_alpha"] / kept.config["r"]
            for module, product in self.products(kept.arrays, factor).items():
                self.assertLess(np.linalg.norm(product - sums[module]) / np.linalg.norm(sums[module]), 1e-6)
        self.assertEqual(len(set(starts)), 4)  # LoRA anew in every round
        self.assertEqual(kept.config["r"], 24)  # not 4 rounds x 3 clients x rank 4 = 48
        again = Rounds(server_app.make_strategy(config), config, self.folder, None)
        self.assertEqual(again.done, 4)
        for name in rounds.base:
            np.testing.assert_array_equal(again.base[name], rounds.base[name])
        self.assertFalse(any(x.any() for k, x in again.adapter.arrays.items() if k.endswith(lora.UP)))

    def test_a_trained_start_is_stacked_first(self):
        rounds = start(settings(method="lora", lora="stack"), self.folder, low_rank(0))
        kept = Adapter.read(self.folder / "round-000")
        for module, product in self.products(kept.arrays, kept.config["lora_alpha"] / kept.config["r"]).items():
            np.testing.assert_allclose(product, self.products(low_rank(0), 2.0)[module], atol=1e-5)
        self.assertIn("frozen", one_round(rounds, self.clients, self.examples)[0][0].content)


def with_config(message: Message, **more) -> Message:
    for key, value in more.items():
        message.content["config"][key] = value
    return message


class Asked(Quiet):
    def message(self, adapter: Adapter | None, **changes) -> Message:
        config = {key: settings(**changes)[key] for key in server_app.TOLD} | {"server-round": 1}
        content = RecordDict({"config": ConfigRecord(config)})
        if adapter:
            content["config"]["adapter"] = adapter.describe()
            content["arrays"] = client_app.to_record(adapter.arrays)
        return Message(content, dst_node_id=1, message_type="train")

    def ask(self, message: Message, **node) -> Message:
        context = Context(run_id=1, node_id=1, node_config=node, state=RecordDict(), run_config={})
        return client_app.app(message, context)


class Clients(Asked):
    def test_a_client_never_starts_from_its_own(self):
        answer = self.ask(self.message(None), model="embedded", data="d.jsonl")
        self.assertTrue(answer.has_error())
        self.assertIn("every client must start from the server's adapter", answer.error.reason)

    def test_a_server_has_no_say_about_files(self):
        for options in ({"method_options": "--output /elsewhere"}, {"task_options": "--config=/etc/other.json"}):
            answer = self.ask(self.message(Adapter(low_rank(0), {}), **options), model="embedded", data="d.jsonl")
            self.assertIn("a server has no say about --", answer.error.reason)

    def test_errors_leave_without_paths_and_data(self):
        adapter = tool.untrained(settings())
        data = self.folder / "private-folder" / "d.jsonl"
        data.parent.mkdir()
        data.write_text('{"prompt": "secret-words", "nothing": 1}\n')
        for node in (
            {"data": str(data), "prefixtune": BINARY}, {"data": str(data) + "-absent", "prefixtune": BINARY},
            {"data": str(data), "prefixtune": str(data.parent / "no-such-program")},
            {"data": str(data), "prefixtune": BINARY, "options": "--no-such-option"}, {"prefixtune": BINARY}):
            answer = self.ask(self.message(adapter), model="embedded", **node)
            self.assertTrue(answer.has_error(), node)
            for secret in ("private-folder", "secret-words", "d.jsonl", str(self.folder)):
                self.assertNotIn(secret, answer.error.reason)
        # What nobody has thought of: a model's folder whose file is gone.
        (data.parent / "model.safetensors").symlink_to(data.parent / "gone")
        message = self.message(Adapter(low_rank(0), {"r": 4, "lora_alpha": 8}), method="lora", lora="stack")
        message.content["config"]["base-config"], message.content["frozen"] = "{}", client_app.to_record(low_rank(0))
        answer = self.ask(message, model=str(data.parent), data=str(data), prefixtune=BINARY)
        self.assertEqual(answer.error.reason, "FileNotFoundError; the node's log says more")
        self.assertIn("private-folder", self.printed.getvalue())  # the node's own log does say it

    def test_a_local_round_trains_from_what_came(self):
        data = self.folder / "d.jsonl"
        data.write_text("".join(json.dumps({"prompt": f"name : {i}\n", "completion": f" The {i}."}) + "\n" for i in range(9)))
        adapter = tool.untrained(settings())
        self.assertEqual(adapter.task["prompt_ending"], "\n")
        still = self.ask(self.message(adapter, learning_rate=0.0), model="embedded", data=str(data), prefixtune=BINARY)
        self.assertFalse(still.has_error(), still)
        for name, array in client_app.to_arrays(still.content["arrays"]).items():
            self.assertEqual(array.tobytes(), adapter.arrays[name].tobytes())
        moved = self.ask(self.message(adapter, local_steps=40), model="embedded", data=str(data), prefixtune=BINARY)
        metrics = dict(moved.content["metrics"])
        self.assertEqual(metrics["examples"], 9)
        self.assertLess(metrics["loss-after"], metrics["loss-before"])
        self.assertFalse(np.array_equal(client_app.to_arrays(moved.content["arrays"])[name], adapter.arrays[name]))
        # The record has arrays and numbers, and nothing else.
        self.assertEqual(sorted(moved.content), ["arrays", "metrics"])
        self.assertTrue(all(isinstance(v, (int, float)) for v in metrics.values()))


class WholeRounds(Asked):
    """Server and clients in one process, with the program: what Flower does between them is in loopback.py."""

    def setUp(self):
        super().setUp()
        self.places = [self.folder / name for name in ("hotel", "museum")]
        for place in self.places:
            rows = [json.dumps({"prompt": f"name : The {i} | type : {place.name}\n", "completion": f"The {i} is a {place.name}."})
                    for i in range(12)]
            place.write_text("\n".join(rows) + "\n")
        (self.folder / "both").write_text("".join(place.read_text() for place in self.places))

    def rounds(self, number: int, **changes) -> tuple[Rounds, dict]:
        config = settings(local_steps=6, min_nodes=2, **changes)
        output = self.folder / "rounds"
        rounds = Rounds(server_app.make_strategy(config), config, output, tool.untrained(config))
        arrays = rounds.sent()
        for _ in range(number):
            told = ConfigRecord({key: config[key] for key in server_app.TOLD})
            messages = list(rounds.configure_train(1, arrays, told, NoGrid()))[:2]
            answers = [
                self.ask(message, model=BASE, data=str(place), prefixtune=BINARY)
                for message, place in zip(messages, self.places)]
            for answer in answers:
                self.assertFalse(answer.has_error(), answer)
            arrays, metrics = rounds.aggregate_train(1, answers)
        return rounds, dict(metrics)

    def loss(self, folder: Path, method: str) -> float:
        return tool.loss(BINARY, "embedded", folder, method, str(self.folder / "both"), [])[0]

    def test_three_ways_to_federate_lora(self):
        for way in ("average", "ffa", "stack"):
            rounds, metrics = self.rounds(2, method="lora", method_options="--lora-rank 2", init="", lora=way)
            output = self.folder / way
            (self.folder / "rounds").rename(output)
            losses = [self.loss(output / f"round-{r:03}", "lora") for r in (0, 2)]
            self.assertLess(losses[1], losses[0] - 0.1, way)
            error, rank = metrics["aggregation-error"], Adapter.read(output / "round-002").config["r"]
            print(f"{way}: loss {losses[0]:.4f} to {losses[1]:.4f}, error of aggregation {error:.1e}, rank {rank}, "
                  f"{metrics['bytes-down']} bytes down, {metrics['bytes-up']} up", file=REPORT)
            self.assertEqual(rank, 8 if way == "stack" else 2)
            if way == "average":
                self.assertGreater(error, 1e-3)
            else:
                self.assertLess(error, 1e-6)

    def test_other_methods_and_the_proximal_term(self):
        for method, options in (("prefix", ""), ("prompt-tuning", "--prefix-length 4"), ("adapter", "--bottleneck 2")):
            words = {} if method == "prefix" else {"init": ""}
            _, metrics = self.rounds(1, method=method, method_options=options, learning_rate=1e-2, **words)
            (self.folder / "rounds").rename(self.folder / method)
            self.assertLess(self.loss(self.folder / method / "round-001", method), self.loss(self.folder / method / "round-000", method))
        moved = []
        for mu in (0.001, 1000):
            rounds, _ = self.rounds(1, strategy="fedprox", strategy_options=f"proximal_mu={mu}")
            start = Adapter.read(self.folder / "rounds" / "round-000").arrays
            moved.append(np.sqrt(sum(np.sum((x - start[k]) ** 2) for k, x in rounds.adapter.arrays.items())))
            (self.folder / "rounds").rename(self.folder / f"mu-{mu}")
        self.assertLess(moved[1], 0.7 * moved[0])

    def test_clients_score_the_adapter_on_their_own_validation(self):
        rounds, _ = self.rounds(1, fraction_evaluate=1.0)
        told = ConfigRecord({key: settings()[key] for key in server_app.TOLD})
        messages = list(rounds.configure_evaluate(1, rounds.sent(), told, NoGrid()))[:2]
        answers = [
            self.ask(m, model=BASE, data="absent", validation=str(place), prefixtune=BINARY)
            for m, place in zip(messages, self.places)]
        metrics = dict(rounds.aggregate_evaluate(1, answers))
        last = self.folder / "rounds" / "round-001"
        expected = [tool.loss(BINARY, "embedded", last, "prefix", str(place), [])[0] for place in self.places]
        self.assertAlmostEqual(metrics["loss"], np.mean(expected), delta=1e-5)  # of as many examples each
        self.assertEqual((metrics["clients"], metrics["examples"]), (2, 24))
        without = self.ask(messages[0], model=BASE, data="absent", prefixtune=BINARY)
        self.assertIn("has no validation", without.error.reason)

    def test_a_file_of_loralib_is_a_start(self):
        """As FZH1996/fed-lora and the LoRA paper's code keep GPT-2's: queries and values of c_attn, A [2r × in], B [2 in × r]."""
        random, state = np.random.default_rng(5), {}
        for layer in range(4):
            stem = f"transformer.h.{layer}.attn.c_attn.lora_"
            state |= {stem + "A": 0.1 * random.normal(size=(8, 192)), stem + "B": 0.1 * random.normal(size=(384, 4))}
        torch_file(self.folder / "model.pt", state)
        rounds, _ = self.rounds(1, method="lora", lora="ffa", init="", initial=str(self.folder / "model.pt"))
        self.assertEqual(rounds.adapter.config["r"], 8)
        start = tool.loss(BINARY, "embedded", self.folder / "rounds" / "round-000", "lora", str(self.places[0]), [])[0]
        self.assertAlmostEqual(
            start, tool.loss(BINARY, "embedded", self.folder / "model.pt", "lora", str(self.places[0]), [])[0], delta=1e-5)


class InProcess(Asked):
    """`prefixtune experiment federated` in one process, against this app's server and clients: the same clients, seeds and order."""

    def test_the_study_comes_to_what_the_app_does(self):
        output, clients = self.folder / "study", 3
        common = ["batch_size=4", "learning_rate=0.005", "reduction=sum", "length=4", "warmup=0", "schedule=constant"]
        tool.run(BINARY, [
            "experiment", "federated", "--output", str(output), "--quiet", "--set", "seeds=[101]", 'rows=["prefix-flat"]',
            'federated.plan={"prefix-flat":["topics"]}', f"federated.clients={clients}", "federated.rounds=2",
            "federated.local_steps=3", "train_examples=65", "tokens_per_pass=256", "test_sources=2", "max_new_tokens=2", "beams=1",
            "validation_examples=2", *(f"methods.prefix-flat.{setting}" for setting in common)])
        study = Adapter.read(output / "runs" / "embedded-prefix-flat_topics-seed101" / "adapter").arrays
        # The tables have six topics in turn, and a client gets two of them.
        tables = (Path(BASE).parent / "tables" / "train.jsonl").read_text().splitlines(keepends=True)[:65]
        places = [self.folder / str(client) for client in range(clients)]
        for client, place in enumerate(places):
            place.write_text("".join(tables[client::clients]))
        config = settings(method_options="--prefix-length 4", init="", min_nodes=clients)
        rounds = Rounds(server_app.make_strategy(config), config, self.folder / "rounds", tool.untrained(config))
        start = rounds.adapter.arrays
        for _ in range(2):
            told = ConfigRecord({key: config[key] for key in server_app.TOLD})
            messages = rounds.configure_train(1, rounds.sent(), told, NoGrid())
            answers = [
                self.ask(message, model="embedded", data=str(place), prefixtune=BINARY, **{"partition-id": client})
                for client, (message, place) in enumerate(zip(messages, places))]
            counts = [answer.content["metrics"]["examples"] for answer in answers]
            self.assertEqual(counts, [22, 22, 21])
            means = {
                name: sum(n * client_app.to_arrays(a.content["arrays"])[name].astype(np.float64) for n, a in zip(counts, answers)) / 65
                for name in start}
            rounds.aggregate_train(1, answers)
            for name, mean in means.items():
                self.assertLess(float(np.max(np.abs(rounds.adapter.arrays[name] - mean))), 1e-6)
            # Flower adds in 32 bits. Adam's first step goes by the sign of the gradient, so that the next round would make more of
            # the last bit.
            rounds.adapter.arrays = {name: mean.astype(np.float32) for name, mean in means.items()}
        for name, array in rounds.adapter.arrays.items():
            self.assertGreater(float(np.max(np.abs(array - start[name]))), 1e-3)
            difference = float(np.max(np.abs(array - study[name])))
            print(f"in process against the app: largest difference {difference:.1e}", file=REPORT)
            self.assertLess(difference, 1e-6)


def torch_file(path: Path, state: dict) -> None:
    """What torch.save writes of a dictionary of matrices, without torch."""
    storages = []
    pickled = b"\x80\x02}("
    for name, array in state.items():
        key, rows, columns = str(len(storages)), *array.shape
        storages.append(array.astype("<f4").tobytes())

        def text(x: str) -> bytes:
            return b"X" + len(x.encode()).to_bytes(4, "little") + x.encode()

        def number(x: int) -> bytes:
            return b"J" + x.to_bytes(4, "little")

        storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + number(array.size) + b"tQ"
        pickled += text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(0)
        pickled += number(rows) + number(columns) + b"\x86" + number(columns) + number(1) + b"\x86"
        pickled += b"\x89ccollections\nOrderedDict\n)RtR"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", pickled + b"u.")
        archive.writestr("model/byteorder", "little")
        archive.writestr("model/version", "3\n")
        for index, content in enumerate(storages):
            archive.writestr(f"model/data/{index}", content)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    options, rest = parser.parse_known_args()
    BINARY = str(Path(options.binary).absolute())
    BASE = str(Path(BINARY).resolve().parent / "prefixtune_PrefixExperiments.resources" / "Resources" / "base-model")
    unittest.main(argv=[sys.argv[0], *rest])
