"""Architectures that mix tokens: attention, layer normalization, pooling, wide depthwise."""

from __future__ import annotations

from typing import Any


def _add(x: Any, y: Any) -> Any:
    import keras

    return keras.layers.Add()([x, y])


def _normalized(x: Any, epsilon: float = 1e-6) -> Any:
    import keras

    return keras.layers.LayerNormalization(epsilon=epsilon)(x)


def _mlp(x: Any, hidden: int) -> Any:
    from keras import layers

    width = x.shape[-1]
    return layers.Dense(width)(layers.Dense(hidden, activation="gelu")(x))


def _patches(inputs: Any, width: int, side: int) -> Any:
    """Embed patches of side x side: float32[tokens, width]."""
    from keras import layers

    x = layers.Conv2D(width, side, side)(inputs)
    return layers.Reshape((x.shape[1] * x.shape[2], width))(x)


def _attention(x: Any, heads: int) -> Any:
    from keras import layers

    attend = layers.MultiHeadAttention(heads, x.shape[-1] // heads)
    normalized = _normalized(x)
    return _add(x, attend(normalized, normalized))


def convmixer(side: int) -> Any:
    """ConvMixer-256/8, kernel 5, patch 8: GELU, then batch norm (arXiv:2201.09792, figure 3)."""
    import keras
    from keras import layers

    def active(x: Any) -> Any:
        return layers.BatchNormalization()(layers.Activation("gelu")(x))

    inputs = keras.Input((side, side, 3))
    x = active(layers.Conv2D(256, 8, 8)(inputs))
    for _ in range(8):
        x = _add(active(layers.DepthwiseConv2D(5, padding="same")(x)), x)
        x = active(layers.Conv2D(256, 1)(x))
    return keras.Model(inputs, layers.Dense(1000)(layers.GlobalAveragePooling2D()(x)))


def mlp_mixer(side: int) -> Any:
    """MLP-Mixer of 8 blocks, patch 16, width 256 (arXiv:2105.01601, appendix E)."""
    import keras
    from keras import layers

    inputs = keras.Input((side, side, 3))
    x = _patches(inputs, 256, 16)
    for _ in range(8):
        y = layers.Permute((2, 1))(_normalized(x))
        x = _add(x, layers.Permute((2, 1))(_mlp(y, 128)))
        x = _add(x, _mlp(_normalized(x), 1024))
    x = layers.GlobalAveragePooling1D()(_normalized(x))
    return keras.Model(inputs, layers.Dense(1000)(x))


def poolformer(side: int) -> Any:
    """PoolFormer-S12: average pooling as token mixer (arXiv:2111.11418, table 1)."""
    import keras
    from keras import layers

    inputs = keras.Input((side, side, 3))
    x = layers.Conv2D(64, 7, 4, padding="same")(inputs)
    for width, blocks in ((64, 2), (128, 2), (320, 6), (512, 2)):
        if width > 64:
            x = layers.Conv2D(width, 3, 2, padding="same")(x)
        for _ in range(blocks):
            y = layers.GroupNormalization(1, epsilon=1e-5)(x)
            pooled = layers.AveragePooling2D(3, 1, padding="same")(y)
            x = _add(x, layers.Subtract()([pooled, y]))
            y = layers.GroupNormalization(1, epsilon=1e-5)(x)
            y = layers.Conv2D(4 * width, 1, activation="gelu")(y)
            x = _add(x, layers.Conv2D(width, 1)(y))
    x = _normalized(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(1000)(x))


def vit(side: int) -> Any:
    """ViT-Tiny/16, tokens averaged: 12 blocks, width 192, 3 heads (arXiv:2010.11929)."""
    import keras
    from keras import layers

    inputs = keras.Input((side, side, 3))
    x = _patches(inputs, 192, 16)
    positions = layers.Embedding(x.shape[1], 192)(keras.ops.arange(x.shape[1]))
    x = x + positions
    for _ in range(12):
        x = _attention(x, 3)
        x = _add(x, _mlp(_normalized(x), 768))
    x = layers.GlobalAveragePooling1D()(_normalized(x))
    return keras.Model(inputs, layers.Dense(1000)(x))


def mobilevit(side: int) -> Any:
    """MobileViT-XS in the form of Keras's own example (arXiv:2110.02178)."""
    import keras
    from keras import layers

    def block(x: Any, filters: int, stride: int = 1) -> Any:
        y = layers.Conv2D(4 * x.shape[-1], 1, use_bias=False)(x)
        y = layers.Activation("swish")(layers.BatchNormalization()(y))
        y = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(y)
        y = layers.Activation("swish")(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(filters, 1, use_bias=False)(y))
        return _add(x, y) if stride == 1 and filters == x.shape[-1] else y

    def transformer(x: Any, blocks: int, width: int) -> Any:
        filters = x.shape[-1]
        y = layers.Conv2D(filters, 3, padding="same", activation="swish")(x)
        y = layers.Conv2D(width, 1, activation="swish")(y)
        height, breadth = y.shape[1:3]
        y = layers.Reshape((4, height * breadth // 4, width))(y)
        for _ in range(blocks):
            y = _attention(y, 2)
            y = _add(y, _mlp(_normalized(y), 2 * width))
        y = layers.Reshape((height, breadth, width))(_normalized(y))
        y = layers.Conv2D(filters, 1, activation="swish")(y)
        joined = layers.Concatenate()([x, y])
        return layers.Conv2D(filters, 3, padding="same", activation="swish")(joined)

    inputs = keras.Input((side, side, 3))
    x = layers.Conv2D(16, 3, 2, padding="same", activation="swish")(inputs)
    x = block(block(block(block(x, 16), 24, 2), 24), 24)
    x = transformer(block(x, 48, 2), 2, 64)
    x = transformer(block(x, 64, 2), 4, 80)
    x = transformer(block(x, 80, 2), 3, 96)
    x = layers.Conv2D(320, 1, activation="swish")(x)
    return keras.Model(inputs, layers.Dense(1000)(layers.GlobalAveragePooling2D()(x)))
