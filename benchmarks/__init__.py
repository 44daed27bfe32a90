"""Side-by-side measurements; run as modules (`python -m benchmarks.export_walltime --help`).

Never imported by the package. A new benchmark is one script that says what it measures in its
first line, offers `--help` and `--json FILE`, prints a table, and records n, medians and the
machine. A tool that it is compared with gets a stand-alone script in peers/, written as that tool's
documentation says.
"""
