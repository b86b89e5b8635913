"""Randomness inside modules, keyed: the same step of the same run draws the same, whatever happened before."""

import hashlib

import torch


def seed_step(seed: int, stage: str, step: int, rank: int) -> None:
    """Seed torch's generators from a key, on the CPU and on all GPUs.

    Dropout and the mixtures of a gradient penalty draw from torch's own streams, which no checkpoint holds. Keyed anew
    before each step, they are exact after a resume at the same number of devices, and differ between the devices.

    Args:
        seed: of the run.
        stage: name of the training stage.
        step: optimizer steps done.
        rank: of this process.
    """
    digest = hashlib.blake2b(repr((seed, stage, step, rank)).encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(digest, "big", signed=True))
