"""Golden values of a Transformer encoder and decoder layer from PyTorch, for nn's tests.

    python3 nn/testdata/transformer.py > nn/testdata/transformer.json
"""
import json

import torch

torch.manual_seed(6)
C, H, F, S, T, B = 6, 2, 10, 4, 3, 2
lengths = [4, 2]
encoder = torch.nn.TransformerEncoderLayer(C, H, F, 0.0, norm_first=True).double()
decoder = torch.nn.TransformerDecoderLayer(C, H, F, 0.0, norm_first=True).double()
for p in list(encoder.parameters()) + list(decoder.parameters()):
    p.data = (p.data + 0.2 * torch.randn_like(p)).float().double()
x, y = (torch.randn(n, B, C).double().requires_grad_() for n in (S, T))
padding = torch.tensor([[s >= n for s in range(S)] for n in lengths])
memory = encoder(x, src_key_padding_mask=padding)
causal = torch.triu(torch.full((T, T), float("-inf"), dtype=torch.float64), 1)
out = decoder(y, memory, tgt_mask=causal, memory_key_padding_mask=padding)
dout = torch.randn_like(out)
out.backward(dout)


def array(t):  # [time, batch, features] to features first
    t = t.detach()
    if t.dim() == 3:
        t = t.permute(2, 0, 1)
    return {"shape": list(t.shape), "data": [float("%.9g" % e) for e in t.flatten()]}


arrays = {"x": x, "y": y, "out": out, "dout": dout, "dx": x.grad, "dy": y.grad}
for side, net in (("encoder", encoder), ("decoder", decoder)):
    for name, p in net.named_parameters():
        arrays[f"{side}.{name}"], arrays[f"d.{side}.{name}"] = p, p.grad
print(json.dumps({"torch": torch.__version__, "lengths": lengths, "arrays": {k: array(v) for k, v in arrays.items()}}))
