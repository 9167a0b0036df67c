"""Prefixes: each threshold, and the float just below it."""

from math import inf, nan, nextafter

import pytest

from cnnbench import units
from cnnbench.errors import CnnbenchError


def below(value):
    return nextafter(value, -inf)


@pytest.mark.parametrize(
    ("value", "text", "text_below"),
    [
        # Three digits: where one place fewer is shown.
        (9.995e3, "10.0 k", "9.99 k"),
        (99.95e3, "100 k", "99.9 k"),
        # What would round up to the next prefix is written in the next prefix.
        (999.5, "1.00 k", "999"),
        (999.5e3, "1.00 M", "999 k"),
        (999.5e6, "1.00 G", "999 M"),
        (999.5e9, "1.00 T", "999 G"),
        # The prefix itself is no threshold.
        (1e3, "1.00 k", "1.00 k"),
        (1e6, "1.00 M", "1.00 M"),
    ],
)
def test_a_count_changes_prefix_where_it_rounds(value, text, text_below):
    assert units.count(value) == text
    assert units.count(below(value)) == text_below
    assert units.count(-value) == f"-{text}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7, "7"),
        (12, "12"),
        (999, "999"),
        (0.5, "0.5"),
        (25_557_032, "25.6 M"),
        (38_720, "38.7 k"),
        (2.3e15, "2.30 P"),
        (10**30, "1000000000000 E"),
    ],
)
def test_a_count_has_three_digits_and_no_exponent(value, text):
    assert units.count(value) == text


def test_a_count_may_have_a_unit():
    assert units.count(4.1e9, "FLOP/s") == "4.10 GFLOP/s"
    assert units.count(12, "FLOP/s") == "12 FLOP/s"


@pytest.mark.parametrize(
    ("value", "text", "text_below"),
    [
        (999.5, "1000 B", "999 B"),
        # What would round to 1024.
        (1023.5, "1.00 KiB", "1023 B"),
        (1023.5 * 2**10, "1.00 MiB", "1023 KiB"),
        (1023.5 * 2**20, "1.00 GiB", "1023 MiB"),
        (1023.5 * 2**30, "1.00 TiB", "1023 GiB"),
        (9.995 * 2**10, "10.0 KiB", "9.99 KiB"),
        (99.95 * 2**10, "100 KiB", "99.9 KiB"),
    ],
)
def test_bytes_change_prefix_where_they_round(value, text, text_below):
    assert units.binary(value) == text
    assert units.binary(below(value)) == text_below


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1000, "1000 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (1000 * 1024, "1000 KiB"),
        (958_398_464, "914 MiB"),
        (3 * 2**50, "3.00 PiB"),
    ],
)
def test_bytes_have_binary_prefixes_and_no_exponent(value, text):
    assert units.binary(value) == text


@pytest.mark.parametrize(
    ("largest", "step"),
    [
        (0, (1, "B")),
        (10 * 2**10 - 1, (1, "B")),
        (10 * 2**10, (2**10, "KiB")),
        (3 * 2**20, (2**10, "KiB")),
        (10 * 2**20, (2**20, "MiB")),
        (2**80, (2**60, "EiB")),
    ],
)
def test_a_column_of_bytes_takes_a_unit_of_which_its_largest_is_ten(largest, step):
    assert units.binary_step(largest) == step


@pytest.mark.parametrize(
    ("step", "largest", "expected"),
    [
        (units.count_step, 9_999, (1, "")),
        (units.count_step, 10_000, (1e3, "k")),
        (units.count_step, below(1e7), (1e3, "k")),
        (units.count_step, 25_557_032, (1e6, "M")),
        (units.seconds_step, 0.0099, (1e-6, "us")),
        (units.seconds_step, 0.01, (1e-3, "ms")),
        (units.seconds_step, 10, (1, "s")),
        (units.seconds_step, 0, (1e-9, "ns")),
    ],
)
def test_a_column_is_in_the_unit_of_its_largest(step, largest, expected):
    assert step(largest) == expected


@pytest.mark.parametrize(
    ("value", "text", "text_below"),
    [
        (0.9995, "1.00 s", "999 ms"),
        (9.995, "10.0 s", "9.99 s"),
        (99.95, "100 s", "99.9 s"),
    ],
)
def test_seconds_change_prefix_where_they_round(value, text, text_below):
    assert units.seconds(value) == text
    assert units.seconds(below(value)) == text_below


@pytest.mark.parametrize(
    ("threshold", "upper", "lower"),
    [
        (0.9995e-3, "1.00 ms", "999 us"),
        (0.9995e-6, "1.00 us", "999 ns"),
        (0.9995e-9, "1 ns", "0.999 ns"),
    ],
)
def test_seconds_never_show_a_thousand_of_a_prefix(threshold, upper, lower):
    # These have no exact float: which of its neighbours rounds up is left to the division.
    value = below(below(below(threshold)))
    shown = []
    for _ in range(7):
        shown.append(units.seconds(value))
        value = nextafter(value, inf)
    assert shown == sorted(shown, key=[lower, upper].index)
    assert set(shown) == {lower, upper}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 ns"),
        (0.0123, "12.3 ms"),
        (1e-12, "0.001 ns"),
        (15e-9, "15 ns"),
        (3600, "3600 s"),
        (-0.5, "-500 ms"),
    ],
)
def test_seconds_read_as_durations(value, text):
    assert units.seconds(value) == text


def test_a_shape_goes_there_and_back():
    assert units.shape((224, 224, 3)) == "224x224x3"
    assert units.parse_shape("224x224x3") == (224, 224, 3)
    assert units.parse_shape(" 8X16x1 ") == (8, 16, 1)
    assert units.parse_shape("28x28", ranks=(2,)) == (28, 28)
    assert units.parse_shape("28x28", ranks=(2, 3)) == (28, 28)


@pytest.mark.parametrize(
    "text",
    ["", "224", "224x224", "1x2x3x4", "axbxc", "8x8x", "8x-8x3", "8x8x3.0", "8,8,3", "8x8x²", None],
)
def test_what_is_no_size_is_refused_with_an_example(text):
    with pytest.raises(CnnbenchError) as error:
        units.parse_shape(text)
    assert str(error.value) == f"a size must look like 224x224x3; got {text!r}"


def test_the_example_has_the_rank_that_is_wanted():
    with pytest.raises(CnnbenchError, match="must look like 224x224; got '8x8x3'"):
        units.parse_shape("8x8x3", ranks=(2,))


@pytest.mark.parametrize("text", ["0x8x3", "8x00x3", "8x8x0"])
def test_a_size_of_zero_is_refused(text):
    with pytest.raises(CnnbenchError) as error:
        units.parse_shape(text)
    assert str(error.value) == f"every size must be at least 1; got {text!r}"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("90s", 90.0),
        ("5m", 300.0),
        ("5 min", 300.0),
        ("1.5h", 5400.0),
        ("0.5", 0.5),
        (" 2M ", 120.0),
        (90, 90.0),
    ],
)
def test_a_duration_is_read_in_seconds(text, seconds):
    assert units.parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "-5s", "5d", "1e3", "5m30s", "0", "0h", ".5", "five", "nan", None]
)
def test_what_is_no_duration_is_refused_with_examples(text):
    with pytest.raises(CnnbenchError) as error:
        units.parse_duration(text)
    assert str(error.value) == f"a duration must look like 90s, 5m or 1h; got {text!r}"


@pytest.mark.parametrize("text", ["1001h", "9" * 400])  # the second is infinite as a float
def test_a_duration_that_nobody_waits_for_is_refused(text):
    with pytest.raises(CnnbenchError, match="a duration must be at most 1000h; got"):
        units.parse_duration(text)
    assert units.parse_duration("1000h") == 3_600_000


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8GiB", 8_589_934_592),  # 8 * 1024 ** 3
        ("16GB", 16_000_000_000),
        ("512MiB", 536_870_912),
        ("512 mib", 536_870_912),
        ("1.5G", 1_500_000_000),
        ("0.1KiB", 102),  # 102.4
        ("2TiB", 2_199_023_255_552),
        ("1pb", 10**15),
        ("1EiB", 2**60),
        ("1.001kB", 1001),  # 1000.99... in floats
        ("80", 80),
        ("80B", 80),
        (80, 80),
    ],
)
def test_a_memory_is_read_in_bytes(text, size):
    assert units.parse_bytes(text) == size


@pytest.mark.parametrize(
    "text", ["", "GiB", "-8GiB", "8GiBB", "8iB", "8 G iB", "0", "0.5B", "1e9", "8gi b", "nan", None]
)
def test_what_is_no_memory_is_refused_with_examples(text):
    with pytest.raises(CnnbenchError) as error:
        units.parse_bytes(text)
    assert str(error.value) == f"a memory must look like 8GiB, 16GB or 512MiB; got {text!r}"


def test_what_is_no_number_takes_no_prefix():
    assert units.count(nan) == "nan"
    assert units.seconds(nan) == "nan ns"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("4.16ms", units.TIME, 4.16e-3),
        ("12us", units.TIME, 12e-6),
        ("1.5 s", units.TIME, 1.5),
        ("156TFLOP/s", units.RATE, 156e12),
        ("156 TFLOPS", units.RATE, 156e12),
        ("7FLOP/s", units.RATE, 7),
        ("1555GB/s", units.FLOW, 1555e9),
        ("1kB/s", units.FLOW, 1e3),
    ],
)
def test_a_quantity_is_a_number_a_prefix_and_its_unit(text, kind, value):
    assert units.parse_quantity(text, *kind) == pytest.approx(value)


@pytest.mark.parametrize("text", ["4.16", "ms", "0ms", "-1ms", "1GB/s", "1 m s", "1e3s", "1e", ""])
def test_what_is_no_quantity_is_refused_with_an_example(text):
    with pytest.raises(CnnbenchError, match=r"a time must look like 4\.16ms or 1\.5s; got"):
        units.parse_quantity(text, *units.TIME)


@pytest.mark.parametrize(
    ("text", "share"), [("5%", 0.05), ("5 %", 0.05), ("0%", 0.0), ("12.5%", 0.125), ("200%", 2.0)]
)
def test_a_percentage_is_a_share(text, share):
    assert units.parse_percent(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["5", "0.05", "", "%", "-5%", "5%%", "nan%", "1e3%", "٣%", "5,0%"])
def test_anything_else_is_no_percentage(text):
    with pytest.raises(CnnbenchError, match="a share must look like 5% or"):
        units.parse_percent(text)


@pytest.mark.parametrize(
    ("number", "what", "text"),
    [
        (0, "case", "0 cases"),
        (1, "case", "1 case"),
        (2, "case", "2 cases"),
        (1, "launch", "1 launch"),
        (12_345, "launch", "12,345 launches"),
    ],
)
def test_things_are_counted_in_words(number, what, text):
    assert units.counted(number, what) == text
