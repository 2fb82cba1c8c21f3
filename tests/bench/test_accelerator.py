"""The simulated accelerator runs ordinary code with the CPU's results, and what crosses to it can be counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from smellcheck.bench import accelerator
from smellcheck.bench.counts import count

REASON = accelerator.unavailable()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture
def device() -> Iterator[str]:
    with accelerator.simulated() as name:
        yield name


def crossings(workload: Callable[[], object]) -> tuple[int, int, int, int, int]:
    counts = count(workload, accelerator.NAME)
    assert counts.instructions is None
    return counts.h2d_copies, counts.h2d_bytes, counts.d2h_copies, counts.d2h_bytes, counts.syncs


def train(device: str, make: Callable[..., torch.optim.Optimizer]) -> list[torch.Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)).to(device)
    inputs, labels = torch.randn(4, 16).to(device), torch.randint(0, 3, (4,)).to(device)
    optimizer = make(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return [parameter.detach().cpu() for parameter in model.parameters()]


@pytest.mark.parametrize("make", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_training_gives_the_results_of_the_cpu(device: str, make: type[torch.optim.Optimizer]) -> None:
    for mine, host in zip(train(device, make), train("cpu", make), strict=True):
        assert torch.allclose(mine, host, atol=1e-6)


def test_layers_compute_as_on_the_cpu(device: str) -> None:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0)
    inputs = torch.randn(2, 5, 16)
    expected = layer(inputs)
    moved = layer.to(device)
    assert next(moved.parameters()).device.type == device
    result = moved(inputs.to(device))
    assert result.device.type == device
    assert torch.allclose(result.cpu(), expected, atol=1e-6)
    assert result.detach().cpu().numpy().shape == (2, 5, 16)


def test_moving_each_batch_or_all_at_once(device: str) -> None:
    model = nn.Linear(8, 8).to(device)
    batches = [torch.randn(4, 8) for _ in range(6)]
    size = batches[0].nbytes
    assert crossings(lambda: [model(batch.to(device)).cpu() for batch in batches]) == (6, 6 * size, 6, 6 * size, 12)
    assert crossings(lambda: model(torch.stack(batches).to(device)).cpu()) == (1, 6 * size, 1, 6 * size, 2)


def test_item_in_every_step_or_once(device: str) -> None:
    values = torch.randn(5).to(device)
    assert crossings(lambda: sum(value.item() for value in values)) == (0, 0, 5, 20, 5)
    assert crossings(lambda: values.sum().item()) == (0, 0, 1, 4, 1)


def test_made_on_the_host_or_in_place(device: str) -> None:
    assert crossings(lambda: torch.zeros(100).to(device)) == (1, 400, 0, 0, 1)
    assert crossings(lambda: torch.zeros(100, device=device)) == (0, 0, 0, 0, 0)
    assert crossings(lambda: torch.tensor([1.0, 2.0], device=device)) == (1, 8, 0, 0, 1)
    assert crossings(lambda: torch.zeros(100).to(device, non_blocking=True)) == (1, 400, 0, 0, 0)


@pytest.mark.parametrize(
    ("ask", "waits"),
    [
        (lambda x: bool((x > 0).any()), 1),
        (lambda x: x[x > 0], 1),
        (lambda x: x.nonzero(), 1),
        (lambda x: x.unique(), 1),
        (lambda x: x.tolist(), 1),
        (lambda x: x.relu().sum(), 0),
        (lambda x: x.masked_fill(x > 0, 0.0), 0),
        (lambda x: torch.where(x > 0, x, 0.0), 0),
        (lambda x: torch.simgpu.synchronize(), 1),  # type: ignore[attr-defined]
    ],
)
def test_what_makes_the_host_wait(device: str, ask: Callable[[torch.Tensor], object], waits: int) -> None:
    values = torch.randn(16).to(device)
    assert crossings(lambda: ask(values))[-1] == waits


def test_live_memory_of_the_accelerator_is_seen(device: str) -> None:
    values = torch.randn(1000).to(device)
    assert count(lambda: values * 2 + 1, device).live_peak == 8000


def test_a_torch_without_the_interface_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.utils import backend_registration

    monkeypatch.delattr(backend_registration, "_setup_privateuseone_for_python_backend")
    accelerator.unavailable.cache_clear()
    try:
        reason = accelerator.unavailable()
        assert reason is not None and torch.__version__ in reason
        with pytest.raises(RuntimeError, match="backend"), accelerator.simulated():
            pass
    finally:
        accelerator.unavailable.cache_clear()
        # The process has its accelerator already, and cannot set it up twice.
        monkeypatch.undo()
        monkeypatch.setattr(accelerator, "unavailable", lambda: None)
