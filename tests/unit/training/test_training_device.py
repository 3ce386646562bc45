"""Where training runs: what is refused, and on a card that a replayed graph gives the gradients of the loss."""

import types

import numpy as np
import pytest
import torch

import dysyr
from dysyr.reconstruction.jump_em.foundation import examples as drawn
from dysyr.reconstruction.jump_em.foundation.training import train
from dysyr.training.device import LossAndGradient, check_device

on_a_card = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
DEVICES = ("cpu", pytest.param("cuda", marks=on_a_card))


def test_devices_that_are_not_there_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    check_device(types.SimpleNamespace(device="cpu"))
    with pytest.raises(dysyr.InputError, match="there is no CUDA device: take device='cpu'"):
        check_device(types.SimpleNamespace(device="cuda"))
    with pytest.raises(dysyr.InputError, match="cannot use this device: 'tpu'; 'cpu' or 'cuda'"):
        dysyr.PhyxMamba(device="tpu").fit(np.ones((100, 1)), dt=1.0)
    with pytest.raises(dysyr.InputError, match="no such device: 'tpu'"):
        dysyr.pretrain_jump(tmp_path, device="tpu")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("changes", [{"core": "selective"}, {"n_tokens": 65}], ids=str)
def test_what_a_card_cannot_train_is_refused(monkeypatch, changes):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(dysyr.InputError, match="cannot use this device: 'cuda'; 'cpu' with core 'selective'"):
        dysyr.PhyxMamba(device="cuda", **changes).fit(np.ones((400, 1)), dt=1.0)


@pytest.mark.parametrize("device", DEVICES)
def test_value_and_gradient_are_those_of_the_loss(device):
    """loss = sum a x^2 + b: gradients x^2 and 1, added to what is there, for each input anew."""
    a = torch.tensor([2.0, -1.0], device=device, requires_grad=True)
    b = torch.tensor(0.5, device=device, requires_grad=True)
    a.grad = torch.tensor([10.0, 20.0], device=device)
    mine = LossAndGradient(lambda x, none: (a * x**2).sum() + b, [a, b])
    for x in ([1.0, 2.0], [3.0, 0.5]):
        value = mine(torch.tensor(x, device=device), None)
        assert not value.requires_grad
        assert value.item() == 2 * x[0] ** 2 - x[1] ** 2 + 0.5
    np.testing.assert_array_equal(a.grad.cpu(), [10 + 1 + 9, 20 + 4 + 0.25])
    assert b.grad.item() == 2.0


@on_a_card
@pytest.mark.parametrize("changes", [{}, {"dropout": 0.1, "jitter": 0.01, "n_heads": 1, "n_tokens": 3}], ids=str)
def test_phyxmamba_trains_on_a_card_as_on_the_processor(changes):
    t = np.linspace(0, 60, 900)
    data = np.stack([np.sin(t), np.cos(t)], axis=1)
    sizes = {"n_updates": 12, "n_rollout_updates": 4, "n_checks": 4, "rollout_rate": 1e-4, **changes}
    both = [dysyr.PhyxMamba(device=device, **sizes).fit(data, dt=0.07, progress=False) for device in ("cpu", "cuda")]
    losses = [each.history_["loss"] for each in both]
    np.testing.assert_allclose(losses[1], losses[0], rtol=2e-3)
    ahead = [each.forecast(data[-60:], n_steps=20)["x"].values for each in both]
    np.testing.assert_allclose(ahead[1], ahead[0], atol=5e-3)


@on_a_card
def test_the_network_of_rates_trains_on_a_card_as_on_the_processor(monkeypatch, tmp_path):
    monkeypatch.setattr(drawn, "CHUNK", 40)
    known = drawn.make_examples(tmp_path, 40, seed=3, progress=False)
    histories = [
        train(known, known, n_updates=20, batch_size=16, device=device, progress=False)[1] for device in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(histories[1]["held_out"], histories[0]["held_out"], rtol=1e-3)
