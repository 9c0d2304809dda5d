"""Diffusion models: loaded from a folder or a hub, checked, and asked for what the method needs of them."""
