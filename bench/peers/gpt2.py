#!/usr/bin/env python3
"""A GPT-2 in plain PyTorch, to compare the trainer and the decoder with.

The model is nanoGPT's: blocks with LayerNorm before attention and MLP, GELU,
learned positions, the embedding tied to the output projection, N(0, 0.02)
weights with the residual projections scaled by 1/sqrt(2 layers), AdamW with
weight decay on matrices, gradients clipped to norm 1. It needs nothing but
python3-torch (written for 1.13, the distribution's), and runs on the CPU.

  gpt2.py throughput --shape 4,4,128,128,2048,64 --dtype bf16 --seconds 20
  gpt2.py train      --shape 4,4,128,256,1970,16 --data rows.bin --seconds 1200
  gpt2.py decode     --shape 8,8,256,128,2048,64 --dtype bf16 --seconds 20

--shape is layers,heads,width,context,vocab,batch. GFLOP/s are nominal: six for
every parameter and token, and 12*layers*width*context for attention (PaLM,
appendix B), as `chesstrain bench` counts them.
"""

import argparse
import json
import math
import struct
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, width, heads, bias):
        super().__init__()
        self.heads = heads
        self.norm1 = norm(width, bias)
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.out = nn.Linear(width, width, bias=bias)
        self.norm2 = norm(width, bias)
        self.up = nn.Linear(width, 4 * width, bias=bias)
        self.down = nn.Linear(4 * width, width, bias=bias)

    def split(self, x):
        """(B, T, C) -> queries, keys, values (B, H, T, D)."""
        b, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).split(c, dim=2)
        return [y.view(b, t, self.heads, c // self.heads).transpose(1, 2) for y in (q, k, v)]

    def finish(self, x, attended):
        b, t, c = x.shape
        x = x + self.out(attended.transpose(1, 2).reshape(b, t, c))
        return x + self.down(F.gelu(self.up(self.norm2(x))))

    def forward(self, x, mask):
        """mask: added to the scores, -inf where a position must not look."""
        q, k, v = self.split(x)
        scores = (q @ k.transpose(2, 3)) * (1 / math.sqrt(q.shape[3])) + mask
        return self.finish(x, F.softmax(scores, dim=3) @ v)

    def step(self, x, cache, at):
        """One new position of every sequence; cache is (2, B, H, T, D)."""
        q, k, v = self.split(x)
        cache[0, :, :, at : at + 1] = k
        cache[1, :, :, at : at + 1] = v
        k, v = cache[0, :, :, : at + 1], cache[1, :, :, : at + 1]
        q = q * (1 / math.sqrt(q.shape[3]))
        if x.dtype == torch.float32:
            # Without MKL a float32 bmm is a loop of single products: in one line
            # of a sequence these sums are several times faster.
            weights = F.softmax((k * q).sum(3), dim=2)
            return self.finish(x, (v * weights[..., None]).sum(2, keepdim=True))
        return self.finish(x, F.softmax(q @ k.transpose(2, 3), dim=3) @ v)


class Norm(nn.Module):
    """LayerNorm with a weight and no bias."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, None, 1e-5)


def norm(width, bias):
    return nn.LayerNorm(width, eps=1e-5) if bias else Norm(width)


class GPT2(nn.Module):
    def __init__(self, layers, heads, width, context, vocab, bias=False):
        super().__init__()
        self.wte = nn.Embedding(vocab, width)
        self.wpe = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, bias) for _ in range(layers))
        self.norm = norm(width, bias)
        for name, p in self.named_parameters():
            if p.dim() < 2:
                continue
            residual = name.endswith(("out.weight", "down.weight"))
            nn.init.normal_(p, 0, 0.02 / math.sqrt(2 * layers) if residual else 0.02)

    def head(self, x):
        return F.linear(self.norm(x), self.wte.weight)

    def forward(self, tokens, positions, mask):
        x = self.wte(tokens) + self.wpe(positions)
        for block in self.blocks:
            x = block(x, mask)
        return self.head(x)

    def step(self, tokens, cache, at):
        """The logits after one more token of every sequence."""
        x = (self.wte(tokens) + self.wpe.weight[at])[:, None]
        for i, block in enumerate(self.blocks):
            x = block.step(x, cache[i], at)
        return self.head(x)[:, 0]


class Trainer:
    def __init__(self, model, args):
        self.model, self.bf16, self.clip = model, args.dtype == "bf16", args.clip
        matrices = [p for p in model.parameters() if p.dim() >= 2]
        others = [p for p in model.parameters() if p.dim() < 2]
        self.opt = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": args.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=args.lr, betas=(0.9, 0.95), eps=1e-8, foreach=args.foreach)

    def loss(self, tokens, targets, positions, mask):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            logits = self.model(tokens, positions, mask)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]).float(), targets.view(-1), ignore_index=-1)

    def step(self, lr, *batch):
        for g in self.opt.param_groups:
            g["lr"] = lr
        self.opt.zero_grad(set_to_none=True)
        loss = self.loss(*batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.opt.step()
        return loss.item()


def causal(context):
    return torch.full((context, context), float("-inf")).triu(1)


def throughput(args):
    layers, heads, width, context, vocab, batch = args.shape
    model = GPT2(layers, heads, width, context, vocab, args.bias)
    trainer = Trainer(model, args)
    positions, mask = torch.arange(context), causal(context)
    tokens = torch.randint(vocab, (batch, context + 1))
    data = (tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous(), positions, mask)
    for _ in range(3):
        trainer.step(args.lr, *data)
    times, begin = [], time.perf_counter()
    while time.perf_counter() - begin < args.seconds or len(times) < 3:
        start = time.perf_counter()
        trainer.step(args.lr, *data)
        times.append(time.perf_counter() - start)
    per_step = batch * context
    mean, best = per_step * len(times) / sum(times), per_step / min(times)
    flops = flops_per_token(model, args.shape)
    return {"train_tok_per_s": mean, "best_tok_per_s": best, "gflops": mean * flops / 1e9, "steps": len(times)}


def flops_per_token(model, shape):
    layers, _, width, context = shape[:4]
    return 6 * sum(p.numel() for p in model.parameters()) + 12 * layers * width * context


class Rows:
    """Batches that bench/peers/export wrote (see there for the layout)."""

    def __init__(self, path):
        with open(path, "rb") as f:
            magic, self.rows, self.context, self.vocab, self.training, self.validation = struct.unpack("<8s5i", f.read(28))
        if magic != b"GPT2ROWS":
            sys.exit(f"{path}: not a file of bench/peers/export")
        n = (self.training + self.validation) * 3 * self.rows * self.context
        flat = torch.from_file(path, size=14 + n, dtype=torch.int16)[14:]
        self.all = flat.view(-1, 3, self.rows, self.context)

    def batch(self, i, mask):
        tokens, targets, start = (x.long() for x in self.all[i])
        at = torch.arange(self.context)
        # Row i may look at j where start[i] <= j <= i.
        outside = at[None, None, :] < start[:, :, None]
        full = mask[None].expand(self.rows, -1, -1).masked_fill(outside, float("-inf"))
        return tokens, targets, at[None] - start, full[:, None]


def train(args):
    """Trains on exported rows for args.seconds, the schedule going by time."""
    rows = Rows(args.data)
    layers, heads, width, context, vocab, batch = args.shape
    if (rows.rows, rows.context, rows.vocab) != (batch, context, vocab):
        sys.exit(f"{args.data} has batch {rows.rows}, context {rows.context}, vocabulary {rows.vocab}: give these in --shape")
    model = GPT2(layers, heads, width, context, vocab, args.bias)
    trainer = Trainer(model, args)
    mask = causal(context)

    def validate():
        total = count = 0
        with torch.no_grad():
            for i in range(rows.training, rows.training + rows.validation):
                b = rows.batch(i, mask)
                n = int((b[1] >= 0).sum())
                total += trainer.loss(*b).item() * n
                count += n
        return total / count

    step, spent, curve = 0, 0.0, []
    next_report = args.report
    while spent < args.seconds:
        x = spent / args.seconds
        lr = args.lr * min(1, (step + 1) / (args.warmup + 1))
        if args.schedule == "cosine":
            lr *= 0.1 + 0.9 * (1 + math.cos(math.pi * x)) / 2
        elif x > 0.8:
            lr *= 1 - math.sqrt((x - 0.8) / 0.2)
        start = time.perf_counter()
        loss = trainer.step(lr, *rows.batch(step % rows.training, mask))
        spent += time.perf_counter() - start
        step += 1
        if spent >= next_report or spent >= args.seconds:
            # The time of a validation is not the training's.
            curve.append({"seconds": spent, "step": step, "loss": loss, "validation_loss": validate()})
            next_report += args.report
            print(json.dumps(curve[-1]), file=sys.stderr, flush=True)
    return {"validation_loss": curve[-1]["validation_loss"], "steps": step, "seconds": spent, "curve": curve}


def decode(args):
    layers, heads, width, context, vocab, games = args.shape
    model = GPT2(layers, heads, width, context, vocab, args.bias).eval()
    dtype = torch.float32
    if args.dtype == "bf16":
        model, dtype = model.bfloat16(), torch.bfloat16
    cache = torch.zeros(layers, 2, games, heads, context, width // heads, dtype=dtype)
    moves, begin, rounds = 0, time.perf_counter(), 0
    with torch.inference_mode():
        while rounds < 2 or time.perf_counter() - begin < args.seconds:
            if rounds == 1:  # the first is for warming up
                moves, begin = 0, time.perf_counter()
            tokens = torch.zeros(games, dtype=torch.long)
            for at in range(context):
                logits = model.step(tokens, cache, at).float()
                tokens = torch.multinomial(F.softmax(logits / args.temperature, dim=1), 1)[:, 0]
                moves += games
            rounds += 1
    spent = time.perf_counter() - begin
    return {"decode_tok_per_s": moves / spent, "games": games, "rounds": rounds - 1}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("mode", choices=["throughput", "train", "decode"])
    p.add_argument("--shape", required=True, help="layers,heads,width,context,vocab,batch")
    p.add_argument("--dtype", choices=["f32", "bf16"], default="f32", help="bf16: autocast in training, bf16 weights in decoding")
    p.add_argument("--threads", type=int, default=0, help="default: PyTorch's")
    p.add_argument("--seconds", type=float, default=20)
    p.add_argument("--bias", action="store_true", help="biases in linear layers and norms (the presets have none)")
    p.add_argument("--foreach", action="store_true", help="AdamW over lists of tensors")
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--warmup", type=int, default=100)
    p.add_argument("--schedule", choices=["cosine", "wsd"], default="wsd")
    p.add_argument("--weight-decay", type=float, default=0.1)
    p.add_argument("--clip", type=float, default=1.0)
    p.add_argument("--data", help="train: rows written by bench/peers/export")
    p.add_argument("--report", type=float, default=30, help="train: seconds of training between validations")
    p.add_argument("--temperature", type=float, default=1.0, help="decode")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    args.shape = [int(x) for x in args.shape.split(",")]
    if len(args.shape) != 6:
        p.error("--shape wants layers,heads,width,context,vocab,batch")
    if args.mode == "train" and not args.data:
        p.error("train wants --data")
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    torch.set_flush_denormal(True)
    result = {"mode": args.mode, "shape": args.shape, "dtype": args.dtype, "threads": torch.get_num_threads(),
              "torch": torch.__version__, **{"throughput": throughput, "train": train, "decode": decode}[args.mode](args)}
    if args.json:
        print(json.dumps(result))
    else:
        for k, v in result.items():
            if k != "curve":
                print(f"{k:18} {v:,.1f}" if isinstance(v, float) else f"{k:18} {v}")


main()
