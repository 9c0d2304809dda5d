"""``python -m sepme_core.demo.training``: corpus, autoencoder, text-to-image model and judge, from nothing.

Every stage goes on from its last checkpoint; a finished stage is loaded. About two hours on two CPU cores.
"""

import argparse
import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline

from sepme_core.demo import MODEL_FOLDER
from sepme_core.demo.corpus import load_concepts
from sepme_core.demo.training import autoencoder, judge, text_to_image
from sepme_core.demo.training.pictures import draw_corpus
from sepme_core.demo.training.tokenizer import train_tokenizer


def main() -> None:
    """Train what is missing and write the model folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/demo-model"), help="checkpoints and downloads")
    parser.add_argument("--to", type=Path, default=MODEL_FOLDER, help="the finished model's folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--autoencoder-steps", type=int, default=autoencoder.STEPS)
    parser.add_argument("--steps", type=int, default=text_to_image.STEPS)
    parser.add_argument("--judge-steps", type=int, default=judge.STEPS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    corpus = draw_corpus(options.work)
    pictures = autoencoder.train_autoencoder(corpus, options.work, options.autoencoder_steps)
    trained_judge, accuracy = judge.train_judge(corpus, pictures, options.work, options.judge_steps)
    print(f"judge on pairs it never saw: {accuracy}", flush=True)
    trained_judge.save(options.to / "judge")
    tokenizer = train_tokenizer(options.work)
    model = text_to_image.train_text_to_image(corpus, pictures, tokenizer, options.work, options.steps)
    write_model(options.to, pictures, model)


def write_model(folder: Path, pictures: AutoencoderKL, model: text_to_image.TextToImage) -> None:
    """The pipeline in half precision, and what the card says it draws."""
    pipeline = StableDiffusionPipeline(
        vae=pictures,
        text_encoder=model.text_encoder,
        tokenizer=model.tokenizer,
        unet=model.unet,
        scheduler=model.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to(torch.float16).save_pretrained(folder)
    # transformers would load the text encoder in the precision of its file, diffusers the U-Net in single.
    configuration = folder / "text_encoder" / "config.json"
    configuration.write_text(configuration.read_text().replace('"float16"', '"float32"'))
    concepts = load_concepts()
    suggestions = {
        "styles": concepts.styles,
        "objects": tuple(concepts.objects),
        "prompt": "a {object} in {style} style",
    }
    (folder / "suggestions.json").write_text(json.dumps(suggestions, indent=2) + "\n")


if __name__ == "__main__":
    main()
