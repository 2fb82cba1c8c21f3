"""The bench runs code to count and to meter what it uses: the only part of smellcheck that imports torch or NVML."""
