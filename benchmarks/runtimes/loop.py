"""A loop as one would write it by hand: prints the median seconds of a call.

python loop.py APPLICATION SIZE THREADS SECONDS

Of cnnbench it has only a core for each thread. Without that Linux may wake two threads on one core,
and a call of MobileNetV2 takes 3 % longer; with it off on both sides the two are equal as well.
"""

import statistics
import sys
import time

from cnnbench.runner import placement

others = placement.threads()

import keras  # noqa: E402 - its threads are not among the others
import tensorflow as tf  # noqa: E402

name, size, threads, seconds = sys.argv[1], *map(int, sys.argv[2:4]), float(sys.argv[4])
tf.config.threading.set_intra_op_parallelism_threads(threads)
model = getattr(keras.applications, name)(weights=None)
x = tf.random.normal((1, size, size, 3))
call = tf.function(lambda x: model(x, training=False)).get_concrete_function(x)
before = placement.threads()
for _ in range(10):
    call(x)
placement.spread(others, before=before)
times = []
end = time.perf_counter() + seconds
while time.perf_counter() < end:
    begin = time.perf_counter()
    call(x)
    times.append(time.perf_counter() - begin)
print(statistics.median(times))
