"""Protected prompts: what no increment may change."""
