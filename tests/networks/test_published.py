"""What Keras publishes of its models, as it is in the package."""

from cnnbench.networks.applications import SIZES
from cnnbench.networks.published import published


def test_every_model_of_keras_applications_has_a_row_at_its_own_size():
    assert {name: row.input_size for name, row in published().items()} == SIZES


def test_a_few_as_they_stand_in_the_table():
    # https://keras.io/api/applications, and the docstring of MobileNetV3
    known = {"ResNet50": 74.9, "VGG16": 71.3, "EfficientNetB7": 84.3, "MobileNetV3Large": 75.6}
    assert {name: published()[name].top1_percent for name in known} == known
    assert all(50 < row.top1_percent < 90 for row in published().values())
    assert all(row.source for row in published().values())
