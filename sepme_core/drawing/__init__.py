"""Pictures under a mask, from a request to pixels and the record by which they can be made again."""
