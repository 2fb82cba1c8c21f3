"""Trains long and validates once, so that a fix has nothing to save."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)


def accuracy(model, images, labels):
    model.eval()
    return (model(images).argmax(-1) == labels).float().mean().item()


torch.manual_seed(0)
network = nn.Sequential(nn.Linear(256, 512), nn.GELU(), nn.Linear(512, 512), nn.GELU(), nn.Linear(512, 10))
optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
for _ in range(int(sys.argv[1])):
    inputs, targets = torch.randn(64, 256), torch.randint(0, 10, (64,))
    optimizer.zero_grad()
    F.cross_entropy(network(inputs), targets).backward()
    optimizer.step()
print(accuracy(network, inputs, targets))
