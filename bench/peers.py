"""The programs Filigree is measured against, reached through Debian packages:
OpenBLAS and oneDNN through ctypes, PyTorch as a module. Times are in milliseconds.
"""
import ctypes
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def median_ms(call, budget):
    """Median time of call() over about `budget` seconds; short calls run in groups."""
    call()
    start = time.perf_counter()
    call()
    group = max(1, round(0.0005 / max(time.perf_counter() - start, 1e-7)))
    times, end = [], time.perf_counter() + budget
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(group):
            call()
        times.append((time.perf_counter() - start) / group)
    return 1e3 * float(np.median(times))


def matrix(rows, cols, seed):
    """A float32 matrix of values in [-0.5, 0.5) that starts on a cache line."""
    raw = np.empty(rows * cols + 16, np.float32)
    skip = (-raw.ctypes.data // 4) % 16
    m = raw[skip:skip + rows * cols].reshape(rows, cols)
    m[:] = np.random.default_rng(seed).random((rows, cols), np.float32) - 0.5
    return m


def pointer(a):
    return ctypes.c_void_p(a.ctypes.data)


class DenseProducts:
    """C = op(A) op(B) by OpenBLAS and by oneDNN."""

    def __init__(self, threads):
        self.blas = ctypes.CDLL("libopenblas.so.0")
        self.blas.openblas_set_num_threads(threads)
        self.dnn = ctypes.CDLL("libdnnl.so.2")  # its threads are OpenMP's: set OMP_NUM_THREADS

    def openblas(self, m, n, k, ta=False, tb=False):
        a, b, c = self._operands(m, n, k, ta, tb)
        i, f = ctypes.c_int, ctypes.c_float

        def call():
            self.blas.cblas_sgemm(i(101), i(112 if ta else 111), i(112 if tb else 111), i(m), i(n), i(k), f(1),
                                  pointer(a), i(a.shape[1]), pointer(b), i(b.shape[1]), f(0), pointer(c), i(n))
        return call

    def onednn(self, m, n, k, ta=False, tb=False):
        a, b, c = self._operands(m, n, k, ta, tb)
        i, f, ch = ctypes.c_int64, ctypes.c_float, ctypes.c_char

        def call():
            self.dnn.dnnl_sgemm(ch(b"NT"[ta:ta + 1]), ch(b"NT"[tb:tb + 1]), i(m), i(n), i(k), f(1),
                                pointer(a), i(a.shape[1]), pointer(b), i(b.shape[1]), f(0), pointer(c), i(n))
        return call

    @staticmethod
    def _operands(m, n, k, ta, tb):
        return (matrix(*((k, m) if ta else (m, k)), 1), matrix(*((n, k) if tb else (k, n)), 2), matrix(m, n, 3))


def linear_layer(m, k, batch):
    """Forward, input gradient and weight gradient of a dense layer by autograd."""
    x = (torch.rand(batch, k) - 0.5).requires_grad_()
    w = (torch.rand(m, k) - 0.5).requires_grad_()
    g = torch.rand(batch, m) - 0.5

    def call():
        x.grad = w.grad = None
        F.linear(x, w).backward(g)
    return call


class LeNet(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10))


class Block(nn.Module):
    """The pre-activation block of Zagoruyko and Komodakis (2016)."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(cin), nn.BatchNorm2d(cout)
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.short = nn.Conv2d(cin, cout, 1, stride, bias=False) if cin != cout or stride != 1 else None

    def forward(self, x):
        h = F.relu(self.bn1(x), inplace=True)
        s = x if self.short is None else self.short(h)
        return s + self.conv2(F.relu(self.bn2(self.conv1(h)), inplace=True))


class WRN(nn.Module):
    def __init__(self, depth=22, width=2):
        super().__init__()
        n, c = (depth - 4) // 6, [16, 16 * width, 32 * width, 64 * width]
        self.conv = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.blocks = nn.Sequential(*[Block(c[g] if i == 0 else c[g + 1], c[g + 1], 2 if g > 0 and i == 0 else 1)
                                      for g in range(3) for i in range(n)])
        self.bn, self.fc = nn.BatchNorm2d(c[3]), nn.Linear(c[3], 10)

    def forward(self, x):
        x = F.relu(self.bn(self.blocks(self.conv(x))), inplace=True)
        return self.fc(x.mean((2, 3)))


class Transformer(nn.Module):
    """The small network of `filigree train translate`: PyTorch's own layers, norms in front."""

    def __init__(self, vocabulary=4000, layers=2, features=128, heads=4, hidden=512, dropout=0.1):
        super().__init__()
        self.embedding, self.scale = nn.Embedding(vocabulary, features), features ** 0.5
        self.drop = nn.Dropout(dropout)
        self.body = nn.Transformer(features, heads, layers, layers, hidden, dropout, norm_first=True)
        self.out = nn.Linear(features, vocabulary, bias=False)
        at = torch.arange(256).unsqueeze(1) / 10000 ** (torch.arange(0, features, 2) / features)
        self.positions = torch.stack([at.sin(), at.cos()], 2).reshape(256, 1, features)

    def embed(self, x):
        return self.drop(self.embedding(x) * self.scale + self.positions[:len(x)])

    def forward(self, source, target, padding):
        causal = nn.Transformer.generate_square_subsequent_mask(len(target))
        h = self.body(self.embed(source), self.embed(target), tgt_mask=causal,
                      src_key_padding_mask=padding, memory_key_padding_mask=padding)
        return self.out(h)


def translation_step(net, batch=64, tokens=17, smoothing=0.1):
    """One Adam step on sentences of equal length, as `filigree bench step --model transformer`."""
    net.train()
    opt = torch.optim.Adam(net.parameters(), 1e-4)
    source, target, labels = (torch.randint(3, net.out.out_features, (tokens, batch)) for _ in range(3))
    padding = torch.zeros(batch, tokens, dtype=torch.bool)

    def call():
        opt.zero_grad(set_to_none=True)
        logits = net(source, target, padding)
        F.cross_entropy(logits.flatten(0, 1), labels.flatten(), label_smoothing=smoothing).backward()
        opt.step()
    return call


def training_step(net, shape):
    """One SGD step with Nesterov momentum and decay on a fixed random batch."""
    net.train()
    opt = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    x, y = torch.rand(shape), torch.randint(0, 10, (shape[0],))

    def call():
        opt.zero_grad(set_to_none=True)
        F.cross_entropy(net(x), y).backward()
        opt.step()
    return call


class CharGRU(nn.Module):
    """The character model of RigL (Evci et al. 2020, section 4.2), ids [time, batch]."""

    def __init__(self, symbols=256, embedding=128, units=512, readout=(256, 128)):
        super().__init__()
        self.embedding = nn.Embedding(symbols, embedding)
        self.gru = nn.GRU(embedding, units)
        a, b = readout
        self.readout = nn.Sequential(nn.Linear(units, a), nn.ReLU(), nn.Linear(a, b), nn.ReLU(), nn.Linear(b, symbols))

    def forward(self, x):
        return self.readout(self.gru(self.embedding(x))[0])


def language_step(net, symbols, length, batch):
    """One Adam step on a fixed random batch of sequences."""
    net.train()
    opt = torch.optim.Adam(net.parameters(), 1e-3)
    x, y = torch.randint(0, symbols, (length, batch)), torch.randint(0, symbols, (length * batch,))

    def call():
        opt.zero_grad(set_to_none=True)
        F.cross_entropy(net(x).reshape(-1, symbols), y).backward()
        opt.step()
    return call
