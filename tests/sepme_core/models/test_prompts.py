import torch

from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import count_tokens, embed, matched_rows, token_ids


def test_embeddings_are_those_of_the_pipeline(base: DiffusionModel) -> None:
    ids = token_ids(base, ["a cat", ""])
    assert ids.shape == (2, base.tokens)
    expected = base.text_encoder(ids).last_hidden_state
    assert torch.equal(embed(base, ["a cat", ""]), expected)


def test_a_phrase_of_the_same_length_matches_row_by_row() -> None:
    assert matched_rows(8, 2, 1, 1).tolist() == list(range(8))


def test_rows_behind_a_longer_phrase_move_and_end_at_the_last() -> None:
    # start . . X after after pad pad -> start . . Y Y Y after after: X meets the last Y
    assert matched_rows(8, 3, 1, 3).tolist() == [0, 1, 2, 5, 6, 7, 7, 7]


def test_the_last_row_of_a_phrase_meets_the_last_of_a_shorter_one() -> None:
    assert matched_rows(8, 1, 3, 1).tolist() == [0, 1, 1, 1, 2, 3, 4, 5]


def test_a_matched_row_holds_the_same_word(base: DiffusionModel) -> None:
    short, long = "a cat in sepia style", "a van gogh in sepia style"
    length = count_tokens(base, "van gogh")
    assert length > 1
    rows = matched_rows(base.tokens, 2, 1, length)
    short_ids, long_ids = token_ids(base, [short])[0], token_ids(base, [long])[0]
    assert torch.equal(long_ids[rows][3:6], short_ids[3:6])  # "in sepia style"
