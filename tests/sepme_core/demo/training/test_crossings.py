import torch

from sepme_core.demo.corpus import load_concepts
from sepme_core.demo.training.crossings import KIN, Crossings, hidden_crossings


def test_each_object_is_as_likely_however_many_pictures_it_has() -> None:
    objects = torch.tensor([0] * 2 + [1] * 90 + [2] * 8)
    pictures = objects.to(torch.uint8)[:, None, None, None].expand(-1, 3, 4, 4)
    taken, chosen = Crossings(pictures, objects).take(900, torch.Generator().manual_seed(0))
    assert torch.equal(taken[:, 0, 0, 0].long(), chosen)
    assert (chosen.bincount() - 300).abs().max() < 60


def test_the_crossing_that_is_a_held_out_pair_is_hidden() -> None:
    looks = load_concepts().looks
    kept_out = torch.zeros(len(load_concepts().objects), len(looks), dtype=torch.bool)
    kept_out[3, 2] = True
    assert hidden_crossings(kept_out) == {(3, looks[2].package, looks[2].filter)}


def test_kin_are_of_our_objects() -> None:
    assert set(KIN) <= set(load_concepts().objects)
