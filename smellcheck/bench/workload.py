"""A proof as two arms that can be run: built afresh from the same seeds, compared by results."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ..page import Case

#: How far results may differ on an accelerator, whose kernels add up in another order for other shapes.
DEVICE_TOLERANCE = {"float64": (1e-7, 1e-9), "float32": (1e-5, 1e-6), "bfloat16": (1e-2, 1e-2), "float16": (1e-2, 1e-2)}
_SEEDED = (("numpy", "random.seed"), ("torch", "manual_seed"))


def build(proof: Case, arm: Literal["smelly", "clean"], device: str = "cpu", size: int = 16) -> Callable[[], Any]:
    """One arm of a proof, set up on a device in a size. Raises what the proof's own code raises."""
    random.seed(0)
    for module, function in _SEEDED:
        _seed(module, function)
    namespace: dict[str, Any] = {"device": device, "size": size, "__name__": "proof"}
    exec(compile(proof.plain, f"<proof: {proof.title}>", "exec"), namespace)
    work: Callable[[], Any] = namespace[arm]
    return work


def run_arm(proof: Case, arm: Literal["smelly", "clean"], device: str = "cpu", size: int = 16) -> Any:
    """What one arm of a proof returns when it is run once."""
    return build(proof, arm, device, size)()


def difference(proof: Case, device: str, size: int) -> str | None:
    """How the results of the two arms differ, beyond the page's tolerance and the device's; `None` when they do not.

    Results that are no numbers prove nothing, equal or not.
    """
    smelly, clean = run_arm(proof, "smelly", device, size), run_arm(proof, "clean", device, size)
    rtol, atol = proof.tolerance.rtol, proof.tolerance.atol
    values = list(_values(smelly))
    if device not in ("cpu", "simgpu"):
        rounding = [DEVICE_TOLERANCE.get(_dtype(value), (0.0, 0.0)) for value in values]
        rtol = max([rtol, *(relative for relative, _ in rounding)])
        atol = max([atol, *(absolute for _, absolute in rounding)])
    try:
        assert_same(smelly, clean, rtol, atol)
    except AssertionError as error:
        return str(error).strip() or "the results differ"
    return "the results are not numbers (NaN)" if any(_is_nan(value) for value in values) else None


def _values(result: Any) -> Iterator[Any]:
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        for part in result:
            yield from _values(part)
    else:
        yield result


def _dtype(value: Any) -> str:
    # A number that was read from a device was a float32 there, as a rule.
    return "float32" if isinstance(value, float) else str(getattr(value, "dtype", "")).replace("torch.", "")


def _is_nan(value: Any) -> bool:
    if isinstance(value, float):
        return value != value
    return "float" in _dtype(value) and bool((value != value).any())


def fingerprint(proof: Case, protocol: str) -> str:
    """What evidence was made of: the proof's code, both arms and set-up, its sizes and the protocol's version."""
    measured = "\n".join((proof.plain.strip(), repr(proof.sizes), protocol))
    return hashlib.sha256(measured.encode()).hexdigest()


def assert_same(left: Any, right: Any, rtol: float, atol: float) -> None:
    """Fail unless two results are equal: nested containers, tensors, arrays and numbers.

    With `rtol` and `atol` zero, equal means bit for bit, and of the same type and dtype.
    """
    if isinstance(left, dict):
        assert isinstance(right, dict), f"{type(left)} is not {type(right)}"
        assert left.keys() == right.keys(), f"keys differ: {left.keys()} {right.keys()}"
        for key in left:
            assert_same(left[key], right[key], rtol, atol)
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right), f"lengths differ: {len(left)} and {len(right)}"
        for one, other in zip(left, right):  # noqa: B905 - older interpreters run the bench, too
            assert_same(one, other, rtol, atol)
    elif find_spec("torch") is not None and isinstance(left, import_module("torch").Tensor):
        torch = import_module("torch")
        torch.testing.assert_close(left.cpu(), right.cpu(), rtol=rtol, atol=atol, equal_nan=True)
    elif hasattr(left, "dtype") or isinstance(left, float):
        _assert_close(left, right, rtol, atol)
    else:
        assert left == right, f"{left!r} differs from {right!r}"


def _assert_close(left: Any, right: Any, rtol: float, atol: float) -> None:
    if find_spec("numpy") is None:
        assert abs(left - right) <= atol + rtol * abs(right), f"{left!r} differs from {right!r}"
        return
    import_module("numpy").testing.assert_allclose(left, right, rtol=rtol, atol=atol, equal_nan=True)


def _seed(module: str, function: str) -> None:
    if find_spec(module) is None:
        return
    target: Any = import_module(module)
    for part in function.split("."):
        target = getattr(target, part)
    target(0)
