#!/usr/bin/env python3
"""Training throughput of the same GPT-2 in PyTorch: torch.compile, fused attention
(scaled_dot_product_attention), bf16 autocast, fused AdamW, gradients clipped to norm 1.

  gpu-torch.py --shape 16,8,512,1023,32,64 --seconds 10 --json

A shape is layers,heads,width,context,vocabulary,rows. On a machine without CUDA it runs
on the CPU, in float32 and not compiled, to see that it works.
"""

import argparse
import json
import math
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = LayerNorm(width), LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width, bias=False)
        self.fc = nn.Linear(width, 4 * width, bias=False)
        self.mlp = nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (y.view(b, t, self.heads, c // self.heads).transpose(1, 2) for y in self.qkv(self.ln1(x)).split(c, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(b, t, c))
        return x + self.mlp(F.gelu(self.fc(self.ln2(x))))


class LayerNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, None, 1e-5)


class GPT(nn.Module):
    def __init__(self, layers, heads, width, context, vocab):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.ln = LayerNorm(width)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                residual = name.endswith(("proj.weight", "mlp.weight"))
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * layers) if residual else 0.02)

    def forward(self, tokens, targets):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1], device=tokens.device))
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.ln(x), self.wte.weight)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]).float(), targets.view(-1))


def measure(shape, seconds):
    layers, heads, width, context, vocab, rows = map(int, shape.split(","))
    cuda = torch.cuda.is_available()
    device = "cuda" if cuda else "cpu"
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = True
    model = GPT(layers, heads, width, context, vocab).to(device)
    decay = [p for p in model.parameters() if p.dim() >= 2]
    rest = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    opt = torch.optim.AdamW(groups, lr=3e-4, betas=(0.9, 0.95), **({"fused": True} if cuda else {}))
    run = torch.compile(model) if cuda else model
    sync = torch.cuda.synchronize if cuda else lambda: None

    def step():
        batch = torch.randint(vocab, (2, rows, context)).to(device, non_blocking=True)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=cuda):
            loss = run(batch[0], batch[1])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        opt.zero_grad(set_to_none=True)

    for _ in range(5 if cuda else 1):  # compiles
        step()
    sync()
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(10 if cuda else 1):
            step()
            steps += 1
        sync()
    elapsed = time.perf_counter() - began
    how = "torch.compile, bf16, fused attention and AdamW" if cuda else "CPU, float32, not compiled"
    return {"shape": shape, "tok_per_s": steps * rows * context / elapsed, "how": how, "torch": torch.__version__}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--shape", action="append", required=True)
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    results = [measure(s, args.seconds) for s in args.shape]
    if args.json:
        print(json.dumps(results, indent=2))
    else:
        for r in results:
            print(f"{r['shape']}: {r['tok_per_s']:.0f} tok/s ({r['how']})")


main()
