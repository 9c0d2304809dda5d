"""The front end: a FastAPI application over the registry, without torch.

One package a noun; every endpoint resolves typed dependencies, makes one call and returns. The HTTP contract is
`docs/openapi.json`, the problems are `docs/problems.md`.
"""
