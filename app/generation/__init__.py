"""Pictures, with the concepts that are to be erased in them."""
