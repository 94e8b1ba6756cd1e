#!/usr/bin/env python3
"""Writes torch/*.safetensors: GPT-2 by PyTorch's autograd, in float64.

For a few small configurations: random parameters and batches with segments,
logits, loss, every gradient, and the parameters after some AdamW steps with
clipping, accumulation and a cosine schedule. The Go tests read the files and
must agree. Needs torch (any version; the files were made with 1.13).

    python3 model/testdata/torch_golden.py
"""
import json
import math
import os
import struct

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)

CONFIGS = {
    "plain": dict(layers=2, heads=2, width=16, context=12, vocab=13, bias=False, activation="gelu"),
    "bias-tanh": dict(layers=1, heads=4, width=16, context=12, vocab=9, bias=True, activation="gelu_new"),
    "bias-erf": dict(layers=2, heads=1, width=12, context=12, vocab=7, bias=True, activation="gelu"),
    "extra": dict(layers=1, heads=2, width=16, context=12, vocab=9, bias=False, activation="gelu",
                  extra_vocab=10, extra_slots=4),
}
TRAIN = dict(learning_rate=3e-3, min_learning_rate=3e-4, warmup=2, steps=6, beta1=0.9, beta2=0.95,
             epsilon=1e-8, weight_decay=0.1, clip_norm=0.5)
STEPS, ACCUMULATE = 4, 2


def parameters(c):
    w, p = c["width"], {}

    def normal(name, *shape, mean=0.0):
        # float32 values, so that the Go side starts from the very same numbers.
        p[name] = (mean + 0.2 * torch.randn(*shape)).float().double().requires_grad_()

    def norm(name):
        normal(name + ".weight", w, mean=1.0)
        if c["bias"]:
            normal(name + ".bias", w)

    def linear(name, i, o):
        normal(name + ".weight", i, o)
        if c["bias"]:
            normal(name + ".bias", o)

    normal("transformer.wte.weight", c["vocab"], w)
    normal("transformer.wpe.weight", c["context"], w)
    for i in range(c["layers"]):
        h = f"transformer.h.{i}."
        norm(h + "ln_1")
        linear(h + "attn.c_attn", w, 3 * w)
        linear(h + "attn.c_proj", w, w)
        norm(h + "ln_2")
        linear(h + "mlp.c_fc", w, 4 * w)
        linear(h + "mlp.c_proj", 4 * w, w)
    norm("transformer.ln_f")
    if "extra_vocab" in c:
        normal("transformer.extra.weight", c["extra_vocab"], w)
    return p


def batch(c, rows, context):
    tokens = torch.randint(c["vocab"], (rows, context))
    targets = torch.randint(c["vocab"], (rows, context))
    targets[torch.rand(rows, context) < 0.2] = -1
    start = torch.zeros(rows, context, dtype=torch.long)
    for r in range(rows):
        for t in range(1, context):
            start[r, t] = t if torch.rand(()) < 0.25 else start[r, t - 1]
    positions = torch.arange(context).expand(rows, context) - start
    positions[0] = torch.arange(context)
    b = dict(tokens=tokens, targets=targets, positions=positions, segment_start=start)
    if "extra_vocab" in c:
        # From none to all of the slots, -1 behind them.
        slots = c["extra_slots"]
        extras = torch.randint(c["extra_vocab"], (rows, context, slots))
        used = torch.randint(slots + 1, (rows, context, 1))
        extras[torch.arange(slots).expand(rows, context, slots) >= used] = -1
        b["extras"] = extras
    return b


def logits(c, p, b):
    w, n = c["width"], c["heads"]
    rows, context = b["tokens"].shape

    def norm(x, name):
        return F.layer_norm(x, (w,), p[name + ".weight"], p.get(name + ".bias"), 1e-5)

    def linear(x, name):
        y = x @ p[name + ".weight"]
        return y + p[name + ".bias"] if c["bias"] else y

    at = torch.arange(context)
    visible = (at[None, None, :] <= at[None, :, None]) & (at[None, None, :] >= b["segment_start"][:, :, None])
    x = p["transformer.wte.weight"][b["tokens"]] + p["transformer.wpe.weight"][b["positions"]]
    if "extras" in b:
        e = b["extras"]
        x = x + (p["transformer.extra.weight"][e.clamp(min=0)] * (e >= 0)[..., None]).sum(2)
    for i in range(c["layers"]):
        h = f"transformer.h.{i}."
        q, k, v = (y.view(rows, context, n, w // n).transpose(1, 2)
                   for y in linear(norm(x, h + "ln_1"), h + "attn.c_attn").split(w, 2))
        a = q @ k.transpose(2, 3) / math.sqrt(w // n)
        a = a.masked_fill(~visible[:, None], -math.inf).softmax(3) @ v
        x = x + linear(a.transpose(1, 2).reshape(rows, context, w), h + "attn.c_proj")
        f = linear(norm(x, h + "ln_2"), h + "mlp.c_fc")
        f = F.gelu(f, approximate="tanh" if c["activation"] == "gelu_new" else "none")
        x = x + linear(f, h + "mlp.c_proj")
    return norm(x, "transformer.ln_f") @ p["transformer.wte.weight"].T


def summed_loss(c, p, b):
    return F.cross_entropy(logits(c, p, b).flatten(0, 1), b["targets"].flatten(), ignore_index=-1, reduction="sum")


def learning_rate(step):
    t = TRAIN
    if step < t["warmup"]:
        return t["learning_rate"] * (step + 1) / (t["warmup"] + 1)
    done = (step - t["warmup"]) / (t["steps"] - t["warmup"])
    return t["min_learning_rate"] + 0.5 * (1 + math.cos(math.pi * done)) * (t["learning_rate"] - t["min_learning_rate"])


def train(c, p, out):
    matrices = [x for x in p.values() if x.dim() >= 2]
    vectors = [x for x in p.values() if x.dim() < 2]
    optimizer = torch.optim.AdamW(
        [dict(params=matrices, weight_decay=TRAIN["weight_decay"]), dict(params=vectors, weight_decay=0.0)],
        betas=(TRAIN["beta1"], TRAIN["beta2"]), eps=TRAIN["epsilon"])
    losses, norms = [], []
    for step in range(STEPS):
        batches = [batch(c, 2, c["context"]) for _ in range(ACCUMULATE)]
        count = sum(int((b["targets"] >= 0).sum()) for b in batches)
        optimizer.zero_grad()
        loss = sum(summed_loss(c, p, b) for b in batches) / count
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(p.values(), TRAIN["clip_norm"])))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        optimizer.step()
        losses.append(float(loss))
        for i, b in enumerate(batches):
            for name, x in b.items():
                out[f"train.{step * ACCUMULATE + i}.{name}"] = x
    out["train.losses"], out["train.norms"] = torch.tensor(losses), torch.tensor(norms)
    for name, x in p.items():
        out["trained." + name] = x


def write(path, tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, x in tensors.items():
        raw = x.detach().float().contiguous().numpy().astype("<f4").tobytes()
        header[name] = dict(dtype="F32", shape=list(x.shape), data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    head = json.dumps(header, separators=(",", ":")).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head + data)


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch")
    os.makedirs(folder, exist_ok=True)
    for seed, (name, c) in enumerate(CONFIGS.items()):
        torch.manual_seed(seed)
        p, b, out = parameters(c), batch(c, 3, c["context"]), {}
        for n, x in p.items():
            out["param." + n] = x.clone()
        for n, x in b.items():
            out["batch." + n] = x
        loss = summed_loss(c, p, b) / (b["targets"] >= 0).sum()
        loss.backward()
        out["logits"], out["loss"] = logits(c, p, b), loss
        for n, x in p.items():
            out["grad." + n] = x.grad.clone()
        if name != "bias-erf":
            train(c, p, out)
        metadata = dict(config=json.dumps(c), train=json.dumps(dict(TRAIN, accumulate=ACCUMULATE, schedule="cosine", rows=2)))
        write(os.path.join(folder, name + ".safetensors"), out, metadata)


if __name__ == "__main__":
    main()
