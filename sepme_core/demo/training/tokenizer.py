"""The vocabulary of the demo model: a byte-level BPE learnt from its sentences and from common emoji labels.

The labels (``emojibase-data``, MIT) only widen the vocabulary, so that prompts beyond the corpus break into few tokens.
"""

import json
import subprocess
import tarfile
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

from sepme_core.demo.corpus import load_concepts
from sepme_core.demo.saying import TRAINING, say

VOCABULARY_SIZE = 2000
TOKENS = 16  # a prompt's length, start and end included


def sentences() -> list[str]:
    """Every training sentence."""
    concepts = load_concepts()
    return [
        say(pattern, object_, style)
        for pattern in (*TRAINING.both, *TRAINING.object, *TRAINING.style)
        for object_ in concepts.objects
        for style in concepts.styles
    ]


def emoji_labels(folder: Path) -> list[str]:
    """Labels and tags of ``emojibase-data``, fetched from npm where they are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    archives = list(folder.glob("emojibase-data-*.tgz"))
    if not archives:
        command = ["npm", "pack", "--silent", "emojibase-data"]
        packed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
        archives = [folder / packed]
    with tarfile.open(archives[0]) as archive:
        member = archive.extractfile("package/en/data.json")
        assert member is not None
        table = json.load(member)
    return [" ".join([entry["label"], *entry.get("tags", [])]).lower() for entry in table]


def train_tokenizer(folder: Path) -> CLIPTokenizer:
    """Learn the merges and return the tokenizer that transformers loads."""
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))  # noqa: S106
    learner.pre_tokenizer = CLIPTokenizer().backend_tokenizer.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=["<|startoftext|>", "<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    learner.train_from_iterator([*sentences(), *emoji_labels(folder / "sets")], trainer)
    model = json.loads(learner.to_str())["model"]
    merges = [tuple(merge) for merge in model["merges"]]
    return CLIPTokenizer(vocab=model["vocab"], merges=merges, model_max_length=TOKENS)
