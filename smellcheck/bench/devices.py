"""What this machine can measure on: the CPU, a CUDA device, the simulated accelerator; each with the meter it has."""

from __future__ import annotations

import platform

import torch

from . import accelerator
from .meter import Meter, open_meters
from .session import Device


class NoDevice(Exception):
    """What was asked for is not here; the message says why."""


def choose(wanted: str) -> list[Device]:
    """The devices for `cpu`, `cuda` or `auto`: a GPU alone where there is one, else the CPU and the simulated one.

    Raises `NoDevice` when CUDA is asked for and missing.
    """
    if wanted == "cuda" or (wanted == "auto" and torch.cuda.is_available()):
        if not torch.cuda.is_available():
            raise NoDevice("torch sees no CUDA device here")
        return [Device("cuda", torch.cuda.get_device_name(0), "cuda", torch.cuda.synchronize)]
    found = [Device("cpu", f"{platform.machine()} CPU", "cpu")]
    if accelerator.unavailable() is None:
        found.append(Device("simulated", "simulated accelerator", accelerator.NAME))
    return found


def meter_of(device: Device, source: str | None = None) -> tuple[Meter | None, str]:
    """The meter of a device, by the source that its probe trusts, or none and the reasons."""
    if device.kind == "simulated":
        return None, "what is simulated uses no energy of its own"
    opened = open_meters(device.torch, source)
    meter = next((one for one in opened.meters if device.kind == "cpu" or one.source != "rapl"), None)
    return meter, "; ".join(opened.reasons)
