"""Stand-alone scripts that do the same job with another tool, as that tool's documentation says."""
