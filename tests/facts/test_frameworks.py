"""What classes of torch are called where they are offered."""

from __future__ import annotations

import pytest

from smellcheck.facts.frameworks import offered


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("torch.nn.modules.activation.MultiheadAttention", "torch.nn.MultiheadAttention"),
        ("torch.nn.modules.Linear", "torch.nn.Linear"),
        ("torch.nn.parallel.data_parallel.DataParallel", "torch.nn.parallel.DataParallel"),
        ("torch.utils.data.dataloader.DataLoader", "torch.utils.data.DataLoader"),
        ("torch.optim.adamw.AdamW", "torch.optim.AdamW"),
        ("torch.nn.modules.module.Module.register_buffer", "torch.nn.Module.register_buffer"),
        # These have no other home.
        ("torch.optim.lr_scheduler.StepLR", "torch.optim.lr_scheduler.StepLR"),
        ("torch.optim.swa_utils.AveragedModel", "torch.optim.swa_utils.AveragedModel"),
        ("torch.nn.utils.rnn.PackedSequence", "torch.nn.utils.rnn.PackedSequence"),
        ("torch.nn.functional.relu", "torch.nn.functional.relu"),
        ("torch.nn.Linear", "torch.nn.Linear"),
        ("torch.nn.modules.utils._pair", "torch.nn.modules.utils._pair"),
        ("mytorch.nn.modules.linear.Linear", "mytorch.nn.modules.linear.Linear"),
    ],
)
def test_offered(written: str, name: str) -> None:
    assert offered(written) == name
