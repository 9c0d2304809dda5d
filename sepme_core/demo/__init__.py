"""The demo model: what it draws, in which sentences, and where its weights lie. Importing this loads no torch."""

from pathlib import Path

DEMO = "demo"
"""What it is asked for by, in place of a folder or a hub id."""

MODEL_FOLDER = Path(__file__).parent / "model"
