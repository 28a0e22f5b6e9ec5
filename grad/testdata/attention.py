"""Golden values of masked attention and its gradients from PyTorch, for grad's tests.

    python3 grad/testdata/attention.py > grad/testdata/attention.json
"""
import json
import math

import torch

torch.manual_seed(4)
H, D, T, S, B = 2, 3, 4, 5, 3
lengths = [5, 2, 4]
q, k, v, dy = (torch.randn(H * D, n, B, dtype=torch.float64).float().double().requires_grad_() for n in (T, S, S, T))


def heads(x):  # [H·D, n, B] to [B, H, n, D]
    return x.reshape(H, D, x.shape[1], B).permute(3, 0, 2, 1)


scores = heads(q) @ heads(k).transpose(-1, -2) / math.sqrt(D)
for b, n in enumerate(lengths):
    scores[b, :, :, n:] = float("-inf")
scores = scores.masked_fill(torch.ones(T, S).triu(S - T + 1).bool(), float("-inf"))
y = (scores.softmax(-1) @ heads(v)).permute(1, 3, 2, 0).reshape(H * D, T, B)
y.backward(dy.detach())
out = {"torch": torch.__version__, "heads": H, "lengths": lengths}
for name, x in dict(q=q, k=k, v=v, dy=dy, y=y, dq=q.grad, dk=k.grad, dv=v.grad).items():
    out[name] = {"shape": list(x.shape), "data": [float("%.9g" % e) for e in x.flatten()]}
print(json.dumps(out))
