"""Writes recurrent.json: states and gradients of PyTorch's recurrent layers, C=3, H=4, T=5, B=2.

Arrays are flat, in Filigree's order: activations [rows, T, B], weights [G*H, columns]. The loss is the
sum over the states' elements, in that order, of sin(3i+1) times element i. PyTorch's second bias is zero
but for the candidate of the GRU.
"""
import json
import os

import torch

C, H, T, B = 3, 4, 5, 2
torch.manual_seed(1)
out = {"versions": "torch " + torch.__version__}
for name, make in (("rnn", torch.nn.RNN), ("gru", torch.nn.GRU), ("lstm", torch.nn.LSTM)):
    net = make(C, H).double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn_like(p).float())
        keep = net.bias_hh_l0[2 * H:].clone()
        net.bias_hh_l0.zero_()
        if name == "gru":
            net.bias_hh_l0[2 * H:] = keep
    x = torch.randn(T, B, C).float().double().requires_grad_()
    y, _ = net(x)
    flat = y.permute(2, 0, 1).reshape(-1)
    (flat * torch.sin(3.0 * torch.arange(len(flat)) + 1).double()).sum().backward()

    def row_major(v):
        return [float("%.9g" % e) for e in v.detach().reshape(-1)]

    case = {"x": row_major(x.permute(2, 0, 1)), "y": row_major(flat), "dx": row_major(x.grad.permute(2, 0, 1)),
            "input": row_major(net.weight_ih_l0), "recurrent": row_major(net.weight_hh_l0), "bias": row_major(net.bias_ih_l0),
            "dinput": row_major(net.weight_ih_l0.grad), "drecurrent": row_major(net.weight_hh_l0.grad),
            "dbias": row_major(net.bias_ih_l0.grad)}
    if name == "gru":
        case["nbias"], case["dnbias"] = row_major(net.bias_hh_l0[2 * H:]), row_major(net.bias_hh_l0.grad[2 * H:])
    out[name] = case
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "recurrent.json"), "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
