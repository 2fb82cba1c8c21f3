"""Fine-tunes a new head on a vision transformer, whose backbone is made from its configuration, and saves the head."""

import json
import sys
from pathlib import Path

import torch
from torch import nn
from transformers import ViTConfig, ViTForImageClassification

torch.manual_seed(0)
torch.set_num_threads(1)
device = "cuda" if torch.cuda.is_available() else "cpu"
steps = int(sys.argv[1]) if len(sys.argv) > 1 else 60

config = ViTConfig(
    image_size=32, patch_size=8, hidden_size=128, num_hidden_layers=4, num_attention_heads=4, intermediate_size=256
)
model = ViTForImageClassification(config)
model.classifier = nn.Linear(config.hidden_size, 10)
model.to(device)
optimizer = torch.optim.AdamW(model.classifier.parameters(), lr=1e-3)

losses = []
for _ in range(steps):
    images = torch.randn(16, 3, 32, 32).to(device)
    labels = torch.randint(0, 10, (16,)).to(device)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(images).logits, labels)
    loss.backward()
    optimizer.step()
    losses.append(loss.detach())

Path("head.json").write_text(json.dumps(model.classifier.weight.tolist()))
print(f"loss {torch.stack(losses).mean().item():.4f} over {steps} steps")
