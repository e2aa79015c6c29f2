"""What a machine with CUDA must show, in one command: `python -m tests.gpu --minutes 8 --out DIR`."""
