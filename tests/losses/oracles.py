"""Slow transcriptions in float64, one line of the papers after the other, without any code of the library."""

import math

import torch


def cut(x, P):
    B, _, H, W = x.shape
    return [x[b, :, i : i + P, j : j + P].reshape(-1) for b in range(B) for i in range(0, H, P) for j in range(0, W, P)]


def positives(hr, P, eta, similarity="l2", MAX=1.0):
    """COO Eq. 37, one pair after the other."""
    patches = cut(hr.double(), P)
    mask = torch.zeros(len(patches), len(patches), dtype=torch.bool)
    for i, p in enumerate(patches):
        for j, q in enumerate(patches):
            norm = (p - q).square().sum().sqrt() if similarity == "l2" else (p - q).square().mean().sqrt()
            M = math.inf if norm == 0 else -20 * math.log10(norm / MAX)
            mask[i, j] = eta <= M
    return mask


def decloss(
    sr,
    hr,
    P=8,
    eta=34.0,
    t_pos=0.5,
    t_neg=1.5,
    *,
    similarity="l2",
    temperature="outside",
    center="none",
    norm_floor=0.0,
    anchor="hr",
    no_negative="printed",
    MAX=1.0,
):
    """COO Eqs. 38-42, or COO-v1 Eqs. 18-23 with anchor="sr"; differentiable."""
    mask = positives(hr, P, eta, similarity, MAX)
    p_hat, p = cut(sr.double(), P), cut(hr.double(), P)
    if center == "patch":
        p_hat, p = [x - x.mean() for x in p_hat], [x - x.mean() for x in p]
    if center == "channel":
        p_hat, p = ([torch.cat([c - c.mean() for c in x.chunk(sr.shape[1])]) for x in y] for y in (p_hat, p))
    floor = norm_floor * MAX * math.sqrt(len(p[0]))

    def cosine(a, b):
        length = [x.square().sum().sqrt() if x.any() else x.new_zeros(()) for x in (a, b)]
        return (a / length[0].clamp_min(floor)) @ (b / length[1].clamp_min(floor))

    def weigh(S, t):
        return (S / t).exp() if temperature == "inside" else S.exp() / t

    rows = []
    for i in range(len(p)):
        Q_pos = Q_neg = torch.zeros((), dtype=torch.float64)
        for j in range(len(p)):
            S_sr_sr = cosine(p_hat[i], p_hat[j])
            S_sr_hr = cosine(p[i], p_hat[j]) if anchor == "hr" else cosine(p_hat[i], p[j])
            t = t_pos if mask[i, j] else t_neg
            score = weigh(S_sr_sr, t) + 2 * weigh(S_sr_hr, t)
            Q_pos, Q_neg = (Q_pos + score, Q_neg) if mask[i, j] else (Q_pos, Q_neg + score)
        if no_negative == "printed" or not mask[i].all():
            rows.append(-(Q_pos / Q_neg).log())
    return torch.stack(rows).mean() if rows else 0 * sr.double().sum()
