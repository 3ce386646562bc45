import gc

import torch

from dysyr.kernels.scans.buffers import ALIGNMENT, Workspace, empty
from dysyr.kernels.scans.linear_scan import linear_scan


def test_memory_is_aligned():
    for shape in ((3,), (5, 7), (0,)):
        tensor = empty(shape, torch.float32)
        assert tensor.shape == shape and tensor.is_contiguous()
        assert tensor.data_ptr() % ALIGNMENT == 0


def test_memory_is_used_again_when_nobody_holds_it():
    workspace = Workspace()
    first = workspace.empty((100, 3), torch.float64)
    address = first.data_ptr()
    assert workspace.empty((100, 3), torch.float64).data_ptr() != address
    del first
    assert workspace.empty((300, 2), torch.float32).data_ptr() == address


def test_memory_is_held_by_views_arrays_and_graphs():
    workspace = Workspace()
    holders = {
        "view": lambda tensor: tensor[3:4, 1],
        "array": lambda tensor: tensor.numpy()[:, 2],
        "graph": lambda tensor: torch.ones(50, 3, requires_grad=True) * tensor,
    }
    for name, holder in holders.items():
        tensor = workspace.empty((50, 3), torch.float32)
        address = tensor.data_ptr()
        held = holder(tensor)
        del tensor
        gc.collect()
        assert workspace.empty((50, 3), torch.float32).data_ptr() != address, name
        del held
        gc.collect()
        assert workspace.empty((50, 3), torch.float32).data_ptr() == address, name


def test_results_stay_while_they_are_held(rng):
    workspace = Workspace()
    a, b = (torch.from_numpy(rng.normal(size=(2, 9, 4))).requires_grad_() for _ in range(2))
    first = linear_scan(a, b, workspace=workspace)
    kept = first.detach().clone()
    gradients = torch.autograd.grad(first.sum(), (a, b))
    kept_gradients = [gradient.clone() for gradient in gradients]
    for _ in range(3):
        linear_scan(b, a, workspace=workspace).sum().backward()
    assert torch.equal(first, kept)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(gradients, kept_gradients, strict=True))
    assert torch.equal(linear_scan(a, b, workspace=workspace), linear_scan(a, b))
