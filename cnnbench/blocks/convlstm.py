"""The tutorial's VGG block on video: ConvLSTM2D in place of Conv2D.

Readers of the tutorial tried this and ran out of memory. It has eight times as many weights as
a convolution that keeps the number of channels: four gates, each on the input and on the state.
A dense layer on all frames is larger still. Shi et al., arXiv 1506.04214, section 3.
"""

from typing import Any

from cnnbench.blocks import at_least_one, block
from cnnbench.layers.dense import dense
from cnnbench.layers.norm import dropout
from cnnbench.layers.pool import max_pooling3d
from cnnbench.layers.recurrent import conv_lstm2d
from cnnbench.layers.reshape import flatten


@block(input_shape=(8, 64, 64, 3))
def convlstm_block(x: Any, n_filters: int = 64, n_conv: int = 2) -> Any:
    """n_conv 3x3 same ConvLSTMs with ReLU on every frame, then 2x2/2 max pooling of each."""
    at_least_one(n_conv=n_conv)
    for _ in range(n_conv):
        x = conv_lstm2d(
            x, n_filters, (3, 3), padding="same", activation="relu", return_sequences=True
        )
    return max_pooling3d(x, (1, 2, 2), strides=(1, 2, 2))


@block(input_shape=(8, 64, 64, 3), kind="model")
def convlstm_vgg(x: Any, classes: int = 1000) -> Any:
    """Three ConvLSTM blocks, (64, 2), (128, 2), (256, 4), then VGG's three dense layers."""
    for n_filters, n_conv in ((64, 2), (128, 2), (256, 4)):
        x = convlstm_block(x, n_filters, n_conv)
    x = flatten(x)
    for _ in range(2):
        x = dropout(dense(x, 4096, activation="relu"), 0.5)
    return dense(x, classes, activation="softmax")
