"""Who signs pictures and statements, and what is signed. No torch, and no network."""
