"""Files: one way to open and to write them, the cache folder, safetensors and figures with the same bytes each time."""
