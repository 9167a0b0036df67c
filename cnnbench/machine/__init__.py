"""The machine: the most that it can do, what that says of a time, and whether it is fit to measure.

probing       the ceilings of this machine, measured through the runtime and cached
devices       the ceilings of known devices, from their datasheets
bounds        the least time of each layer under a ceiling
plausibility  whether a time is possible
health        what disturbs timing on this machine, and what to do about it
noise         the smallest difference that can be resolved, from launches of the same case
checkup       the health and the noise floor together
roofline      a network under the ceilings of a device
"""
