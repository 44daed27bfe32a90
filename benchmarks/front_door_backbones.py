"""Small backbones of keras-hub: one function each, as a user of the package would write it.

`python -m benchmarks.front_door_models` saves them; keras_hub must be importable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

STEPS, VOCABULARY, SIDE = 16, 99, 64
_ENCODER = dict(vocabulary_size=VOCABULARY, num_layers=2, num_heads=2, hidden_dim=32)
_ENCODER |= dict(intermediate_dim=64)
_DECODER = _ENCODER | dict(max_sequence_length=32)
_GROUPED = dict(vocabulary_size=VOCABULARY, num_layers=2, num_query_heads=4, hidden_dim=32)
_GROUPED |= dict(intermediate_dim=64, num_key_value_heads=2)
_IMAGE = dict(image_shape=(SIDE, SIDE, 3))
_RESNET = dict(
    input_conv_filters=[16],
    input_conv_kernel_sizes=[7],
    stackwise_num_filters=[64, 64, 64],
    stackwise_num_blocks=[1, 2, 1],
    stackwise_num_strides=[1, 2, 2],
)
_VIT = _IMAGE | dict(patch_size=16, num_layers=2, num_heads=2, hidden_dim=32)
_MIT = _IMAGE | dict(
    layerwise_depths=[1, 1, 1, 1],
    num_layers=4,
    layerwise_num_heads=[1, 2, 4, 8],
    layerwise_sr_ratios=[8, 4, 2, 1],
    max_drop_path_rate=0.1,
    layerwise_patch_sizes=[7, 3, 3, 3],
    layerwise_strides=[4, 2, 2, 2],
    hidden_dims=[16, 32, 64, 128],
)
_CSP = _IMAGE | dict(
    stem_filters=16,
    stem_kernel_size=3,
    stem_strides=1,
    stackwise_depth=[1, 2, 1],
    stackwise_strides=[2, 2, 2],
    stackwise_num_filters=[16, 32, 64],
)
_EFFICIENT = dict(
    input_shape=(SIDE, SIDE, 3),
    stackwise_kernel_sizes=[3, 3, 5],
    stackwise_num_repeats=[1, 2, 2],
    stackwise_input_filters=[16, 16, 24],
    stackwise_output_filters=[16, 24, 40],
    stackwise_expansion_ratios=[1, 4, 6],
    stackwise_squeeze_and_excite_ratios=[0.25, 0.25, 0.25],
    stackwise_strides=[1, 2, 2],
    stackwise_width_coefficients=[1.0] * 3,
    stackwise_depth_coefficients=[1.0] * 3,
    stackwise_force_input_filters=[0] * 3,
    stackwise_nores_option=[False] * 3,
)
_MOBILE = _IMAGE | dict(
    stackwise_expansion=[[40, 56], [64, 144]],
    stackwise_num_blocks=[2, 2],
    stackwise_num_filters=[[16, 16], [24, 24]],
    stackwise_kernel_size=[[3, 3], [5, 5]],
    stackwise_num_strides=[[2, 1], [2, 1]],
    stackwise_se_ratio=[[None, None], [0.25, 0.25]],
    stackwise_activation=[["relu", "relu"], ["hard_swish", "hard_swish"]],
    stackwise_padding=[[1, 1], [2, 2]],
    output_num_filters=64,
    depthwise_filters=8,
    depthwise_stride=2,
    depthwise_residual=False,
    last_layer_filter=64,
)
_SWIN = _IMAGE | dict(embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4)
_SPEECH = dict(encoder_num_layers=2, decoder_num_layers=2, encoder_num_heads=2)
_SPEECH |= dict(decoder_num_heads=2, hidden_dim=32, intermediate_dim=64)
_HGNET = _IMAGE | dict(
    depths=[1, 2],
    embedding_size=16,
    hidden_sizes=[32, 64],
    stem_channels=[3, 8, 16],
    hidden_act="relu",
    use_learnable_affine_block=True,
    stackwise_stage_filters=[(16, 8, 32, 1, 3, 3), (32, 16, 64, 2, 3, 3)],
    apply_downsample=[False, True],
    use_lightweight_conv_block=[False, True],
)

# Class of keras_hub.models → arguments.
PLAIN: dict[str, dict[str, Any]] = {
    "AlbertBackbone": _ENCODER | dict(embedding_dim=16, max_sequence_length=32),
    "BartBackbone": _DECODER,
    "BertBackbone": _DECODER,
    "BloomBackbone": _ENCODER,
    "CSPNetBackbone": _CSP | dict(block_type="dark_block", stage_type="dark"),
    "DebertaV3Backbone": _DECODER | dict(bucket_size=8),
    "DeiTBackbone": _VIT | dict(intermediate_dim=64),
    "DenseNetBackbone": _IMAGE | dict(stackwise_num_repeats=[2, 3], growth_rate=8),
    "DINOV2Backbone": _VIT | dict(intermediate_dim=64, position_embedding_shape=(SIDE, SIDE, 3)),
    "DistilBertBackbone": _DECODER,
    "EfficientNetBackbone": _EFFICIENT | dict(stackwise_block_types=["v1", "unfused", "fused"]),
    "ESM2Backbone": _ENCODER,
    "FNetBackbone": {k: v for k, v in _DECODER.items() if k != "num_heads"},
    "FalconBackbone": {**{k: v for k, v in _ENCODER.items() if k != "num_heads"}}
    | dict(num_attention_heads=2),
    "GPT2Backbone": _DECODER,
    "GPTNeoXBackbone": _DECODER,
    "GemmaBackbone": _GROUPED | dict(head_dim=8),
    "HGNetV2Backbone": _HGNET,
    "Llama3Backbone": _GROUPED,
    "MiTBackbone": _MIT,
    "MistralBackbone": _GROUPED | dict(sliding_window=8),
    "MixtralBackbone": _GROUPED | dict(num_experts=3, sliding_window=8),
    "MobileNetBackbone": _MOBILE,
    "MoonshineBackbone": _SPEECH | dict(vocabulary_size=VOCABULARY, filter_dim=32),
    "OPTBackbone": _DECODER,
    "Phi3Backbone": _GROUPED | dict(num_key_value_heads=2),
    "Qwen2Backbone": _GROUPED,
    "Qwen3Backbone": _GROUPED | dict(head_dim=8),
    "ResNetBackbone": _IMAGE | _RESNET | dict(block_type="bottleneck_block"),
    "RobertaBackbone": _DECODER,
    "RoformerV2Backbone": _ENCODER | dict(head_size=16),
    "RWKV7Backbone": dict(hidden_size=32, head_size=16, num_layers=2, vocabulary_size=VOCABULARY)
    | dict(intermediate_dim=64, gate_lora=8, mv_lora=8, aaa_lora=8, decay_lora=8),
    "SwinTransformerBackbone": _SWIN,
    "T5Backbone": _ENCODER,
    "VGGBackbone": _IMAGE | dict(stackwise_num_repeats=[1, 2], stackwise_num_filters=[8, 16]),
    "ViTBackbone": _VIT | dict(mlp_dim=64),
    "WhisperBackbone": _ENCODER
    | dict(max_encoder_sequence_length=32, max_decoder_sequence_length=16, num_mels=8),
    "XLNetBackbone": _ENCODER,
    "XceptionBackbone": _IMAGE
    | dict(
        stackwise_conv_filters=[[8, 8], [16, 16], [32, 32]], stackwise_pooling=[True, True, False]
    ),
}


def _of_class(name: str) -> Callable[[], Any]:
    def build() -> Any:
        import keras_hub

        return getattr(keras_hub.models, name)(**PLAIN[name])

    return build


def _seg_former() -> Any:
    import keras_hub

    encoder = keras_hub.models.MiTBackbone(**PLAIN["MiTBackbone"])
    return keras_hub.models.SegFormerBackbone(image_encoder=encoder, projection_filters=32)


def _deep_lab() -> Any:
    import keras_hub

    return keras_hub.models.DeepLabV3Backbone(
        image_encoder=keras_hub.models.ResNetBackbone(**PLAIN["ResNetBackbone"]),
        spatial_pyramid_pooling_key="P4",
        low_level_feature_key="P2",
        upsampling_size=4,
        dilation_rates=[2, 4],
        projection_filters=8,
        **_IMAGE,
    )


def _retina_net() -> Any:
    import keras_hub

    encoder = keras_hub.models.ResNetBackbone(**PLAIN["ResNetBackbone"])
    return keras_hub.models.RetinaNetBackbone(
        image_encoder=encoder, min_level=2, max_level=4, use_p5=True, **_IMAGE
    )


def _whisper_encoder() -> Any:
    import keras

    whisper = _of_class("WhisperBackbone")()
    features = whisper.input["encoder_features"]
    return keras.Model(features, whisper.output["encoder_sequence_output"], name="whisper_encoder")


BACKBONES: dict[str, Callable[[], Any]] = {
    **{name: _of_class(name) for name in PLAIN},
    "DeepLabV3Backbone": _deep_lab,
    "RetinaNetBackbone": _retina_net,
    "SegFormerBackbone": _seg_former,
    "Whisper encoder": _whisper_encoder,
}

# Shapes of one example by input name, where the model leaves them open.
_OPEN: Mapping[str, tuple[int, ...]] = {
    "encoder_features": (32, 8),
    "encoder_input_values": (2_000, 1),
    "encoder_padding_mask": (STEPS,),
}


def example_shape(name: str, model: str, shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """Return the shape that an input of a backbone gets where the file leaves it open."""
    if None not in shape[1:]:
        return tuple(int(size or 1) for size in shape[1:])
    if model == "MoonshineBackbone" and name == "encoder_padding_mask":
        return (2_000,)
    return _OPEN.get(name, (STEPS,))


def examples(
    name: str, shape: tuple[int, ...], dtype: str, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Return what an input of this name and example shape is fed: (count, *shape)."""
    if "padding_mask" in name:  # the first is full, the others end early
        lengths = np.array([shape[0] - (i * shape[0]) // (2 * count) for i in range(count)])
        return (np.arange(shape[0]) < lengths[:, None]).astype(dtype)
    if "segment" in name:
        return np.repeat([np.arange(shape[0]) > shape[0] // 2], count, 0).astype(dtype)
    if dtype.startswith("int"):
        return rng.integers(1, VOCABULARY, (count, *shape)).astype(dtype)
    spread = 30.0 if shape[-1] == 3 else 1.0  # images differ as photographs do, in raw units
    return rng.normal(0, spread, (count, *shape)).astype(dtype)
