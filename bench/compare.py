#!/usr/bin/env python3
"""Filigree beside its peers, in one run.

    python3 bench/compare.py [--threads 1] [--sections gemm,spmm,layer,step,recurrent,transformer] [--rounds 5] [--sparsities 0.9] [--out FILE.tsv]

Needs Debian's python3-torch, python3-numpy, libopenblas-dev and libdnnl2, and Go.
In each round every program is timed once, one after the other; a row holds the
medians over the rounds and the median of the rounds' ratios (peer time / ours).
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time

ap = argparse.ArgumentParser()
ap.add_argument("--threads", type=int, default=1)
ap.add_argument("--sections", default="gemm,spmm,layer,step")
ap.add_argument("--rounds", type=int, default=5)
ap.add_argument("--seconds", type=float, default=0.1, help="time for one measurement")
ap.add_argument("--sparsities", help="only rows of these, separated by commas")
ap.add_argument("--out")
opt = ap.parse_args()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = str(opt.threads)

import torch  # noqa: E402  (after the thread counts are set)
import peers  # noqa: E402

torch.set_num_threads(opt.threads)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.path.join(tempfile.mkdtemp(), "filigree")
subprocess.run(["go", "build", "-o", BINARY, "./cmd/filigree"], cwd=ROOT, check=True)


def ours(*args):
    """Run `filigree bench ... --json` and return its row's milliseconds."""
    out = subprocess.run([BINARY, "bench", *map(str, args), "--threads", str(opt.threads), "--time", f"{opt.seconds}s", "--json"],
                         check=True, capture_output=True, text=True).stdout
    return json.loads(out.strip().splitlines()[-1])


COLUMNS = ["section", "shape", "sparsity", "block", "threads", "peer", "peer_ms", "filigree_ms", "ratio", "ratio_low", "ratio_high", "gflops"]
rows = []


def compare(section, shape, sparsity, block, peer_calls, mine):
    """peer_calls: name -> callable giving ms; mine: callable giving (ms, gflops)."""
    if opt.sparsities and float(sparsity) not in map(float, opt.sparsities.split(",")):
        return
    peer_times, my_times, ratios, rates, best = {n: [] for n in peer_calls}, [], [], [], []
    for _ in range(opt.rounds):
        for name, call in peer_calls.items():
            peer_times[name].append(call())
            time.sleep(0.02)
        ms, rate = mine()
        my_times.append(ms)
        rates.append(rate)
    best = min(peer_times, key=lambda n: statistics.median(peer_times[n]))
    ratios = sorted(p / m for p, m in zip(peer_times[best], my_times))
    row = dict(section=section, shape=shape, sparsity=sparsity, block=block, threads=opt.threads, peer=best,
               peer_ms="%.4g" % statistics.median(peer_times[best]), filigree_ms="%.4g" % statistics.median(my_times),
               ratio="%.2f" % statistics.median(ratios), ratio_low="%.2f" % ratios[0], ratio_high="%.2f" % ratios[-1],
               gflops="%.4g" % statistics.median(rates))
    rows.append(row)
    print("\t".join(str(row[c]) for c in COLUMNS), flush=True)


def kernels(op, m, k, n, sparsity=0.0, block="1x1"):
    r = ours("kernels", "--op", op, "--shape", f"{m}x{k}x{n}", "--sparsity", sparsity, "--block", block)
    return r["ms"], r["gflops"]


def timed(call):
    return lambda: peers.median_ms(call, opt.seconds)


print("\t".join(COLUMNS))
dense = peers.DenseProducts(opt.threads)

if "gemm" in opt.sections:
    for m, n, k in [(64, 64, 64), (128, 128, 128), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048),
                    (128, 300, 784), (64, 16384, 576), (16, 3072, 1024), (1024, 49, 1024), (512, 196, 512),
                    (300, 128, 784), (100, 128, 300), (10, 128, 100), (129, 77, 333)]:
        compare("gemm", f"{m}x{k}x{n}", 0, "-", {"openblas": timed(dense.openblas(m, n, k)), "onednn": timed(dense.onednn(m, n, k))},
                lambda: kernels("gemm", m, k, n))

if "spmm" in opt.sections:
    for m, k, n in [(512, 512, 196), (256, 256, 784), (128, 128, 3136), (1024, 1024, 49), (300, 784, 128)]:
        both = {"openblas": timed(dense.openblas(m, n, k)), "onednn": timed(dense.onednn(m, n, k))}
        for block in ("1x1", "2x1", "4x1", "16x1"):
            for sparsity in (0.7, 0.8, 0.9, 0.95, 0.98) if block in ("1x1", "4x1") else (0.9,):
                compare("spmm", f"{m}x{k}x{n}", sparsity, block, both, lambda: kernels("spmm", m, k, n, sparsity, block))

if "layer" in opt.sections:
    for m, k, n in [(300, 784, 128), (1024, 1024, 128), (512, 512, 196), (128, 128, 3136), (3072, 1024, 16)]:
        for block in ("1x1", "4x1"):
            for sparsity in (0.8, 0.9, 0.95, 0.98):
                compare("layer", f"{m}x{k}x{n}", sparsity, block, {"torch": timed(peers.linear_layer(m, k, n))},
                        lambda: kernels("layer", m, k, n, sparsity, block))

if "step" in opt.sections:
    def step(model, method, sparsity):
        r = ours("step", "--model", model, "--method", method, "--sparsity", sparsity, "--batch", 128)
        return r["step_ms"], r["gflops"]

    for model, net, shape in [("lenet", peers.LeNet(), (128, 784)), ("wrn", peers.WRN(), (128, 3, 32, 32))]:
        peer = timed(peers.training_step(net, shape))
        for method, sparsity in [("dense", 0), ("rigl", 0.9), ("rigl", 0.98)]:
            compare("step", model, sparsity, method, {"torch": peer}, lambda: step(model, method, sparsity))

if "recurrent" in opt.sections:
    def step(method, sparsity):
        r = ours("step", "--model", "chargru", "--method", method, "--sparsity", sparsity, "--batch", 32, "--length", 128)
        return r["step_ms"], r["gflops"]

    peer = timed(peers.language_step(peers.CharGRU(), 256, 128, 32))
    for method, sparsity in [("dense", 0)] + [("rigl", s) for s in (0.5, 0.75, 0.9, 0.95, 0.98, 0.99)]:
        compare("recurrent", "chargru", sparsity, method, {"torch": peer}, lambda: step(method, sparsity))

if "transformer" in opt.sections:
    def step(method, sparsity):
        r = ours("step", "--model", "transformer", "--method", method, "--sparsity", sparsity, "--batch", 64, "--length", 17)
        return r["step_ms"], r["gflops"]

    peer = timed(peers.translation_step(peers.Transformer()))
    for method, sparsity in [("dense", 0)] + [("rigl", s) for s in (0.5, 0.8, 0.9, 0.95, 0.98, 0.99)]:
        compare("transformer", "transformer", sparsity, method, {"torch": peer}, lambda: step(method, sparsity))

if opt.out:
    def first(path, key):
        with open(path) as f:
            return next((line.split(":", 1)[1].strip() for line in f if line.startswith(key)), "?")

    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    level = json.loads(subprocess.run([BINARY, "version", "--json"], capture_output=True, text=True).stdout)["level"]
    with open(opt.out + ".tmp", "w") as f:
        f.write(f"# {time.strftime('%Y-%m-%d')}, commit {commit}, {os.cpu_count()} cores of {first('/proc/cpuinfo', 'model name')} "
                f"(family {first('/proc/cpuinfo', 'cpu family')} model {first('/proc/cpuinfo', 'model')}), level {level}, "
                f"torch {torch.__version__}, python {platform.python_version()}\n")
        f.write(f"# python3 bench/compare.py --threads {opt.threads} --rounds {opt.rounds} --seconds {opt.seconds} --sections {opt.sections}"
                f"{' --sparsities ' + opt.sparsities if opt.sparsities else ''}\n")
        f.write("\t".join(COLUMNS) + "\n")
        for r in rows:
            f.write("\t".join(str(r[c]) for c in COLUMNS) + "\n")
    os.replace(opt.out + ".tmp", opt.out)
