# STOI and extended STOI in NumPy, from the two papers, on signals that quality_test.go
# makes too. Prints one line a noise level: gain, STOI, extended STOI.
# Run: python3 stoi.py > stoi.tsv      (NumPy 1.24)
import numpy as np

RATE, N, HOP, K, J, SEG = 10000, 256, 128, 512, 15, 30


def signals(gain):
    n = 3 * RATE
    t = np.arange(n) / RATE
    x = sum(np.sin(2 * np.pi * 140 * k * t + k * k) / k for k in range(1, 30))
    x *= 0.1 * (0.55 - 0.45 * np.cos(2 * np.pi * 3.1 * t)) * (1 + 0.5 * np.sin(2 * np.pi * 0.7 * t))
    x[RATE:RATE + 4000] = 0
    state, noise = 1, np.zeros(n)
    for i in range(n):
        state = (state * 1664525 + 1013904223) % 2**32
        noise[i] = state / 2**31 - 1
    return x, x + gain * noise


def frames(x):
    w = np.hanning(N + 2)[1:-1]
    return np.array([w * x[i:i + N] for i in range(0, len(x) - N, HOP)])


def overlap_add(f):
    out = np.zeros((len(f) - 1) * HOP + N)
    for i, v in enumerate(f):
        out[i * HOP:i * HOP + N] += v
    return out


def drop_silence(x, y):
    fx, fy = frames(x), frames(y)
    e = 20 * np.log10(np.linalg.norm(fx, axis=1) + 1e-16)
    keep = e > e.max() - 40
    return overlap_add(fx[keep]), overlap_add(fy[keep])


def bands(x):
    f = np.linspace(0, RATE, K + 1)[:K // 2 + 1]
    p = np.abs(np.fft.rfft(frames(x), K)) ** 2
    out = []
    for j in range(J):
        low = np.argmin((f - 150 * 2 ** ((2 * j - 1) / 6)) ** 2)
        high = np.argmin((f - 150 * 2 ** ((2 * j + 1) / 6)) ** 2)
        out.append(np.sqrt(p[:, low:high].sum(axis=1)))
    return np.array(out)


def unit(a, axis):
    a = a - a.mean(axis=axis, keepdims=True)
    return a / np.linalg.norm(a, axis=axis, keepdims=True)


def measure(x, y):
    x, y = drop_silence(x, y)
    X, Y = bands(x), bands(y)
    plain, extended = [], []
    for m in range(SEG, X.shape[1] + 1):
        a, b = X[:, m - SEG:m], Y[:, m - SEG:m]
        g = np.linalg.norm(a, axis=1, keepdims=True) / np.linalg.norm(b, axis=1, keepdims=True)
        c = np.minimum(g * b, a * (1 + 10 ** (15 / 20)))
        plain.append((unit(a, 1) * unit(c, 1)).sum() / J)
        extended.append((unit(unit(a, 1), 0) * unit(unit(b, 1), 0)).sum() / SEG)
    return np.mean(plain), np.mean(extended)


for gain in [0.001, 0.01, 0.05, 0.2, 1]:
    print("%g\t%.6f\t%.6f" % ((gain,) + measure(*signals(gain))))
