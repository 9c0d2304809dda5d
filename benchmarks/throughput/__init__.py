"""Pictures a second, latency and memory beside what people use today: `python -m benchmarks.throughput`.

Read in this order: `__main__` (the options), `course` (what is measured after what), `asked` (the requests), `loop`
(clients without a pause), `services` and `state` (`sepme serve`, and what is erased in it), `peers` and `switching`
(stock diffusers, and diffusers with LoRA adapters), `memory`; `ratios` (the bars), `table` and `plots`.
"""
