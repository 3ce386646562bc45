"""Published settings, by system.

Sizes and schedules as in the authors' code. What differs is in docs/methods/phyxmamba.md: the window holds real history
instead of zeros, windows are drawn at random, and there are no more heads than patches that they could learn from.
"""

EPOCH = 57
"""Updates of an epoch: about 29,000 windows in batches of 512."""

COMMON = {
    "d_model": 256, "d_state": 1024, "expand": 2, "head_dim": 64, "core": "ssd", "residual": False, "normalise": False,
    "dropout": 0.1, "batch_size": 512, "rollout_batch_size": 512, "n_updates": 800 * EPOCH,
    "n_rollout_updates": 800 * EPOCH, "n_decoder_updates": 50 * EPOCH, "learning_rate": 1e-3, "rollout_rate": 1e-4,
    "weight_decay": 1e-5, "gradient_clip": 1.0, "schedule": "plateau", "n_checks": 320, "head_weight": 0.1,
    "conditional_weight": 1000.0, "unconditional_weight": 1.0, "n_rollout": 30,
}  # fmt: skip

PUBLISHED = {
    "lorenz63": {"patch_length": 10, "n_tokens": 3, "dim": 3, "delay": 7, "n_layers": 4, "n_heads": 2},
    "rossler": {"patch_length": 5, "n_tokens": 6, "dim": 3, "delay": 7, "n_layers": 1, "n_heads": 3},
    "lorenz96": {"patch_length": 5, "n_tokens": 6, "dim": 4, "delay": 3, "n_layers": 3, "n_heads": 3},
    "ecg": {"patch_length": 2, "n_tokens": 15, "dim": 4, "delay": 6, "n_layers": 4, "n_heads": 3},
    "eeg": {"patch_length": 12, "n_tokens": 5, "dim": 4, "delay": 9, "n_layers": 4, "n_heads": 3, "n_rollout": 60},
}
