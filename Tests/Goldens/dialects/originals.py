"""The modules of programs that are not on PyPI, or not for these versions: names, shapes and forward as in their code.

XiangLi1999/PrefixTuning gpt2/train_control.py and seq2seq/prefixTuning.py, adapter-hub/adapters methods/prefix_tuning.py,
HazyResearch/cartridges cartridges/cache.py, microsoft/LoRA loralib/layers.py.
"""

import torch
from torch import nn


def mlp(width, hidden, output, deep=False):
    middle = [nn.Linear(hidden, hidden), nn.Tanh()] if deep else []
    return nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), *middle, nn.Linear(hidden, output))


def rows_of(past):
    """P [n, 2L * keyWidth] of keys and values as attention sees them: per layer [2, 1, heads, n, head width]."""
    return torch.cat([pair[:, 0].permute(2, 0, 1, 3).flatten(1) for pair in past], dim=1)


class AuthorsPrefix(nn.Module):
    """PrefixTuning of gpt2/train_control.py: get_prompt_p5, get_prompt_p2 (flat), get_prompt_p2_shallow (words)."""

    def __init__(self, n, layers, heads, head, hidden=6, deep=False, flat=None):
        super().__init__()
        self.sizes = (n, layers, heads, head)
        width = heads * head
        if flat == "random":
            self.control_trans = nn.Parameter(torch.randn(n * layers * 2 * width))
        elif flat == "words":
            self.control_trans = nn.Parameter(torch.randn(2 * layers, 1, heads, n, head))
        else:
            self.wte = nn.Embedding(n, width)
            self.control_trans = mlp(width, hidden, layers * 2 * width, deep)

    def past(self):
        n, layers, heads, head = self.sizes
        if isinstance(self.control_trans, nn.Parameter) and self.control_trans.dim() == 5:
            return self.control_trans.expand(-1, 1, -1, -1, -1).split(2)
        values = self.control_trans if isinstance(self.control_trans, nn.Parameter) else self.control_trans(self.wte.weight)
        return values.view(1, n, layers * 2, heads, head).permute([2, 0, 3, 1, 4]).split(2)


class AuthorsEmbeddings(nn.Module):
    """PrefixEmbTuning: embeddings from an MLP, or a table alone."""

    def __init__(self, n, width, hidden=6, table=False):
        super().__init__()
        self.wte = nn.Embedding(n, width)
        if not table:
            self.control_trans = mlp(width, hidden, width)

    def embeddings(self):
        return self.control_trans(self.wte.weight) if hasattr(self, "control_trans") else self.wte.weight


class AuthorsBART(nn.Module):
    """PrefixTuning of seq2seq/prefixTuning.py: decoder, encoder, cross."""

    def __init__(self, n, layers, heads, head, hidden=6):
        super().__init__()
        self.sizes = (n, layers, heads, head)
        width = heads * head
        self.wte, self.control_trans = nn.Embedding(n, width), mlp(width, hidden, layers * 2 * width)
        self.wte_enc, self.control_trans_enc = nn.Embedding(n, width), mlp(width, hidden, layers * 2 * width)
        self.wte2, self.control_trans2 = nn.Embedding(n, width), mlp(width, hidden, layers * 2 * width)

    def pasts(self):
        n, layers, heads, head = self.sizes
        return {kind: network(table.weight).view(1, n, layers * 2, heads, head).permute([2, 0, 3, 1, 4]).split(2)
                for kind, table, network in (("decoder", self.wte, self.control_trans),
                                             ("encoder", self.wte_enc, self.control_trans_enc),
                                             ("cross", self.wte2, self.control_trans2))}


class HubPrefix(AuthorsPrefix):
    """PrefixTuning and FlatPrefixTuning of AdapterHub: the authors' modules under names of their own."""


def hub_state(scope, name, groups):
    """{"<scope>.prefix_tuning.prefix_tunings.<name>.<location>.<parameter>": tensor}, as PrefixTuningPool is saved."""
    return {f"{scope}.prefix_tuning.prefix_tunings.{name}.{location}.{key}": value
            for location, module in groups.items() for key, value in module.state_dict().items()}


class TrainableCache(nn.Module):
    """cartridges/cache.py: save and from_pretrained, without DynamicCache."""

    def __init__(self, keys, values, frozen):
        super().__init__()
        part = lambda tensors, rows: nn.ParameterList([nn.Parameter(t[:, :, rows].contiguous()) for t in tensors])
        self.fixed_keys = part(keys, slice(0, frozen)) if frozen else nn.ParameterList([])
        self.fixed_values = part(values, slice(0, frozen)) if frozen else nn.ParameterList([])
        self.trainable_keys, self.trainable_values = part(keys, slice(frozen, None)), part(values, slice(frozen, None))

    def save(self, path):
        torch.save({name: getattr(self, name) for name in
                    ("trainable_keys", "trainable_values", "fixed_keys", "fixed_values")}, path)

    @staticmethod
    def from_pretrained(path):
        checkpoint = torch.load(path, weights_only=False)
        for key in ("trainable_keys", "trainable_values", "fixed_keys", "fixed_values"):
            if key not in checkpoint:
                raise KeyError(key)
        layers = len(checkpoint["trainable_keys"])
        if len(checkpoint["fixed_keys"]) != layers:
            raise AssertionError("Mismatch in number of layers between trainable and fixed keys")
        frozen = checkpoint["fixed_keys"][0].size(2)
        join = lambda name: [torch.cat([fixed, trainable], dim=2).contiguous() if frozen > 0 else trainable
                             for fixed, trainable in zip(checkpoint[f"fixed_{name}"], checkpoint[f"trainable_{name}"])]
        return join("keys"), join("values"), frozen


class MergedLinear(nn.Module):
    """loralib.MergedLinear: only what LoRA adds, with enable_lora for queries, keys and values."""

    def __init__(self, inputs, outputs, r, alpha, enable):
        super().__init__()
        self.enable, self.outputs, self.scaling = enable, outputs, alpha / r
        self.lora_A = nn.Parameter(torch.randn(r * sum(enable), inputs))
        self.lora_B = nn.Parameter(torch.randn(outputs // len(enable) * sum(enable), r))

    def delta(self):
        """[outputs, inputs]."""
        product = nn.functional.conv1d(self.lora_A.unsqueeze(0), self.lora_B.unsqueeze(-1), groups=sum(self.enable))
        index = torch.zeros(len(self.enable), self.outputs // len(self.enable), dtype=torch.bool)
        index[self.enable, :] = True
        result = product.new_zeros((self.outputs, self.lora_A.shape[1]))
        result[index.view(-1)] = product.squeeze(0)
        return result * self.scaling
