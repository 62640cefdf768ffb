"""Writes the goldens of the PyTorch checkpoint tests: pip install torch safetensors; python generate.py

Files of torch.save in all its forms, what torch.load makes of them as expected.safetensors under
"<file>/<name>", and files that must be refused, with words of the refusal, in refused.json. Values are a fixed arithmetic
pattern. Files of PyTorch 0.x and Python 2 are put together with the pickler of Python and checked with torch.load.
"""

import base64
import collections
import hashlib
import io
import json
import os
import pathlib
import pickle
import struct
import warnings
import zipfile
import zlib

import safetensors
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
warnings.simplefilter("ignore")

# Legacy files name storages by address; numbers in order of use make the files the same every time.
_addresses, _real = {}, torch._C.StorageBase._cdata
torch.UntypedStorage._cdata = property(lambda self: _addresses.setdefault(_real.__get__(self), 1000 + len(_addresses)))


def pattern(count):
    """Multiples of 1/8 in -16..16: exact in every float format used here."""
    return (torch.arange(count, dtype=torch.float64) * 37 % 257 - 128) / 8


def formats():
    """Every type that PyTorch has a storage class for."""
    result = {}
    for name in ("float64", "float32", "float16", "bfloat16"):
        result[name] = pattern(35).reshape(5, 7).to(getattr(torch, name))
    for name in ("int64", "int32", "int16", "int8"):
        result[name] = (torch.arange(12).reshape(3, 4) * 21 - 120).to(getattr(torch, name))
    result["uint8"] = (torch.arange(12).reshape(3, 4) * 21).to(torch.uint8)
    result["bool"] = torch.tensor([True, False, True])
    return result


def later_formats():
    """Types without one."""
    result = {name: (torch.arange(12).reshape(3, 4) * 21).to(getattr(torch, name)) for name in ("uint64", "uint32", "uint16")}
    for name in ("float8_e4m3fn", "float8_e5m2"):
        result[name] = pattern(6).to(getattr(torch, name))
    return result


def views():
    base = pattern(2 * 3 * 4 * 5).float()
    block = base.reshape(2, 3, 4, 5)
    wide = pattern(3 * 1100).float().reshape(1100, 3)
    return {
        "whole": base,
        "transposed": base.reshape(24, 5).t(),
        "permuted": block.permute(3, 1, 0, 2),
        "channels_last": block.contiguous(memory_format=torch.channels_last),
        "rows": base.reshape(24, 5)[7:9],
        "columns": base.reshape(24, 5)[:, 1:4],
        "every_third": base[1::3],
        "inner": block[1, 1:, ::2, 3],
        "expanded": base[3:6].reshape(3, 1).expand(2, 3, 4),
        "repeated": base[5].expand(9),
        "scalar": base[17],
        "alone": torch.tensor(-2.5),
        "ones": base[40:42].reshape(1, 2, 1, 1, 1),
        "empty": torch.zeros(0),
        "empty_rows": base.reshape(24, 5)[3:3],
        "empty_inside": torch.zeros(4, 0, 3),
        "long_transposed": wide.t(),
        "half_transposed": wide.t().half(),
        "bytes_transposed": torch.arange(12, dtype=torch.uint8).reshape(3, 4).t(),
        "shorts_transposed": torch.arange(12, dtype=torch.int16).reshape(3, 4).t(),
        "longs_transposed": torch.arange(12).reshape(3, 4).t(),
    }


def module():
    torch.manual_seed(7)
    return torch.nn.Sequential(
        collections.OrderedDict(linear=torch.nn.Linear(3, 4), norm=torch.nn.BatchNorm1d(4), head=torch.nn.Linear(4, 2, bias=False))
    )


def checkpoint():
    """What training scripts save: state dictionaries beside numbers, texts and settings."""
    network = module()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    network(pattern(12).float().reshape(4, 3)).square().sum().backward()
    optimizer.step()
    state = optimizer.state_dict()
    # Results of arithmetic differ between machines in the last bit.
    for slot in state["state"].values():
        for key in slot:
            slot[key] = pattern(slot[key].numel()).float().reshape(slot[key].shape)
    weights = collections.OrderedDict((k, torch.ones_like(v) if v.dtype == torch.int64 else pattern(v.numel()).float().reshape(v.shape)) for k, v in network.state_dict().items())
    weights._metadata = network.state_dict()._metadata
    return {
        "model_state_dict": weights,
        "optimizer": state,
        "epoch": 3, "step": 70000, "large": 2**31, "larger": 2**40, "negative": -5, "enormous": 2**70, "loss": 1.25,
        "name": "café ✓", "note": "x" * 300, "done": True, "failed": False, "nothing": None,
        "sizes": [1, 2, 3], "pair": (1, "a"), "four": (1, 2, 3, 4), "no": (), "shape": torch.zeros(2, 3).shape,
        "dtype": torch.float32, "device": torch.device("cpu"), "emptiness": {}, "history": [{"loss": pattern(3).float()}],
    }


class Lists(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.items = torch.nn.ParameterList([torch.nn.Parameter(pattern(n).float()) for n in (2, 3)])
        self.named = torch.nn.ParameterDict({"a": torch.nn.Parameter(pattern(4).float())})


def attributed():
    tensor = pattern(3).float()
    tensor.note = "kept"
    parameter = torch.nn.Parameter(pattern(4).float())
    parameter.note = "kept"
    return {"tensor": tensor, "parameter": parameter}


class StoragePickler(pickle.Pickler):
    """Pickles stand-ins for storages as references."""

    def persistent_id(self, value):
        return value.reference if isinstance(value, Storage) else None


class Storage:
    def __init__(self, *reference):
        self.reference = ("storage", *reference)


class Call:
    """Pickles as the call of a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def legacy(value, storages, magic=0x1950A86A20F9469CFC6C, version=1001, little=True, keys=None):
    """A legacy file put together by hand: storages are (key, values)."""
    file = io.BytesIO()
    pickle.dump(magic, file, protocol=2)
    pickle.dump(version, file, protocol=2)
    pickle.dump({"protocol_version": version, "little_endian": little, "type_sizes": {"short": 2, "int": 4, "long": 4}}, file, protocol=2)
    StoragePickler(file, protocol=2).dump(value)
    pickle.dump([key for key, _ in storages] if keys is None else keys, file, protocol=2)
    for _, values in storages:
        file.write(struct.pack("<q", len(values)) + values.numpy().tobytes())
    return file.getvalue()


def archive(description, storages=(), folder="archive", more=()):
    """A zip file put together by hand."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as result:
        entries = [("data.pkl", description), *(("data/" + key, data) for key, data in storages), *more]
        for name, data in entries:
            info = zipfile.ZipInfo(f"{folder}/{name}", (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0
            result.writestr(info, data)
    return file.getvalue()


def dump(value):
    file = io.BytesIO()
    StoragePickler(file, protocol=2).dump(value)
    return file.getvalue()


def saved(value, **options):
    _addresses.clear()
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def early_files():
    """Files as PyTorch 0.x wrote them: tensors of version 1, windows into shared storages, and OrderedDict of pairs."""
    values = pattern(10).float()
    rebuild, kind = torch._utils._rebuild_tensor, torch.FloatStorage
    first = Storage(kind, "55", "cpu", 10, ("56", 2, 4))
    second = Storage(kind, "55", "cuda:0", 10, ("57", 6, 3))
    whole = Storage(kind, "55", "cpu", 10, None)
    pairs = [["a", Call(rebuild, first, 1, (3,), (1,))], ["b", Call(rebuild, second, 0, (3, 1), (1, 1))]]
    yield "windows.bin", legacy(
        Call(collections.OrderedDict, [*pairs, ["c", Call(rebuild, whole, 0, (5, 2), (1, 5))]]), [("55", values)])
    # Python 2 wrote its texts as SHORT_BINSTRING.
    data = legacy({"weight": Call(rebuild, whole, 0, (10,), (1,))}, [("55", values)])
    yield "python2.bin", data.replace(b"X\x06\x00\x00\x00weight", b"U\x06weight").replace(b"X\x02\x00\x00\x0055", b"T\x02\x00\x00\x0055")


def zip64(data):
    """The same archive with every size and place in Zip64 fields, as files beyond 4 GB have them."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        entries = [(i.filename.encode(), source.read(i)) for i in source.infolist()]
    out, table = b"", b""
    for name, content in entries:
        extra = struct.pack("<HHQQ", 1, 16, len(content), len(content))
        place = len(out)
        crc = zlib.crc32(content)
        out += struct.pack("<IHHHHHIIIHH", 0x04034B50, 45, 0, 0, 0, 33, crc, 2**32 - 1, 2**32 - 1, len(name), len(extra))
        out += name + extra + content
        wide = struct.pack("<HHB", 0x4650, 1, 7) + struct.pack("<HHQQQ", 1, 24, len(content), len(content), place)
        table += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 45, 45, 0, 0, 0, 33, crc, 2**32 - 1, 2**32 - 1,
                             len(name), len(wide), 0, 0, 0, 0, 2**32 - 1) + name + wide
    start, count = len(out), len(entries)
    end = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, len(table), start)
    locator = struct.pack("<IIQI", 0x07064B50, 0, start + len(table), 1)
    return out + table + end + locator + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)


def refused():
    """Files to be refused: name, bytes (or parts, each with how often it is repeated), words of the refusal."""
    small = {"a": pattern(4).float()}
    rebuild = torch._utils._rebuild_tensor_v2
    zipped, old = saved(small), saved(small, _use_new_zipfile_serialization=False)
    tensor = lambda storage, *rest: Call(rebuild, storage, *rest, False, collections.OrderedDict())
    floats = lambda key="0", count=4: Storage(torch.FloatStorage, key, "cpu", count)
    block = [("0", pattern(4).float().numpy().tobytes())]
    one = lambda *rest, storage=None, blocks=block: archive(dump({"a": tensor(storage or floats(), *rest)}), blocks)

    yield "os.system", saved({**small, "b": Call(os.system, "touch pwned")}), "posix.system"
    yield "os.system, legacy", saved({**small, "b": Call(os.system, "x")}, _use_new_zipfile_serialization=False), "posix.system"
    yield "os.system in the magic number", pickle.dumps(Call(os.system, "x"), 2), "neither as a zip archive"
    yield "eval, protocol 4", saved(Call(eval, "1"), pickle_protocol=4), "builtins.eval"
    yield "eval, protocol 2", saved(Call(eval, "1")), "__builtin__.eval"
    yield "nested call", saved([{"x": (Call(getattr, Call(__import__, "os"), "system"),)}]), "__builtin__.getattr"
    yield "in the metadata", saved({**small, "_metadata": Call(exec, "1")}), "__builtin__.exec"
    yield "class without a call", saved({**small, "type": io.BytesIO}), "_io.BytesIO"
    yield "dotted name", archive(b"\x80\x04\x8c\x05torch\x8c\x10serialization.os\x93."), "torch.serialization.os"
    yield "torch.load", saved({**small, "f": torch.load}), "torch.serialization.load"
    yield "module", saved(torch.nn.Linear(1, 1)), "torch.nn.modules.linear.Linear"
    yield "complex", saved(torch.zeros(2, dtype=torch.complex64)), "torch.ComplexFloatStorage"
    yield "quantised", saved(torch.quantize_per_tensor(small["a"], 0.1, 0, torch.qint8)), "torch._utils._rebuild_qtensor"
    yield "sparse", saved(small["a"].to_sparse()), "torch._utils._rebuild_sparse_tensor"
    yield "negated", archive(dump({"a": Call(rebuild, floats(), 0, (4,), (1,), False, collections.OrderedDict(), {"neg": True})}), block), "resolve_neg"
    yield "class called", archive(dump(Call(torch.Tensor, 3)), block), "not to be called"
    yield "set", saved({1}, pickle_protocol=4), "EMPTY_SET"
    yield "bytes", saved(b"a", pickle_protocol=3), "SHORT_BINBYTES"
    yield "new object", archive(b"\x80\x02ctorch\nTensor\n)\x81."), "NEWOBJ"
    yield "instance", archive(b"\x80\x02(ios\nsystem\n."), "INST"
    yield "extension", archive(b"\x80\x02\x82\x01."), "EXT1"
    yield "protocol 0", saved(small, pickle_protocol=0), "no checkpoint of tensors needs"
    yield "protocol 9", archive(b"\x80\x09}."), "protocol 9"
    yield "no instruction", archive(b"\x80\x02\xff."), "255 is no instruction"
    yield "pop beyond the mark", archive(b"\x80\x02}(s."), "its stack is empty"
    yield "pop of nothing", archive(b"\x80\x02\x86."), "its stack is empty"
    yield "no mark", archive(b"\x80\x02}u."), "no mark"
    yield "odd items", archive(b"\x80\x02}(K\x01u."), "a key has no value"
    yield "append to a dictionary", archive(b"\x80\x02}K\x01a."), "no list"
    yield "item of a list", archive(b"\x80\x02]K\x01K\x02s."), "no dictionary"
    yield "state of a list", archive(b"\x80\x02]}b."), "state"
    yield "unknown memo", archive(b"\x80\x02h\x07."), "no entry 7"
    yield "memo of nothing", archive(b"\x80\x02q\x07."), "its stack is empty"
    yield "values left over", archive(b"\x80\x02}}."), "left over"
    yield "mark left over", archive(b"\x80\x02}(."), "its stack is empty"
    yield "no end", archive(b"\x80\x02}"), "needs 1 more byte, but 0 follow"
    yield "text of 4 GB", archive(b"\x80\x02X\xff\xff\xff\xffabc."), "needs 4294967295 more bytes"
    yield "text of no encoding", archive(b"\x80\x02X\x01\x00\x00\x00\xff."), "not UTF-8"
    yield "class of no end", archive(b"\x80\x02c" + b"a" * 2000), "does not end"
    yield "class of numbers", archive(b"\x80\x04K\x01K\x02\x93."), "is not a text"
    yield "call of a number", archive(b"\x80\x02K\x01)R."), "no function"
    yield "call with a list", archive(b"\x80\x02ccollections\nOrderedDict\n]R."), "no function"
    yield "reference to a text", archive(b"\x80\x02X\x01\x00\x00\x00aQ."), "a reference is no tuple"
    yield "reference to a module", archive(b"\x80\x02(X\x06\x00\x00\x00moduleK\x01K\x01K\x01K\x01tQ."), "not to a storage"
    yield "storage of negative size", archive(dump({"a": tensor(floats(count=-4), 0, (4,), (1,))}), block), "has -4 elements"
    yield "storage of 2^62", archive(dump({"a": tensor(floats(count=2**62), 0, (4,), (1,))}), block), "has 4611686018427387904 elements"
    yield "storage of 2^70", archive(dump({"a": tensor(floats(count=2**70), 0, (4,), (1,))}), block), "not to a storage"
    yield "storage larger than its entry", archive(dump({"a": tensor(floats(count=5), 0, (5,), (1,))}), block), "has 16 bytes"
    yield "storage missing", one(0, (4,), (1,), storage=floats("7")), 'storage "7" is missing'
    yield "storage of no type", one(0, (4,), (1,), storage=Storage(torch.UntypedStorage, "0", "cpu", 16)), "no element type"
    yield "beyond the storage", one(1, (4,), (1,)), "reaches element 4, but its storage has 4"
    yield "stride beyond the storage", one(0, (2, 2), (3, 1)), "reaches element 4"
    yield "stride of 2^62", one(0, (2, 2), (2**62, 2**62)), "farther than can be counted"
    yield "stride negative", one(3, (4,), (-1,)), "negative"
    yield "offset negative", one(-1, (4,), (1,)), "negative"
    yield "offset of 2^63-1", one(2**63 - 1, (4,), (1,)), "farther than can be counted"
    yield "offset of 2^70", one(2**70, (4,), (1,)), "other arguments"
    yield "size negative", one(0, (-4,), (1,)), "negative dimension"
    yield "size overflows", one(0, (2**40, 2**40), (0, 0)), "more elements than can be counted"
    yield "size overflows beside zero", one(0, (0, 2**40, 2**40), (0, 0, 0)), "more elements than can be counted"
    yield "stride overflows beside zero", one(0, (0, 3), (1, 2**62)), "farther than can be counted"
    yield "expanded to 2^40", one(0, (2**40,), (0,)), "repeats numbers"
    yield "strides missing", one(0, (2, 2), (1,)), "but 1 strides"
    yield "size of 100 dimensions", one(0, (1,) * 100, (1,) * 100), "more than 64 dimensions"
    yield "size of texts", one(0, ("a",), (1,)), "no tuple of integers"
    yield "size is a number", one(0, 4, (1,)), "no tuple"
    yield "tensor without arguments", archive(dump({"a": Call(rebuild)})), "other arguments"
    yield "same name twice", archive(dump({"a": {"b": tensor(floats(), 0, (4,), (1,))}, "a.b": tensor(floats(), 0, (4,), (1,))}), block), 'the name "a.b"'
    yield "key is a tuple", archive(dump({(1,): tensor(floats(), 0, (4,), (1,))}), block), "no text or integer"
    yield "list in itself", archive(b"\x80\x02]q\x00h\x00a."), "nested deeper"
    yield "dictionary in itself", archive(b"\x80\x02}q\x00K\x01h\x00s."), "nested deeper"
    deep = 100_000
    before, middle, after = archive(b"\x80\x02" + b"(" * deep + b"t" * deep + b".").partition(b"(" * deep + b"t" * deep)
    yield "nested 100,000 deep", [before, (b"(", deep), (b"t", deep), after], "nested deeper"
    before, middle, after = archive(b"\x80\x02" + b"]" * deep + b"a" * (deep - 1) + b".").partition(b"]" * deep + b"a" * (deep - 1))
    yield "lists 100,000 deep", [before, (b"]", deep), (b"a", deep - 1), after], "nested deeper"
    marks = 5_000_000
    before, middle, after = archive(b"\x80\x02" + b"(" * marks).partition(b"(" * marks)
    yield "5,000,000 marks", [before, (b"(", marks), after], "too many for its size"
    before, middle, after = archive(b"\x80\x02" + b"}" * marks).partition(b"}" * marks)
    yield "5,000,000 dictionaries", [before, (b"}", marks), after], "too many for its size"
    # Bombs of a few megabytes: what was once copied for each level, gone through again for each use, or compared with all before.
    before, middle, after = archive(b"\x80\x02]q\x00(h\x00" + b"N" * 4_000_000 + b"e.").partition(b"N" * 4_000_000)
    yield "a long list in itself", [before, (b"N", 4_000_000), after], "too many for its size"
    marks = archive(b"\x80\x02}q\x00(" + b"NN" * 90_000 + b"u" + b"ctorch.nn.modules.container\nParameterList\n)\x81h\x00b" * 1000 + b".")
    yield "a long state handed on 1,000 times", marks, "too many for its size"
    doubled = b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(28))
    yield "doubled 28 times", archive(b"\x80\x02(]q\x00" + doubled + b"t."), "too many times"
    yield "empty archive", b"PK\x05\x06" + bytes(18), "neither as a zip archive"
    yield "no description", _zip({"archive/version": b"3\n"}), "holds 0 entries data.pkl"
    yield "two descriptions", _zip({"a/data.pkl": EMPTY, "b/data.pkl": EMPTY}), "holds 2 entries data.pkl"
    yield "big-endian", archive(b"\x80\x02}.", more=[("byteorder", b"big")]), 'byte order is "big"'
    yield "compressed", _zip({"archive/data.pkl": b"\x80\x02}."}, zipfile.ZIP_DEFLATED), "compressed (method 8)"
    yield "entry twice", _twice(zipped), "occurs twice"
    yield "entries overlap", _overlap(), "overlap"
    yield "encrypted", _patched(zipped, b"PK\x01\x02", 8, struct.pack("<H", 1)), "encrypted"
    yield "other name before the data", zipped.replace(b"archive/data.pkl", b"archive/data.pkx", 1), "another name"
    yield "entry beyond the file", _patched(zipped, b"PK\x01\x02", 42, struct.pack("<I", 2**31)), "does not lie where"
    yield "entry larger than the file", _patched(zipped, b"PK\x01\x02", 20, struct.pack("<II", 2**30, 2**30)), "does not lie where"
    yield "entry of two sizes", _patched(zipped, b"PK\x01\x02", 20, struct.pack("<I", 5)), "is stored, but in 5 bytes"
    yield "Zip64 field missing", _patched(zipped, b"PK\x01\x02", 20, struct.pack("<II", 2**32 - 1, 2**32 - 1)), "Zip64 field"
    yield "65,534 entries", _patched(zipped.replace(b"PK\x06\x07", b"PK\x06\x00"), b"PK\x05\x06", 8, struct.pack("<HH", 65534, 65534)), "table of contents"
    yield "Zip64 record elsewhere", _patched(zip64(zipped), b"PK\x06\x07", 8, struct.pack("<Q", 2**63)), "Zip64 record"
    yield "Zip64 of 2^60 entries", _patched(zip64(zipped), b"PK\x06\x06", 24, struct.pack("<QQ", 2**60, 2**60)), "claims 1152921504606846976 entries"
    yield "several disks", _patched(zipped, b"PK\x05\x06", 4, struct.pack("<HH", 1, 1)), "several parts"
    yield "something added", zipped + b"\0", "something was added"
    yield "legacy: other magic", legacy({}, [], magic=0x1950A86A20F9469CFC6D), "magic number"
    yield "legacy: other version", legacy({}, [], version=1002), "version is not 1001"
    yield "legacy: big-endian", legacy({}, [], little=False), 'byte order is "big"'
    yield "legacy: something added", old + b"\0", "last 1 bytes belong to no storage"
    early = lambda storage, **more: legacy({"a": Call(torch._utils._rebuild_tensor, storage, 0, (4,), (1,))}, **more)
    yield "legacy: storage of other size", early(Storage(torch.FloatStorage, "5", "cpu", 5, None), storages=[("5", pattern(4).float())]), "has 4 elements instead of 5"
    yield "legacy: storage not listed", early(Storage(torch.FloatStorage, "5", "cpu", 4, None), storages=[]), 'storage "5" is missing'
    yield "legacy: storage listed twice", early(Storage(torch.FloatStorage, "5", "cpu", 4, None), storages=[("5", pattern(4).float())], keys=["5", "5"]), "one twice"
    yield "legacy: unknown storage", legacy({}, [("5", pattern(4).float())]), "no tensor uses"
    yield "legacy: window outside", early(Storage(torch.FloatStorage, "5", "cpu", 4, ("6", 2, 3)), storages=[("5", pattern(4).float())]), "not inside it"
    yield "legacy: tar of PyTorch 0.1", b"sys_info" + bytes(504), "neither as a zip archive"
    yield "text file", b"version https://git-lfs.github.com/spec/v1\n", "neither as a zip archive"


EMPTY = b"\x80\x02}."


def _zip(entries, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as result:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            result.writestr(info, data)
    return file.getvalue()


def _patched(data, signature, offset, bytes_):
    """The archive with some bytes replaced, counted from a record (the last of its kind)."""
    place = data.rindex(signature) + offset
    return data[:place] + bytes_ + data[place + len(bytes_) :]


def _twice(data):
    """The second entry of the table under the name of the first, both before their data and in the table."""
    return _zip({"archive/data.pkl": b"\x80\x02}.", "archive/data/00": b"", "archive/data/01": b""}).replace(b"data/01", b"data/00")


def _overlap():
    """Two entries with the same data: the header of the second lies inside the first."""
    inner = _zip({"archive/data/0": bytes(16)})
    inner = inner[: inner.index(b"PK\x01\x02")]
    data = _zip({"archive/data.pkl": b"\x80\x02}.", "archive/data/1": inner, "archive/data/0": bytes(16)})
    place = data.index(inner)
    return _patched(data, b"PK\x01\x02", 42, struct.pack("<I", place))


def flatten(value, prefix=""):
    if isinstance(value, torch.Tensor):
        yield prefix or "tensor", value.detach()
    elif isinstance(value, (dict, list, tuple)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flatten(item, f"{prefix}.{key}" if prefix else str(key))


def main():
    files = {"formats.pt": saved(formats() | later_formats()), "views.pt": saved(views()), "checkpoint.ckpt": saved(checkpoint())}
    files["views.bin"] = saved(views(), _use_new_zipfile_serialization=False)
    files["formats.bin"] = saved(formats(), _use_new_zipfile_serialization=False)
    small = {"model": {"a": pattern(4).float(), "b": pattern(6).half().reshape(2, 3).t()}, "epoch": 2}
    for protocol in (2, 3, 4, 5):
        files[f"protocol{protocol}.pt"] = saved(small, pickle_protocol=protocol)
        files[f"protocol{protocol}.bin"] = saved(small, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
    files["tensor.pt"] = saved(pattern(6).float().reshape(2, 3))
    files["parameter.pt"] = saved(torch.nn.Parameter(pattern(6).float().reshape(2, 3)))
    files["list.pt"] = saved([pattern(2).float(), (pattern(3).half(), "text", {5: pattern(1)})])
    files["lists.pt"] = saved(Lists().state_dict())
    files["attributes.pt"] = saved(attributed())
    files["many.pt"] = saved({f"tensor.{i}": pattern(1 + i % 3).float() for i in range(60)})
    files["zip64.pt"] = zip64(files["protocol2.pt"])
    files |= dict(early_files())

    expected = {}
    for name, data in files.items():
        (HERE / name).write_bytes(data)
        loaded = torch.load(io.BytesIO(data), weights_only=False, encoding="utf-8")
        for key, tensor in flatten(loaded):
            expected[f"{name}/{key}"] = tensor.contiguous().clone()
    save_file(expected, HERE / "expected.safetensors")

    # A folder with shards, as transformers wrote it until 2023.
    shards = HERE / "shards"
    shards.mkdir(exist_ok=True)
    weights = {"wte": pattern(8).float().reshape(4, 2), "h.0.w": pattern(4).half(), "h.1.w": pattern(5).float()}
    names = [f"pytorch_model-0000{i}-of-00002.bin" for i in (1, 2)]
    (shards / names[0]).write_bytes(saved({k: weights[k] for k in ("wte", "h.0.w")}))
    (shards / names[1]).write_bytes(saved({"h.1.w": weights["h.1.w"]}, _use_new_zipfile_serialization=False))
    index = {"metadata": {"total_size": 60}, "weight_map": {"wte": names[0], "h.0.w": names[0], "h.1.w": names[1]}}
    (shards / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")
    save_file(weights, HERE / "shards.safetensors")

    # How bitsandbytes said before its files were safetensors that a matrix is laid out for one kind of GPU: by a text.
    int8 = {"weight": (pattern(32) * 4).to(torch.int8).reshape(4, 8), "SCB": pattern(4).float().abs() + 1}
    (HERE / "int8").mkdir(exist_ok=True)
    for name in ("row", "col_turing", "col_ampere"):
        (HERE / "int8" / f"{name}.bin").write_bytes(saved({f"a.{k}": v for k, v in int8.items()} | {"a.weight_format": name}))

    rows = []
    for name, data, says in refused():
        parts = [data] if isinstance(data, bytes) else data
        parts = [(part, 1) if isinstance(part, bytes) else part for part in parts]
        parts = [{"bytes": base64.b64encode(part).decode(), "times": times} for part, times in parts]
        rows.append({"name": name, "says": says, "parts": parts})
    (HERE / "refused.json").write_text(json.dumps(rows, indent=0) + "\n")

    paths = sorted(p for p in HERE.rglob("*") if p.is_file() and p.name not in ("generate.py", "manifest.json"))
    for path in paths:
        path.chmod(0o644)
    manifest = {
        "made_with": {"safetensors": safetensors.__version__, "torch": torch.__version__},
        "seed": 7,
        "sha256": {str(p.relative_to(HERE)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths},
    }
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")


main()
