"""JSON documents that cross rooms, in the order of a request's life: asked for, pinned, made, published, answered.

They are types alone: what is written and read are plain dictionaries. `NotRequired` are members that are not always
said, and those that earlier releases did not store and readers do without.
"""
