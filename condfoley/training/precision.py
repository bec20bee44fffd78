"""Whether a device computes in bf16: without hardware support it is emulated, many times slower than fp32."""

from __future__ import annotations

import torch


def has_bf16(device: str | torch.device) -> bool:
    """Whether a device supports bf16 in hardware: a GPU according to CUDA, a CPU according to oneDNN."""
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def frozen_autocast(device: str | torch.device) -> torch.autocast:
    """Autocast context for frozen parts: bf16 if the device supports it."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=has_bf16(device))
