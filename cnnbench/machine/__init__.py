"""The machine: what it can do at most, what that says of a time, and whether it is fit to measure.

probing       the ceilings of this machine, by probes through the runtime, and their cache
devices       the ceilings of known devices, from their datasheets
bounds        the least time of each layer under a ceiling
plausibility  whether a time is possible
health        the same as findings: what it is, whether it disturbs timing, what to do
noise         the smallest difference that can be resolved, from launches of the same thing
checkup       findings and noise floor in one go
roofline      a network under the ceilings of a device
"""
