"""Pictures in the shape of OpenAI's images API."""
