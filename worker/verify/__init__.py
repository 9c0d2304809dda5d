"""Does what the registry promises still hold? Everything stored is measured and drawn again: `python -m worker.verify`.

`stored` reads the registry, `evidence` draws pictures again from their records, `checks` compares, `__main__` reports.
The registry is only read, and no service need run; one may.
"""
