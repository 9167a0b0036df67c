"""NETWORKS: those of public examples, with layers that the catalogue does not have.

Each is written after a page of keras.io/examples, which its comment names, with the sizes there
unless they are given. `python -m benchmarks.prediction networks` writes their configurations, so
that they can be read without Keras.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.prediction import FOLDER

CONFIGURATIONS = FOLDER / "networks"


def _text_lstm(k: Any, x: Any) -> Any:  # nlp/bidirectional_lstm_imdb
    x = k.Embedding(20000, 128)(x)
    x = k.Bidirectional(k.LSTM(64, return_sequences=True))(x)
    x = k.Bidirectional(k.LSTM(64))(x)
    return k.Dense(1, activation="sigmoid")(x)


def _text_transformer(k: Any, x: Any) -> Any:  # nlp/text_classification_with_transformer
    x = k.Embedding(20000, 32)(x)
    x = k.LayerNormalization()(k.Add()([x, k.MultiHeadAttention(2, 32)(x, x)]))
    inside = k.Dense(32)(k.Dense(32, activation="relu")(x))
    x = k.GlobalAveragePooling1D()(k.LayerNormalization()(k.Add()([x, inside])))
    return k.Dense(2, activation="softmax")(k.Dense(20, activation="relu")(x))


def _series_convolutions(
    k: Any, x: Any
) -> Any:  # timeseries/timeseries_classification_from_scratch
    for _ in range(3):
        x = k.ReLU()(k.BatchNormalization()(k.Conv1D(64, 3, padding="same")(x)))
    return k.Dense(2, activation="softmax")(k.GlobalAveragePooling1D()(x))


def _series_transformer(k: Any, x: Any) -> Any:  # timeseries/timeseries_classification_transformer
    for _ in range(4):
        x = k.Add()([x, k.MultiHeadAttention(4, 256)(y := k.LayerNormalization()(x), y)])
        y = k.Conv1D(4, 1, activation="relu")(k.LayerNormalization()(x))
        x = k.Add()([x, k.Conv1D(1, 1)(y)])
    x = k.Dense(128, activation="relu")(k.GlobalAveragePooling1D(data_format="channels_first")(x))
    return k.Dense(2, activation="softmax")(x)


def _weather_lstm(k: Any, x: Any) -> Any:  # timeseries/timeseries_weather_forecasting
    return k.Dense(1)(k.LSTM(32)(x))


def _video_gru(k: Any, x: Any) -> Any:  # vision/video_classification
    x = k.GRU(8)(k.GRU(16, return_sequences=True)(x))
    return k.Dense(5, activation="softmax")(k.Dense(8, activation="relu")(x))


def _unet_xception(k: Any, x: Any) -> Any:  # vision/oxford_pets_image_segmentation
    x = k.ReLU()(k.BatchNormalization()(k.Conv2D(32, 3, strides=2, padding="same")(x)))
    before = x
    for filters in (64, 128, 256):
        for _ in range(2):
            x = k.SeparableConv2D(filters, 3, padding="same")(k.ReLU()(x))
            x = k.BatchNormalization()(x)
        x = k.MaxPooling2D(3, strides=2, padding="same")(x)
        before = x = k.Add()([x, k.Conv2D(filters, 1, strides=2, padding="same")(before)])
    for filters in (256, 128, 64, 32):
        for _ in range(2):
            x = k.Conv2DTranspose(filters, 3, padding="same")(k.ReLU()(x))
            x = k.BatchNormalization()(x)
        y = k.Conv2D(filters, 1, padding="same")(k.UpSampling2D(2)(before))
        before = x = k.Add()([k.UpSampling2D(2)(x), y])
    return k.Conv2D(3, 3, activation="softmax", padding="same")(x)


def _unet(k: Any, x: Any) -> Any:  # vision/depth_estimation, with transposed convolutions
    def twice(x: Any, filters: int) -> Any:
        for _ in range(2):
            x = k.Conv2D(filters, 3, padding="same")(x)
            x = k.BatchNormalization()(k.LeakyReLU(negative_slope=0.2)(x))
        return x

    kept = []
    for filters in (16, 32, 64, 128):
        kept.append(x := twice(x, filters))
        x = k.MaxPooling2D(2)(x)
    x = twice(x, 256)
    for filters, other in zip((128, 64, 32, 16), reversed(kept), strict=True):
        up = k.Conv2DTranspose(filters, 2, strides=2)(x)
        x = twice(k.Concatenate()([up, other]), filters)
    return k.Conv2D(1, 1, activation="tanh")(x)


def _super_resolution(k: Any, x: Any) -> Any:  # vision/super_resolution_sub_pixel, bilinear
    for filters, size in ((64, 5), (64, 3), (32, 3)):
        x = k.Conv2D(filters, size, activation="relu", padding="same")(x)
    return k.Conv2D(1, 3, padding="same")(k.UpSampling2D(3, interpolation="bilinear")(x))


def _autoencoder(k: Any, x: Any) -> Any:  # vision/autoencoder
    for _ in range(2):
        x = k.MaxPooling2D(2, padding="same")(k.Conv2D(32, 3, activation="relu", padding="same")(x))
    for _ in range(2):
        x = k.Conv2DTranspose(32, 3, strides=2, activation="relu", padding="same")(x)
    return k.Conv2D(1, 3, activation="sigmoid", padding="same")(x)


def _scan_3d(k: Any, x: Any) -> Any:  # vision/3D_image_classification
    for filters in (64, 64, 128, 256):
        x = k.BatchNormalization()(k.MaxPooling3D(2)(k.Conv3D(filters, 3, activation="relu")(x)))
    x = k.Dense(512, activation="relu")(k.GlobalAveragePooling3D()(x))
    return k.Dense(1, activation="sigmoid")(x)


def _next_frame(k: Any, x: Any) -> Any:  # vision/conv_lstm
    for size in (5, 3, 1):
        x = k.ConvLSTM2D(64, size, padding="same", return_sequences=True, activation="relu")(x)
        x = k.BatchNormalization()(x) if size > 1 else x
    return k.Conv3D(1, 3, activation="sigmoid", padding="same")(x)


def _captcha(k: Any, x: Any) -> Any:  # vision/captcha_ocr
    for filters in (32, 64):
        x = k.MaxPooling2D(2)(k.Conv2D(filters, 3, activation="relu", padding="same")(x))
    x = k.Dense(64, activation="relu")(k.Reshape((x.shape[1], x.shape[2] * x.shape[3]))(x))
    for units in (128, 64):
        x = k.Bidirectional(k.LSTM(units, return_sequences=True))(x)
    return k.Dense(21, activation="softmax")(x)


def _vision_transformer(
    k: Any, x: Any
) -> Any:  # vision/image_classification_with_vision_transformer
    x = k.Reshape((-1, 64))(k.Conv2D(64, 6, strides=6)(x))
    for _ in range(8):
        y = k.LayerNormalization()(x)
        x = k.Add()([k.MultiHeadAttention(4, 64)(y, y), x])
        y = k.LayerNormalization()(x)
        for units in (128, 64):
            y = k.Dense(units, activation="gelu")(y)
        x = k.Add()([y, x])
    x = k.Flatten()(k.LayerNormalization()(x))
    for units in (2048, 1024):
        x = k.Dense(units, activation="gelu")(x)
    return k.Dense(100)(x)


def _mixer(k: Any, x: Any) -> Any:  # vision/mlp_image_classification
    x = k.Dense(256)(k.Reshape((64, -1))(x))
    for _ in range(4):
        y = k.Permute((2, 1))(k.LayerNormalization()(x))
        y = k.Dense(64)(k.Dense(64, activation="gelu")(y))
        x = k.Add()([x, k.Permute((2, 1))(y)])
        y = k.Dense(256, activation="gelu")(k.LayerNormalization()(x))
        x = k.Add()([x, k.Dense(256)(y)])
    return k.Dense(100)(k.GlobalAveragePooling1D()(x))


def _digits(k: Any, x: Any) -> Any:  # vision/mnist_convnet
    for filters in (32, 64):
        x = k.MaxPooling2D(2)(k.Conv2D(filters, 3, activation="relu")(x))
    return k.Dense(10, activation="softmax")(k.Flatten()(x))


EXAMPLES: dict[str, tuple[Callable[[Any, Any], Any], tuple[int, ...]]] = {
    "text_lstm": (_text_lstm, (200,)),
    "text_transformer": (_text_transformer, (200,)),
    "series_convolutions": (_series_convolutions, (500, 1)),
    "series_transformer": (_series_transformer, (500, 1)),
    "weather_lstm": (_weather_lstm, (120, 7)),
    "video_gru": (_video_gru, (20, 2048)),
    "unet_xception": (_unet_xception, (160, 160, 3)),
    "unet": (_unet, (256, 256, 3)),
    "super_resolution": (_super_resolution, (100, 100, 1)),
    "autoencoder": (_autoencoder, (28, 28, 1)),
    "scan_3d": (_scan_3d, (64, 64, 64, 1)),
    "next_frame": (_next_frame, (10, 32, 32, 1)),
    "captcha": (_captcha, (200, 50, 1)),
    "vision_transformer": (_vision_transformer, (72, 72, 3)),
    "mixer": (_mixer, (64, 64, 3)),
    "digits": (_digits, (28, 28, 1)),
}
"""How each is made, and the size of one sample."""


def write() -> None:
    """Write the configuration of each."""
    import keras

    CONFIGURATIONS.mkdir(exist_ok=True)
    for name, (make, shape) in EXAMPLES.items():
        keras.utils.clear_session()
        dtype = "int32" if name.startswith("text") else "float32"
        inputs = keras.Input(shape, dtype=dtype)
        model = keras.Model(inputs, make(keras.layers, inputs), name=name)
        (CONFIGURATIONS / f"{name}.json").write_text(model.to_json())
