"""What the tests of the core share."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def no_bf16_by_itself():
    """Let ``auto`` mean fp32 on every processor; tests that are about bf16 ask for it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
            patch.setattr(torch.cpu, name, lambda: False, raising=False)
        yield
