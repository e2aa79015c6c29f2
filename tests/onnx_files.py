"""ONNX files written by hand: a few fields of the protobuf format, so that tests need no exporter."""

import numpy as np


def _varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _number(field, value):
    return _varint(field << 3) + _varint(value)


def _bytes(field, value):
    value = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _tensor(name, array):
    kind = {"float32": 1, "int64": 7}[str(array.dtype)]
    dims = b"".join(_number(1, side) for side in array.shape)
    return dims + _number(2, kind) + _bytes(8, name) + _bytes(9, array.tobytes())


def _value(name, shape):
    sides = [_bytes(2, side) if isinstance(side, str) else _number(1, side) for side in shape]
    tensor = _number(1, 1) + _bytes(2, b"".join(_bytes(1, side) for side in sides))
    return _bytes(1, name) + _bytes(2, _bytes(1, tensor))


def _node(kind, inputs, output):
    return b"".join(_bytes(1, one) for one in inputs) + _bytes(2, output) + _bytes(4, kind)


def write_onnx(path, nodes, constants, input_shape, output_shape):
    """One input "x", one output "y", opset 13. `nodes` are (kind, inputs, output); a string in a shape is free."""
    graph = b"".join(_bytes(1, _node(*node)) for node in nodes) + _bytes(2, "graph")
    graph += b"".join(_bytes(5, _tensor(name, np.ascontiguousarray(array))) for name, array in constants.items())
    graph += _bytes(11, _value("x", input_shape)) + _bytes(12, _value("y", output_shape))
    path.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 13)))
