"""PREDICTION: the time and the peak memory of a network, before it is run here.

    terms        what a layer's time is made of: layers, multiply-adds, bytes
    memory       what the rise of the peak is made of: buffers, heap, code
    buffers      what a call allocates and frees, and what it writes in place
    loops        what a convolutional LSTM makes ahead
    heap         what the graph and its kernels take beside them
    arena        TensorFlow's allocator, as far as it matters
    model        coefficients for terms, fitted on what was measured
    calibration  a minute of probes on this machine, and what it gave, kept
    forecast     both models on one network
    heldout      how well they do on blocks that they never saw

Everything up to `model` works on graphs and numbers alone.
"""
