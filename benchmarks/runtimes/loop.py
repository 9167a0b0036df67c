"""A loop as one would write it by hand, without cnnbench: prints the median seconds of a call.

python loop.py APPLICATION SIZE THREADS SECONDS
"""

import statistics
import sys
import time

import keras
import tensorflow as tf

name, size, threads, seconds = sys.argv[1], *map(int, sys.argv[2:4]), float(sys.argv[4])
tf.config.threading.set_intra_op_parallelism_threads(threads)
model = getattr(keras.applications, name)(weights=None)
x = tf.random.normal((1, size, size, 3))
call = tf.function(lambda x: model(x, training=False)).get_concrete_function(x)
for _ in range(10):
    call(x)
times = []
end = time.perf_counter() + seconds
while time.perf_counter() < end:
    begin = time.perf_counter()
    call(x)
    times.append(time.perf_counter() - begin)
print(statistics.median(times))
