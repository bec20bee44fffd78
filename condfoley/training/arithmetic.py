"""Where computing in bf16 is worth while: elsewhere it is emulated, many times slower than fp32."""

from __future__ import annotations

import torch


def has_bf16(device: str | torch.device) -> bool:
    """Whether a device computes in bf16: a GPU as CUDA sees it, a processor as oneDNN does."""
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def frozen(device: str | torch.device) -> torch.autocast:
    """Context in which parts that are not trained are run: bf16 where the device has it."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=has_bf16(device))
