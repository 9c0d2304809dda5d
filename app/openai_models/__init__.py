"""What is served, in the shape of OpenAI's list of models."""
