"""Factorises a matrix of ratings by gradient descent; NumPy made the data, and made it float64."""

import sys

import numpy as np
import torch

torch.set_num_threads(1)
device = "cuda" if torch.cuda.is_available() else "cpu"
steps = int(sys.argv[1]) if len(sys.argv) > 1 else 60
np.random.seed(0)

truth = np.random.randn(1500, 16) @ np.random.randn(16, 800)
users = torch.from_numpy(np.random.randn(1500, 32)).to(device).requires_grad_()
items = torch.from_numpy(np.random.randn(32, 800)).to(device).requires_grad_()
ratings = torch.from_numpy(truth).to(device)
optimizer = torch.optim.Adam([users, items], lr=0.02)
for _ in range(steps):
    optimizer.zero_grad()
    loss = (users @ items - ratings).square().mean()
    loss.backward()
    optimizer.step()
print(f"loss {loss.item():.3f} after {steps} steps")
