"""Does what the registry promises still hold? Everything stored is measured and drawn again: `python -m worker.verify`.

`stored` reads the registry, `pictures` draws pictures again from their records, `checks` compares, `__main__` reports.
The registry is only read, but where what is lost is to be asked for again. No service need run; one may.
"""
