"""Writes a small safetensors file the way PyTorch's library lays it out.

Tensors are ordered by falling element size, then by name; the header lists them in
that order, is compact JSON, and is padded with spaces to a multiple of 8 bytes.
"""
import json
import struct
import sys

def half(v):
    return struct.pack("<e", v)

def bfloat(v):
    return struct.pack("<f", v)[2:]  # these values are exact in bfloat16

def pack(fmt):
    return lambda v: struct.pack("<" + fmt, v)

tensors = [  # name, type, shape, values
    ("fc.weight", "F32", [2, 3], [0.5, -1.25, 3.0, 1e-30, 0.1, -0.0]),
    ("fc.bias", "F32", [2], [1.5, -2.5]),
    ("half", "F16", [5], [1.0, -2.5, 65504.0, 6.103515625e-05, 5.960464477539063e-08]),
    ("brain", "BF16", [3], [1.0, -3.140625, 1.0141204801825835e+31]),
    ("double", "F64", [2], [0.1, -1e300]),
    ("bn.num_batches_tracked", "I64", [], [1234567]),
    ("small", "I8", [2], [-128, 127]),
    ("flag", "BOOL", [3], [1, 0, 1]),
    ("nothing", "F32", [0, 4], []),
]
packers = {"F32": (4, pack("f")), "F16": (2, half), "BF16": (2, bfloat), "F64": (8, pack("d")),
           "I64": (8, pack("q")), "I8": (1, pack("b")), "BOOL": (1, pack("B"))}
tensors.sort(key=lambda t: (-packers[t[1]][0], t[0]))
header, data = {"__metadata__": {"format": "pt"}}, b""
for name, dtype, shape, values in tensors:
    b = b"".join(packers[dtype][1](v) for v in values)
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(b)]}
    data += b
head = json.dumps(header, separators=(",", ":")).encode()
head += b" " * (-len(head) % 8)
with open(sys.argv[1], "wb") as f:
    f.write(struct.pack("<Q", len(head)) + head + data)
