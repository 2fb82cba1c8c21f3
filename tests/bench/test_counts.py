"""Counts are exact: right where the truth is known, and the same in every process."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from smellcheck.bench.counts import count
from smellcheck.bench.instructions import instructions

TRAINING = """
import json, torch
import torch.nn.functional as F
from torch import nn
from smellcheck.bench.counts import count
torch.manual_seed(0)
layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
head = nn.Linear(32, 5)
optimizer = torch.optim.Adam([*layer.parameters(), *head.parameters()])
inputs, labels = torch.randn(4, 6, 32), torch.randint(0, 5, (4,))
def step():
    optimizer.zero_grad()
    loss = F.cross_entropy(head(layer(inputs).mean(1)), labels)
    loss.backward()
    optimizer.step()
    return loss.item()
print(json.dumps(count(step, "cpu").to_json()))
"""


def test_the_same_in_five_fresh_processes() -> None:
    told = []
    for seed in range(5):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        command = [sys.executable, "-c", TRAINING]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        told.append(json.loads(done.stdout))
    assert all(each == told[0] for each in told)
    assert told[0]["flops"] > 0
    assert told[0]["instructions"] > 0
    assert told[0]["uncounted"] == []


@pytest.fixture
def linear() -> nn.Linear:
    return nn.Linear(64, 32)


def test_forward_and_backward_of_a_linear_layer(linear: nn.Linear) -> None:
    inputs = torch.randn(8, 64)
    forward = 2 * 8 * 64 * 32
    assert count(lambda: linear(inputs), "cpu").flops == forward
    # The inputs want no gradient: only the weight's product is added.
    assert count(lambda: linear(inputs).sum().backward(), "cpu").flops == 2 * forward


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_the_grad_mode_hides_no_operation(mode: type, linear: nn.Linear) -> None:
    inputs = torch.randn(8, 64)

    def forward() -> object:
        with mode():
            return linear(inputs)

    counts = count(forward, "cpu", instructions=False)
    assert (counts.flops, counts.operations) == (2 * 8 * 64 * 32, 1)
    assert counts.bytes_read == 4 * (8 * 64 + 64 * 32 + 32)
    assert counts.bytes_written == counts.live_peak == 4 * 8 * 32


def test_no_grad_keeps_less_alive() -> None:
    model = nn.Sequential(*[layer for _ in range(8) for layer in (nn.Linear(32, 32), nn.GELU())])
    inputs = torch.randn(64, 32)
    with torch.no_grad():
        without = count(lambda: model(inputs), "cpu", instructions=False)
    within = count(lambda: model(inputs), "cpu", instructions=False)
    assert without.flops == within.flops
    assert without.live_peak == 2 * inputs.nbytes
    assert within.live_peak == 16 * inputs.nbytes


@pytest.mark.parametrize("gradient", [False, True])
def test_attention_on_the_cpu(gradient: bool) -> None:
    query = torch.randn(2, 4, 16, 32, requires_grad=gradient)
    key = torch.randn(2, 4, 24, 32)
    product = 2 * 2 * 4 * 16 * 24 * 32

    def attend() -> object:
        out = F.scaled_dot_product_attention(query, key, key)
        return out.sum().backward() if gradient else out

    assert count(attend, "cpu", instructions=False).flops == (2 + 5 if gradient else 2) * product


def test_what_no_formula_covers_is_named() -> None:
    lstm, inputs = nn.LSTM(8, 8), torch.randn(3, 2, 8)
    assert any("rnn" in name or "lstm" in name for name in count(lambda: lstm(inputs), "cpu").uncounted)
    square = torch.eye(4)
    assert count(lambda: torch.linalg.inv(square), "cpu").uncounted == ("linalg_inv_ex",)
    assert count(lambda: torch.fft.fft(square), "cpu").uncounted


def test_ordinary_layers_leave_nothing_uncounted() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1)
    )
    inputs = torch.randn(2, 3, 16, 16)
    counts = count(lambda: model(inputs).flatten(1).softmax(-1).var().backward(), "cpu", instructions=False)
    assert counts.uncounted == ()
    assert counts.flops >= 2 * 2 * 8 * 14 * 14 * 3 * 9


def test_python_is_counted_where_torch_sees_nothing() -> None:
    numbers = list(range(1000))

    def loop() -> float:
        total = 0
        for number in numbers:
            total += number
        return total

    slow, fast = instructions(loop), instructions(lambda: sum(numbers))
    assert slow is not None and fast is not None
    assert slow > 3000
    assert fast < 20
    assert instructions(loop) == slow


def test_chance_is_the_same_for_each_counter_and_is_put_back() -> None:
    drawn: list[float] = []
    torch.manual_seed(1)
    count(lambda: drawn.append(torch.rand(()).item()), "cpu")
    assert len(set(drawn)) == 1
    torch.manual_seed(1)
    assert torch.rand(()).item() == drawn[0]


def test_a_failing_workload_leaves_no_ledger_open() -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        count(fail, "cpu")
    assert sys.gettrace() is None or "step" not in repr(sys.gettrace())
    assert count(lambda: torch.ones(2), "cpu").operations == 1
