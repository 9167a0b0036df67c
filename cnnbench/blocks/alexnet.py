"""AlexNet, as published in 2012 and with one tower; without response normalisation.

Krizhevsky et al., NIPS 2012, section 3.5, Figure 2: the two GPUs are two groups. The paper says
224x224, but only 227x227 gives its 55x55. Krizhevsky, arXiv 1404.5997 ("one weird trick"): one
tower, as in torchvision at 224x224. Keras has no layer for the response normalisation.
"""

from typing import Any

from cnnbench.blocks import block
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.norm import dropout
from cnnbench.layers.pool import max_pooling2d
from cnnbench.layers.reshape import flatten, zero_padding2d


def _alexnet(x: Any, filters: tuple[int, ...], groups: int, classes: int) -> Any:
    f1, f2, f3, f4, f5 = filters
    x = max_pooling2d(conv2d(x, f1, 11, strides=4, activation="relu"), 3, strides=2)
    x = conv2d(x, f2, 5, padding="same", groups=groups, activation="relu")
    x = max_pooling2d(x, 3, strides=2)
    # The third convolution reads both towers.
    x = conv2d(x, f3, 3, padding="same", activation="relu")
    x = conv2d(x, f4, 3, padding="same", groups=groups, activation="relu")
    x = conv2d(x, f5, 3, padding="same", groups=groups, activation="relu")
    x = flatten(max_pooling2d(x, 3, strides=2))
    for _ in range(2):
        x = dense(dropout(x, 0.5), 4096, activation="relu")
    return dense(x, classes, activation="softmax")


@block(input_shape=(224, 224, 3), kind="model")
def alexnet(x: Any, classes: int = 1000) -> Any:
    """AlexNet with one tower, as torchvision has it: five convolutions, three dense layers."""
    return _alexnet(zero_padding2d(x, 2), (64, 192, 384, 256, 256), 1, classes)


@block(input_shape=(227, 227, 3), kind="model")
def alexnet_2012(x: Any, classes: int = 1000) -> Any:
    """AlexNet as published: two towers as two groups, without response normalisation."""
    return _alexnet(x, (96, 256, 384, 384, 256), 2, classes)
