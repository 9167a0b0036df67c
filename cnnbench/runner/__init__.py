"""The machine that turns a plan into stored measurements, each launch in a fresh process.

session     runtimes that are ready to measure, and the folder of a run
planning    from what is asked for to a plan, before any launch
loop        the run: schedule, launch, store, until done, out of time or interrupted
launching   one launch on this machine: what is asked of it, and what became of each case
schedule    which launch comes when: rounds in random order, and the time each may take
server      starts the children of a launch and lets them take turns
child       one of them, as its parent sees it, and its reply
worker      what the child does: build, first call, memory, samples
pool        the machines of a cluster as one place to measure, and what each of them makes
crew        the workers on them, as they come and go
cluster     the workers of dask.distributed, as the crew reaches them
agent       a process beside such a worker, which measures as a run on its machine would
freeze      the last import of the process from which children are forked
placement   a core for each thread of a child
sampling    the timing loop, and the peak memory of a call
progress    what a person sees while a run goes on
"""
