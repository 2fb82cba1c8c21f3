"""What is known of torch's operations: which compute little, what the others cost, and which make the host wait."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch

Formula = Callable[[tuple[Any, ...]], int]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Operations that do a bounded handful of arithmetic for each element read or written, beside those that torch itself
#: tags as pointwise. They move bytes, which are counted; as arithmetic they do not matter.
CHEAP = _words(
    """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d all amax
    amin aminmax any arange argmax argmin avg_pool2d avg_pool3d batch_norm binary_cross_entropy bernoulli
    bincount bucketize cat channel_shuffle clone complex constant_pad_nd copy count_nonzero cross_entropy_loss
    cummax cummin cumprod cumsum diag_embed dropout embedding embedding_bag embedding_dense empty empty_like
    empty_permuted empty_strided equal eye fill flip foreach_norm full full_like gather gelu glu grid_sampler_2d
    group_norm grid_sampler_3d histc huber_loss index index_add index_copy index_fill index_put index_reduce
    index_select is_nonzero isin item kthvalue layer_norm lerp lift_fresh lift_fresh_copy linalg_vector_norm
    linspace local_scalar_dense log_sigmoid log_sigmoid_forward log_softmax logcumsumexp logsumexp masked_fill
    masked_scale masked_scatter masked_select max max_pool2d_with_indices max_pool3d_with_indices mean median
    min mkldnn_max_pool2d mse_loss multi_margin_loss multilabel_margin_loss multinomial new_empty
    new_empty_strided new_full new_ones new_zeros nll_loss nll_loss2d nll_loss2d_forward nll_loss_forward
    nonzero norm normal normal_functional one_hot ones ones_like pixel_shuffle pixel_unshuffle poisson prelu
    prod put rand rand_like randint randint_like randn randn_like random randperm reflection_pad1d
    reflection_pad2d repeat repeat_interleave replication_pad1d replication_pad2d resize rms_norm roll
    rrelu_with_noise safe_softmax scalar_tensor scatter scatter_add scatter_reduce searchsorted select_scatter
    set slice_scatter smooth_l1_loss softmax softplus stack std std_mean sum take threshold to_copy topk trace
    tril tril_indices triu triu_indices unfold_copy uniform upsample_bicubic2d upsample_bilinear2d
    upsample_linear1d upsample_nearest1d upsample_nearest2d upsample_nearest3d var var_mean
    weight_norm_interface where zero zeros zeros_like amp_foreach_non_finite_check_and_unscale amp_update_scale
    batch_norm_legit batch_norm_legit_no_training batch_norm_with_update linalg_check_errors select_backward
    slice_backward diagonal_backward unfold_backward value_selecting_reduction_backward masked_select_backward
    split assert_async assert_tensor_metadata record_stream pin_memory is_pinned is_same_size resize_as
    lstm_cell_pointwise thnn_fused_lstm_cell thnn_fused_gru_cell logical_and local_response_norm im2col col2im
    unique2 unique_consecutive fused_adam fused_adamw fused_sgd fused_adagrad fused_dropout native_dropout
    functional_assert_async
    """
)

#: Views by name where the schema does not say so.
VIEWS = frozenset(("detach", "detach_", "view", "_unsafe_view", "alias", "_reshape_alias", "lift_fresh"))

#: Operations whose result, or its size, the host must wait for when they run on an accelerator.
SYNCING = _words(
    """
    _local_scalar_dense is_nonzero equal nonzero masked_select _unique _unique2 unique_dim unique_consecutive
    bincount _linalg_check_errors
    """
)


def name_of(func: Any) -> str:
    """The bare name of an operation, `add_` for `aten.add_.Tensor`."""
    return str(func._schema.name).rpartition("::")[2]


def is_view(func: Any) -> bool:
    """Does an operation only look at its argument in another way?"""
    return bool(getattr(func, "is_view", False)) or name_of(func) in VIEWS


def is_cheap(func: Any) -> bool:
    """Is an operation without a formula known to compute no more than a few steps an element?"""
    if torch.Tag.pointwise in func.tags or getattr(torch.Tag, "reduction", None) in func.tags:
        return True
    name = name_of(func)
    if name.startswith("_foreach_"):
        return True
    return any(form in CHEAP for form in _forms(name.strip("_").removeprefix("native_").removeprefix("cudnn_")))


def _forms(name: str) -> tuple[str, ...]:
    bare = name
    for end in ("_backward_data", "_dense_backward", "_backward", "_copy"):
        bare = bare.removesuffix(end)
    return name, bare


def _attention(args: tuple[Any, ...]) -> int:
    query, key, value = args[:3]
    *batch, rows, width = map(int, query.shape)
    return 2 * int(prod(batch)) * rows * int(key.shape[-2]) * (width + int(value.shape[-1]))


def _attention_backward(args: tuple[Any, ...]) -> int:
    # The scores are computed again; then two products for them and one each for the three gradients.
    _grad, query, key, value = args[:4]
    *batch, rows, width = map(int, query.shape)
    return 2 * int(prod(batch)) * rows * int(key.shape[-2]) * (3 * width + 2 * int(value.shape[-1]))


def _pairwise(args: tuple[Any, ...]) -> int:
    left, right = args[:2]
    return 3 * int(prod(left.shape[:-1])) * int(right.shape[-2]) * int(left.shape[-1])


#: What torch's own registry leaves out; the arguments are those of the operation.
FORMULAS: dict[str, Formula] = {
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_flash_attention_for_cpu_backward": _attention_backward,
    "mv": lambda args: 2 * int(args[0].numel()),
    "addmv": lambda args: 2 * int(args[1].numel()),
    "dot": lambda args: 2 * int(args[0].numel()),
    "vdot": lambda args: 2 * int(args[0].numel()),
    "_cdist_forward": _pairwise,
    "_euclidean_dist": _pairwise,
}


def flops_of(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: object) -> int | None:
    """The floating-point operations of a call, none when no formula says."""
    from torch.utils.flop_counter import flop_registry

    if (own := FORMULAS.get(name_of(func))) is not None:
        return own(args)
    formula = flop_registry.get(func._overloadpacket)
    return None if formula is None else int(formula(*args, **kwargs, out_val=out))
