"""Who erased or restored what, as a hash chain."""
