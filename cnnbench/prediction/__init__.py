"""PREDICTION: the time and the peak memory of a network, before it is run here.

    kinds        what a layer counts as, and its operations in TensorFlow's graph
    terms        the terms of a layer's time: layers, multiply-adds, bytes
    memory       the terms of the rise of the peak memory: buffers, heap, graph, code
    buffers      what a call allocates and frees, what it writes in place, and the allocator
    model        the coefficients of the terms, fitted on measured cases
    calibration  minutes of probes on this machine, and the models that they give, cached
    forecast     both models, applied to one network

Everything up to `model` works on graphs and numbers alone.
"""
