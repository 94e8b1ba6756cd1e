# An independent implementation of the two models, by numerical derivatives of the
# probabilities, on a random tournament; writes tournament.json.
# python3 tournament.py > tournament.json
import json

import numpy as np

rng = np.random.default_rng(7)
C = 400 / np.log(10)
players = 7
truth = np.array([-260, -120, -30, 0, 90, 160, 330.0])


def wdl(d, nu):
    # Davidson's relation for the mean m, solved by bisection.
    m = 1 / (1 + np.exp(-d / C))
    lo, hi = np.zeros_like(m), 2 * np.minimum(m, 1 - m)
    for _ in range(200):
        x = (lo + hi) / 2
        over = x * x > nu * nu * (m - x / 2) * (1 - m - x / 2)
        hi, lo = np.where(over, x, hi), np.where(over, lo, x)
    x = (lo + hi) / 2
    return np.array([m - x / 2, x, 1 - m - x / 2])


counts = []  # white, black, wins, draws, losses
for i in range(players):
    for j in range(players):
        if i == j or rng.random() < 0.2:
            continue
        n = int(rng.integers(3, 15))
        p = wdl(np.array([truth[i] - truth[j] + 35]), 1.2)[:, 0]
        w, d, l = rng.multinomial(n, p)
        counts.append([i, j, int(w), int(d), int(l)])
counts = np.array(counts)
W, B, R = counts[:, 0], counts[:, 1], counts[:, 2:].astype(float)


def full(x):  # the ratings have mean 0
    return np.append(x, -x.sum())


def newton(f, x):
    # maximizes f by numerical gradient and Hessian
    for _ in range(60):
        h = 1e-2
        n = len(x)
        E = np.eye(n) * h
        g = np.array([(f(x + e) - f(x - e)) / (2 * h) for e in E])
        H = np.array([[(f(x + a + b) - f(x + a - b) - f(x - a + b) + f(x - a - b)) / (4 * h * h) for b in E] for a in E])
        step = np.linalg.solve(H, g)
        k = 1.0
        while f(x - k * step) < f(x) - 1e-13 and k > 1e-6:
            k /= 2
        x = x - k * step
        if np.abs(step).max() < 1e-7:
            break
    return x


def davidson(x):  # ratings, advantage, 100 log nu
    r, h, nu = full(x[: players - 1]), x[players - 1], np.exp(x[players] / 100)
    return (R.T * np.log(wdl(r[W] - r[B] + h, nu))).sum()


x = newton(davidson, np.zeros(players + 1))
r, h, nu = full(x[: players - 1]), x[players - 1], float(np.exp(x[players] / 100))

# Expected information in all parameters, from the probabilities' derivatives.
n = R.sum(axis=1)


def logp(x):
    r = full(x[: players - 1])
    return np.log(wdl(r[W] - r[B] + x[players - 1], np.exp(x[players] / 100)))


J = np.array([(logp(x + e) - logp(x - e)) / 2e-2 for e in np.eye(players + 1) * 1e-2])
P = np.exp(logp(x))
info = np.einsum("aok,bok,ok,k->ab", J, J, P, n)
cov = np.linalg.inv(info)
T = np.zeros((players, players + 1))
T[: players - 1, : players - 1] = np.eye(players - 1)
T[players - 1, : players - 1] = -1
cr = T @ cov @ T.T


# Ordo: the ratings where everybody's expected points are those obtained.
def points(x):
    r = full(x)
    m = 1 / (1 + np.exp(-(r[W] - r[B]) / C))
    s = R[:, 0] + R[:, 1] / 2
    return (s * np.log(m) + (n - s) * np.log(1 - m)).sum()


ordo = full(newton(points, np.zeros(players - 1)))
expected = np.zeros(players)
obtained = np.zeros(players)
m = 1 / (1 + np.exp(-(ordo[W] - ordo[B]) / C))
s = R[:, 0] + R[:, 1] / 2
np.add.at(expected, W, n * m)
np.add.at(expected, B, n * (1 - m))
np.add.at(obtained, W, s)
np.add.at(obtained, B, n - s)
assert np.abs(expected - obtained).max() < 1e-5

f = lambda a: [round(float(v), 6) for v in a]
print(json.dumps({
    "games": counts.tolist(),
    "ratings": f(r), "advantage": round(float(h), 6), "draw_rate": round(nu / (nu + 2), 8),
    "errors": f(np.sqrt(np.diag(cr))), "advantage_error": round(float(np.sqrt(cov[players - 1, players - 1])), 6),
    "difference_error_0_6": round(float(np.sqrt(cr[0, 0] + cr[6, 6] - 2 * cr[0, 6])), 6),
    "log_likelihood": round(float(davidson(x)), 6),
    "ordo": f(ordo),
}, indent=1))
