"""What ends a stage."""

import pytest
import torch

from linecolor.experiment.stage import is_out_of_memory


def test_running_out_of_memory_is_told_apart_from_other_failures():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("size mismatch"))
