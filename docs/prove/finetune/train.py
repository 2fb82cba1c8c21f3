"""Trains a new head on a vision transformer, and leaves the rest to collect gradients that nobody steps."""

import sys

import torch
import torch.nn.functional as F
from torch import nn
from transformers import ViTConfig, ViTForImageClassification

torch.set_num_threads(1)
torch.manual_seed(0)
config = ViTConfig(
    image_size=32, patch_size=8, hidden_size=128, num_hidden_layers=4, num_attention_heads=4, intermediate_size=256
)
model = ViTForImageClassification(config)
model.classifier = nn.Linear(128, 10)
optimizer = torch.optim.AdamW(model.classifier.parameters(), lr=1e-3)
for step in range(int(sys.argv[1])):
    images, labels = torch.randn(16, 3, 32, 32), torch.randint(0, 10, (16,))
    loss = F.cross_entropy(model(images).logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step}: {loss.item():.6f}")
