"""The server: one start for all clients, rounds by a strategy of Flower's, the global adapter of every round on disk."""

import inspect
import json
import shlex
import time
from pathlib import Path

from flwr.app import ConfigRecord, Context
from flwr.serverapp import Grid, ServerApp, strategy as flower
from flwr.serverapp.exception import PrivacyBudgetExhausted

from . import tool
from .rounds import WEIGHTS, Rounds, gathered

app = ServerApp()
# What clients are told; the rest of a run's configuration is the server's own business.
TOLD = ("method", "method-options", "task-options", "lora", "local-steps", "batch-size", "learning-rate", "seed")
# What has to stay when a run is continued.
FIXED = (*TOLD, "model", "prompt-ending", "strategy", "strategy-options", "weights", "dp", "dp-noise", "dp-clip", "dp-clients")
# Strategies by the name that people type.
STRATEGIES = {
    name.lower(): kind for name, kind in vars(flower).items()
    if inspect.isclass(kind) and issubclass(kind, flower.FedAvg) and not name.startswith("FedXgb")}


def chosen(value: str, of, option: str) -> str:
    if value not in of:
        raise ValueError(f"{option} is {value!r}, but must be one of {', '.join(sorted(of))}")
    return value


def make_strategy(config: dict) -> flower.Strategy:
    """A strategy by name, with options such as eta=0.01 (values as in JSON), and clipping and noise around it where they are asked for."""
    kind = STRATEGIES[chosen(config["strategy"].lower(), STRATEGIES, "strategy")]
    options = {key.replace("-", "_"): json.loads(value) for key, value in (
        pair.split("=", 1) for pair in shlex.split(config["strategy-options"]))}
    known = set(inspect.signature(kind.__init__).parameters)
    if "train_loss_key" in known:
        options.setdefault("train_loss_key", "loss-before")
    for key in options:
        chosen(key, known, f"an option of {kind.__name__}")
    nodes = int(config["min-nodes"])
    result = kind(
        fraction_train=float(config["fraction-train"]), fraction_evaluate=float(config["fraction-evaluate"]),
        min_train_nodes=nodes, min_evaluate_nodes=nodes if float(config["fraction-evaluate"]) else 0, min_available_nodes=nodes,
        weighted_by_key=WEIGHTS[chosen(config["weights"], WEIGHTS, "weights")], train_metrics_aggr_fn=gathered,
        evaluate_metrics_aggr_fn=gathered, **options)
    chosen(config["dp"], ("none", "fixed", "adaptive"), "dp")
    if config["dp"] == "none":
        return result
    clients, noise, clip = int(config["dp-clients"]), float(config["dp-noise"]), float(config["dp-clip"])
    if config["weights"] != "equal":
        raise ValueError("differential privacy bounds a client's part, so that all weigh the same: weights=\"equal\" is needed")
    if config["dp"] == "adaptive":
        return flower.DifferentialPrivacyServerSideAdaptiveClipping(result, noise, clients, initial_clipping_norm=clip)
    return flower.DifferentialPrivacyServerSideFixedClipping(result, noise, clip, clients, accountant=make_accountant(config))


def make_accountant(config: dict):
    """Flower's accountant, where dp-delta and dp-population are given; it needs the package dp-accounting (flwr[dp])."""
    if not config["dp-delta"]:
        return None
    from flwr.serverapp import NeighboringRelation, PrivacyConfig, RdpAccountant, SamplingMethod

    return RdpAccountant(PrivacyConfig(
        float(config["dp-delta"]), int(config["dp-population"]), NeighboringRelation.ADD_OR_REMOVE_ONE,
        SamplingMethod.NO_AMPLIFICATION, float(config["dp-epsilon"]) or None))


def checked(config: dict, output: Path) -> None:
    """Refuses what cannot be right, and a folder whose rounds were made with other settings."""
    chosen(config["lora"], ("average", "ffa", "stack"), "lora")
    if config["method"] == "lora" and config["lora"] == "stack" and (
            config["strategy"].lower() not in ("fedavg", "fedprox") or config["dp"] != "none"):
        raise ValueError("stacking keeps every client's matrices: there is no mean for another strategy, or for dp, to work on")
    settings = {key: config[key] for key in FIXED}
    file = output / "federated.json"
    if file.exists():
        before = json.loads(file.read_text())
        for key in FIXED:
            if before.get(key) != settings[key]:
                raise ValueError(
                    f"{output} has rounds with {key} = {before.get(key)!r}, now it is {settings[key]!r}; choose another output")
    output.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(settings, indent=2) + "\n")


def wait(grid: Grid, nodes: int, seconds: float) -> None:
    """Until so many nodes are there: a first round with the first two of ten would be another run each time."""
    end = time.monotonic() + seconds
    while (there := len(list(grid.get_node_ids()))) < nodes:
        if time.monotonic() > end:
            raise TimeoutError(f"{there} of {nodes} nodes were there after {seconds:g} s")
        time.sleep(1)


@app.main()
def main(grid: Grid, context: Context) -> None:
    config = dict(context.run_config)
    if not config["output"]:
        raise ValueError('the run needs a folder for its rounds: --run-config \'output="…"\'')
    output = Path(str(config["output"])).absolute()
    strategy = make_strategy(config)
    checked(config, output)

    def evaluate(folder: Path) -> float:
        return tool.loss(config["prefixtune"], config["model"], folder, config["method"], config["validation"], [])[0]

    resumes = any(output.glob("round-[0-9]*"))
    start = None if resumes else tool.untrained(config)
    rounds = Rounds(strategy, config, output, start, evaluate if config["validation"] else None)
    wait(grid, max(int(config["start-nodes"]), int(config["min-nodes"])), float(config["timeout"]))
    # Flower waits for an hour by default.
    try:
        rounds.start(
            grid, rounds.sent(), num_rounds=max(0, int(config["rounds"]) - rounds.done), timeout=float(config["timeout"]),
            train_config=ConfigRecord({key: config[key] for key in TOLD}),
            evaluate_config=ConfigRecord({key: config[key] for key in TOLD}))
    except PrivacyBudgetExhausted as error:
        print(f"no further round: {error}", flush=True)
    print(f"{rounds.done} rounds done; the last adapter is {rounds.folder(rounds.done)}", flush=True)
