"""Seeded damage: to bytes of any file, to JSON of configurations, to HDF5 and protobuf objects."""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Random = random.Random

_WORDS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF, 0x100, 3, 255)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, -(2**63), 10**30, 0.5, float("inf"), float("nan")),
    *("", "x", "relu", "keras.layers", "../../x", "é" * 40, [], {}, [[]], [None], {"a": []}),
    *(["x"], {"class_name": "Dense", "config": {}}, [1] * 30, "float16", "int64", "valid"),
)


# --- bytes


def mutate_bytes(data: bytes, random: Random) -> tuple[str, bytes]:
    """Return what was done and the damaged bytes."""
    name = random.choice(tuple(_BYTES))
    return name, _BYTES[name](bytearray(data), random)


def _flip(data: bytearray, random: Random) -> bytes:
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(data)


def _block(data: bytearray, random: Random) -> bytes:
    at, size = random.randrange(len(data)), random.choice((1, 2, 4, 16, 64))
    data[at : at + size] = random.randbytes(len(data[at : at + size]))
    return bytes(data)


def _word(data: bytearray, random: Random) -> bytes:
    at = random.randrange(max(1, len(data) - 4)) & ~3
    data[at : at + 4] = struct.pack("<I", random.choice(_WORDS))
    return bytes(data)


def _truncate(data: bytearray, random: Random) -> bytes:
    return bytes(data[: random.randrange(len(data))])


def _drop(data: bytearray, random: Random) -> bytes:
    at = random.randrange(len(data))
    del data[at : at + random.choice((1, 4, 32, 256))]
    return bytes(data)


def _insert(data: bytearray, random: Random) -> bytes:
    at, source = random.randrange(len(data)), random.randrange(len(data))
    data[at:at] = random.choice((bytes(8), data[source : source + 64], random.randbytes(5)))
    return bytes(data)


def _swap(data: bytearray, random: Random) -> bytes:
    a, b = (random.randrange(max(1, len(data) - 4)) & ~3 for _ in range(2))
    data[a : a + 4], data[b : b + 4] = data[b : b + 4], data[a : a + 4]
    return bytes(data)


def _zeros(data: bytearray, random: Random) -> bytes:
    at, size = random.randrange(len(data)), random.choice((8, 64, 512))
    data[at : at + size] = bytes(len(data[at : at + size]))
    return bytes(data)


_BYTES: dict[str, Callable[[bytearray, Random], bytes]] = {
    "flip": _flip,
    "block": _block,
    "word": _word,
    "truncate": _truncate,
    "drop": _drop,
    "insert": _insert,
    "swap": _swap,
    "zeros": _zeros,
}


# --- JSON


def mutate_json(text: str | bytes, random: Random) -> str:
    """Return a configuration with one to three edits anywhere in its tree."""
    tree = json.loads(text)
    for _ in range(random.choice((1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            break
        holder, key = random.choice(places)
        _edit(tree, holder, key, places, random)
    return json.dumps(tree)


def _places(node: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    keys = list(node) if isinstance(node, dict) else range(len(node))
    for key in keys:
        found.append((node, key))
        if isinstance(node[key], dict | list):
            found += _places(node[key])
    return found


def _edit(tree: Any, holder: Any, key: Any, places: list[Any], random: Random) -> None:
    kind = random.randrange(6)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        other, place = random.choice(places)
        if place in other if isinstance(other, dict) else place < len(other):
            holder[key] = copy.deepcopy(other[place])
    elif kind == 2 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    elif kind == 3 and isinstance(holder, dict):
        holder[f"{key}{random.choice(('x', '_', '2'))}"] = holder.pop(key)
    elif isinstance(holder[key], int | float) and random.random() < 0.7:
        holder[key] = random.choice((holder[key] + 1, -holder[key], holder[key] * 2, 0, 7))
    else:
        holder[key] = copy.deepcopy(random.choice(_VALUES))


# --- formats


def mutate_keras(data: bytes, random: Random) -> tuple[str, bytes]:
    """Damage a `.keras`: the archive, its configuration or its weights."""
    if random.random() < 0.3:
        return mutate_bytes(data, random)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(("config.json", "config.json", "metadata.json", "model.weights.h5"))
    if name.endswith(".json") and random.random() < 0.8:
        how, parts[name] = "json", mutate_json(parts[name], random).encode()
    elif name.endswith(".h5") and random.random() < 0.5:
        how, parts[name] = _mutate_datasets(parts[name], random)
    else:
        how, parts[name] = mutate_bytes(parts[name], random)
    if random.random() < 0.03:
        how, name = "missing", random.choice(tuple(parts))
        del parts[name]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for entry, content in parts.items():
            archive.writestr(zipfile.ZipInfo(entry), content)
    return f"{name} {how}", buffer.getvalue()


def mutate_hdf5(data: bytes, random: Random) -> tuple[str, bytes]:
    """Damage an HDF5 file: its bytes, its configuration or its objects."""
    draw = random.random()
    if draw < 0.4:
        return mutate_bytes(data, random)
    if draw < 0.6:
        return _mutate_datasets(data, random)
    import h5py

    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        config = mutate_json(file.attrs["model_config"], random)
        file.attrs["model_config"] = config
    return "json", buffer.getvalue()


def _mutate_datasets(data: bytes, random: Random) -> tuple[str, bytes]:
    import h5py
    import numpy as np

    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        datasets = [name for name in names if isinstance(file[name], h5py.Dataset)]
        name, target = random.choice(datasets), random.choice(names)
        kind = random.choice(("delete", "shape", "dtype", "rename", "swap", "value", "attribute"))
        if kind == "delete":
            del file[target]
        elif kind in ("shape", "dtype"):
            old = file[name][()]
            del file[name]
            wrong = np.zeros((*old.shape, 2), old.dtype) if kind == "shape" else old.astype("int16")
            file[name] = wrong
        elif kind == "rename":
            file.move(target, f"{target}x")
        elif kind == "swap":
            other = random.choice(datasets)
            if other != name:
                a, b = file[name][()], file[other][()]
                del file[name], file[other]
                file[name], file[other] = b, a
        elif kind == "value":
            file[name][...] = random.choice((0, 1e30, float("nan"), -1))
        else:
            attributes = [(o, k) for o in [file, *map(file.get, names)] for k in o.attrs]
            if attributes:
                holder, key = random.choice(attributes)
                holder.attrs[key] = random.choice(("", "x", [1, 2], [b"a", b"b"], 5))
    return f"datasets {kind}", buffer.getvalue()


def mutate_graph(data: bytes, random: Random) -> tuple[str, bytes]:
    """Damage a serialized GraphDef."""
    if random.random() < 0.5:
        return mutate_bytes(data, random)
    from tensorflow.core.framework.graph_pb2 import GraphDef

    graph = GraphDef.FromString(data)
    return _mutate_nodes(graph.node, random), graph.SerializeToString()


def mutate_saved_model(folder: Path, random: Random) -> str:
    """Damage one file of a SavedModel in place."""
    files = sorted(f for f in folder.rglob("*") if f.is_file() and f.stat().st_size)
    model = folder / "saved_model.pb"
    if random.random() < 0.5:
        file = model if random.random() < 0.5 else random.choice(files)
        how, damaged = mutate_bytes(file.read_bytes(), random)
        file.write_bytes(damaged)
        return f"{file.name} {how}"
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel.FromString(model.read_bytes())
    meta = saved.meta_graphs[0]
    functions = [f.node_def for f in meta.graph_def.library.function]
    kind = random.choice(("nodes", "nodes", "functions", "functions", "objects", "signatures"))
    if kind == "objects":
        how = _mutate_message(random.choice(list(meta.object_graph_def.nodes)), random)
    elif kind == "signatures":
        how = _mutate_message(meta.signature_def[random.choice(list(meta.signature_def))], random)
    else:
        how = _mutate_nodes(
            random.choice(functions) if kind == "functions" and functions else meta.graph_def.node,
            random,
        )
    model.write_bytes(saved.SerializeToString())
    return f"{kind} {how}"


def _mutate_nodes(nodes: Any, random: Random) -> str:
    if not len(nodes):
        return "nothing"
    node = nodes[random.randrange(len(nodes))]
    other = nodes[random.randrange(len(nodes))]
    kind = random.choice(("op", "input", "delete", "attr", "rename", "drop input", "message"))
    if kind == "op":
        node.op = random.choice((other.op, "Relu", "WriteFile", "NoSuchOp", "Placeholder", ""))
    elif kind == "input" and node.input:
        node.input[random.randrange(len(node.input))] = random.choice(
            (other.name, f"{other.name}:7", node.name, "nowhere", "^nowhere", "")
        )
    elif kind == "delete":
        nodes.remove(node)
    elif kind == "attr" and node.attr:
        key = random.choice(list(node.attr))
        if other.attr and random.random() < 0.5:
            node.attr[key].CopyFrom(other.attr[random.choice(list(other.attr))])
        else:
            del node.attr[key]
    elif kind == "rename":
        node.name = random.choice((other.name, "x", "", "a b"))
    elif kind == "drop input" and node.input:
        del node.input[random.randrange(len(node.input))]
    else:
        return _mutate_message(node, random)
    return kind


def _mutate_message(message: Any, random: Random) -> str:
    """Damage a message through its bytes; what does not parse is left."""
    before = message.SerializeToString()
    if not before:
        return "nothing"
    for _ in range(20):
        how, damaged = mutate_bytes(before, random)
        try:
            message.ParseFromString(damaged)
            message.SerializeToString()
        except Exception:
            message.ParseFromString(before)
            continue
        return f"message {how}"
    return "nothing"


def mutate_tflite(data: bytes, random: Random) -> tuple[str, bytes]:
    """Damage a flatbuffer: mostly its words, which are offsets, sizes and indices."""
    if random.random() < 0.6:
        damaged = bytearray(data)
        for _ in range(random.choice((1, 1, 2))):
            at = random.randrange((len(damaged) - 4) // 4) * 4
            old = struct.unpack_from("<I", damaged, at)[0]
            new = random.choice((*_WORDS, old + 1, old - 1, old * 2, old + 4, old ^ 0xFF))
            struct.pack_into("<I", damaged, at, new & 0xFFFFFFFF)
        return "words", bytes(damaged)
    return mutate_bytes(data, random)
