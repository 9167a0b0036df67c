"""The machine that turns a Plan into stored Measurements, each launch in a fresh process.

schedule    which launch comes when: rounds in random order, and the time each may take
server      starts the children of a launch and lets them take turns
child       one of them: started, asked, heard, and how it ended
freeze      the last import of the process that children are forked from
worker      what the child does: build, first call, memory, samples
placement   a core for each of its threads
sampling    the timing loop
memory      the kernel's high-water mark
environment the machine that it all ran on
interrupt   Ctrl-C, remembered
loop        the run: schedule, launch, store, until done, out of time or interrupted
session     the same for whoever has cases to measure
"""
