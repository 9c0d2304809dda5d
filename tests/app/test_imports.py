import subprocess
import sys


def test_the_front_end_never_imports_torch() -> None:
    program = """
import sys
import app.main
unwanted = {"torch", "diffusers", "transformers", "worker", "numpy", "PIL", "c2pa"}
print(sorted(unwanted & {name.partition(".")[0] for name in sys.modules}))
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
