"""Increments: the change of a model that erases one concept, its file, and the formats of other programs."""
