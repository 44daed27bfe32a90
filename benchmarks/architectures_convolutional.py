"""Convolutional architectures as they are trained: branches unmerged, batch norm everywhere."""

from __future__ import annotations

from typing import Any


def _bn(x: Any) -> Any:
    import keras

    return keras.layers.BatchNormalization()(x)


def _conv(x: Any, filters: int, size: Any = 3, stride: int = 1, **options: Any) -> Any:
    """Convolution without bias, and batch normalization."""
    from keras import layers

    conv = layers.Conv2D(filters, size, stride, padding="same", use_bias=False, **options)
    return _bn(conv(x))


def _depthwise(x: Any, size: int = 3, stride: int = 1) -> Any:
    from keras import layers

    return _bn(layers.DepthwiseConv2D(size, stride, padding="same", use_bias=False)(x))


def _relu(x: Any) -> Any:
    import keras

    return keras.layers.ReLU()(x)


def _sum(values: list[Any]) -> Any:
    import keras

    return keras.layers.Add()(values) if len(values) > 1 else values[0]


def _classifier(x: Any, inputs: Any, classes: int = 1000) -> Any:
    import keras
    from keras import layers

    return keras.Model(inputs, layers.Dense(classes)(layers.GlobalAveragePooling2D()(x)))


def repvgg(side: int) -> Any:
    """RepVGG-A0 as trained: 3x3, 1x1 and identity branches (arXiv:2101.03697, table 3)."""
    import keras

    inputs = keras.Input((side, side, 3))
    x = inputs
    for filters, blocks in ((48, 1), (48, 2), (96, 4), (192, 14), (1280, 1)):
        for block in range(blocks):
            stride = 2 if block == 0 else 1
            branches = [_conv(x, filters, 3, stride), _conv(x, filters, 1, stride)]
            if stride == 1 and x.shape[-1] == filters:
                branches.append(_bn(x))
            x = _relu(_sum(branches))
    return _classifier(x, inputs)


def mobileone(side: int) -> Any:
    """MobileOne-S0 as trained: four over-parameterized branches (arXiv:2206.04040, table 2)."""
    import keras

    inputs = keras.Input((side, side, 3))
    x = _relu(_conv(inputs, 48, 3, 2))
    for filters, blocks in ((48, 2), (128, 8), (256, 10), (1024, 1)):
        for block in range(blocks):
            x = _mobileone_block(x, filters, 2 if block == 0 else 1)
    return _classifier(x, inputs)


def _mobileone_block(x: Any, filters: int, stride: int, count: int = 4) -> Any:
    branches = [_depthwise(x, 3, stride) for _ in range(count)] + [_depthwise(x, 1, stride)]
    x = _relu(_sum(branches + ([_bn(x)] if stride == 1 else [])))
    branches = [_conv(x, filters, 1) for _ in range(count)]
    return _relu(_sum(branches + ([_bn(x)] if x.shape[-1] == filters else [])))


def acnet(side: int) -> Any:
    """ResNet-18 of asymmetric blocks as trained: 3x3 + 1x3 + 3x1 (arXiv:1908.03930)."""
    import keras
    from keras import layers

    def block(x: Any, filters: int, stride: int) -> Any:
        shapes = ((3, 3), (1, 3), (3, 1))
        return _sum([_conv(x, filters, shape, stride) for shape in shapes])

    inputs = keras.Input((side, side, 3))
    x = layers.MaxPooling2D(3, 2, padding="same")(_relu(_conv(inputs, 64, 7, 2)))
    for filters in (64, 128, 256, 512):
        for unit in range(2):
            stride = 2 if unit == 0 and filters > 64 else 1
            y = block(_relu(block(x, filters, stride)), filters, 1)
            shortcut = x if stride == 1 else _conv(x, filters, 1, stride)
            x = _relu(layers.Add()([y, shortcut]))
    return _classifier(x, inputs)


def shufflenet(side: int) -> Any:
    """ShuffleNetV2 1.0x (arXiv:1807.11164, table 5)."""
    import keras
    from keras import layers

    inputs = keras.Input((side, side, 3))
    x = layers.MaxPooling2D(3, 2, padding="same")(_relu(_conv(inputs, 24, 3, 2)))
    for filters, blocks in ((116, 4), (232, 8), (464, 4)):
        for block in range(blocks):
            half = filters // 2
            if block == 0:
                left = _relu(_conv(_depthwise(x, 3, 2), half, 1))
                right = x
            else:
                left, right = x[..., :half], x[..., half:]
            right = _depthwise(_relu(_conv(right, half, 1)), 3, 2 if block == 0 else 1)
            x = layers.Concatenate()([left, _relu(_conv(right, half, 1))])
            height, width = x.shape[1:3]
            x = layers.Reshape((height, width, 2, half))(x)
            x = layers.Reshape((height, width, filters))(layers.Permute((1, 2, 4, 3))(x))
    return _classifier(_relu(_conv(x, 1024, 1)), inputs)


def crnn(side: int) -> Any:
    """CRNN without its recurrence: VGG-like columns, Dense per step (arXiv:1507.05717)."""
    import keras
    from keras import layers

    inputs = keras.Input((side, side, 3))
    x = layers.Rescaling(2.0, -1.0)(inputs)
    for filters, pool in ((32, (2, 2)), (64, (2, 2)), (128, (2, 1)), (128, (2, 1))):
        x = layers.MaxPooling2D(pool)(layers.ReLU()(layers.Conv2D(filters, 3, padding="same")(x)))
        x = layers.BatchNormalization()(x)
    x = layers.Permute((2, 1, 3))(x)
    x = layers.TimeDistributed(layers.Flatten())(x)
    x = layers.TimeDistributed(layers.Dense(128, activation="relu"))(x)
    x = layers.Dropout(0.3)(layers.TimeDistributed(layers.BatchNormalization())(x))
    return keras.Model(inputs, layers.TimeDistributed(layers.Dense(80))(x))


def frame_cnn(side: int) -> Any:
    """A video classifier: one small CNN per frame, TimeDistributed; frames are image rows here."""
    import keras
    from keras import layers

    frames = 8
    inputs = keras.Input((side, side, 3))
    x = layers.Reshape((frames, side // frames, side, 3))(inputs)
    x = layers.TimeDistributed(layers.Rescaling(2.0, -1.0))(x)
    for filters in (16, 32, 64):
        conv = layers.Conv2D(filters, 3, padding="same", activation="relu")
        x = layers.TimeDistributed(conv)(x)
        x = layers.TimeDistributed(layers.BatchNormalization())(x)
        x = layers.TimeDistributed(layers.MaxPooling2D((1, 2)))(x)
    x = layers.TimeDistributed(layers.GlobalAveragePooling2D())(x)
    x = layers.TimeDistributed(layers.Dense(64, activation="relu"))(x)
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling1D()(x)))
