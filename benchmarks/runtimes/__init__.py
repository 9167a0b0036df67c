"""No benchmark: is what runs over several runtimes say true? For reports/runtimes-cpu/checks.md.

    python -m benchmarks.runtimes peers OUT  our times beside benchmark_app's and a loop's, by turns
    python -m benchmarks.runtimes soak OUT   200 launches over all runtimes: is one lost?
    python -m benchmarks.runtimes pairs OUT  cases beside themselves on two runtimes: false alarms
    python -m benchmarks.runtimes page OUT   checks.md from what is recorded; each of these ends so

What was stopped, by Ctrl-C or by `--minutes`, goes on where it ended.
"""
