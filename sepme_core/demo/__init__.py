"""The demo model: what it draws, in which sentences, and where its weights lie. Importing this loads no torch."""

from pathlib import Path

MODEL_FOLDER = Path(__file__).parent / "model"
