"""Does what the registry promises still hold? Everything stored is measured and drawn again: `python -m worker.verify`.

`stored` reads the registry, `evidence` draws pictures again from their records, `checks` compares, `__main__` reports,
and `repair` asks for what is lost, where that is wanted; else the registry is only read. No service need run; one may.
"""
