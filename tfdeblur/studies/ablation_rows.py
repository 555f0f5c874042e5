"""The ablations of the five papers, as overrides of their configs; see `studies.ablations`."""

import tensorflow as tf

from tfdeblur.models.enhance_unet import EnhanceUnetConfig
from tfdeblur.models.gfn import STEPS_PER_EPOCH, GFNConfig
from tfdeblur.models.scgan import SCGANConfig
from tfdeblur.models.two_branch import VGG_TAPS, TwoBranchConfig
from tfdeblur.models.wrfn import WRFNConfig
from tfdeblur.studies.ablations import Row, System

RELEASED_LAST_STEP = (25 + 60) * STEPS_PER_EPOCH
BIAS = "biases that a norm removes"


def _one_tap(config):
    """Return a stand-in for VGG-19."""
    return lambda images: [images[:, ::2, ::2]]


def _taps(config):
    """Return a stand-in for VGG-19 with its taps' weights, on ever smaller images."""
    weights = VGG_TAPS[config.vgg_variant].values()
    return lambda images: [
        tf.cast(weight, tf.float32) * images[:, :: 2**level, :: 2**level]
        for level, weight in enumerate(weights)
    ]


SCGAN = System(
    title="SCGAN and MCGAN (Xu et al., ICCV 2017)",
    experiment="scgan_face",
    config=SCGANConfig,
    tiny={"width": 4},
    side=16,
    extractor=None,
    groups={
        "network": ((r"uconv", "transposed convolutions"), (r"", "convolutions and norms")),
        "discriminator": ((r"[a-z]+(\d)/", r"layer \1"), (r"logits", "fc")),
    },
    rows=(
        Row({"objective": "pixel"}, 'Table 5, "pixel"; eq. 3'),
        Row({"objective": "gan"}, "Fig. 2; eq. 2"),
        Row({"objective": "pixel+gan"}, 'Table 5, "basic"; eq. 4'),
        Row({"feature_layer_generator": 3}, 'Table 5, "G3D3"'),
        Row({"feature_layer_discriminator": 2}, 'Table 5, "G2D2"'),
        Row({"upsample": "bicubic"}, "§6, Fig. 10"),
        Row({"split_batches": False}, "§4, Fig. 5"),
        Row({"classes": 2}, "§3.4, eqs. 9 to 11 (with data: `--config=mcgan`)"),
        Row({"feature_weight": 0.0}, "eq. 7, lambda_1 = 0"),
        Row({"adversarial_weight": 0.0}, "eq. 7, lambda_2 = 0"),
        Row({"triplet_weight": 0.0}, "eq. 8, lambda_3 = 0"),
        Row({"triplet_margin": 0.0}, "eq. 8, alpha = 0"),
        Row({"reduction": "sum"}, "eqs. 3, 5 and 8 as printed"),
    ),
    excluded=frozenset(
        {"name", "channels", "width", "discriminator_size"} | {"freeze_statistics", "keep_means"}
    ),
)

ENHANCE_UNET = System(
    title="Enhance-UNet (Qi et al., MTAP 2020)",
    experiment="enhance_unet_faces",
    config=EnhanceUnetConfig,
    tiny={"width": 2, "levels": 1, "rrrbs_per_level": 1, "resblocks_per_level": 1},
    side=24,
    extractor=_one_tap,
    groups={
        "network": (
            (r".*_group/bias", BIAS),
            (r"stage1_(en|de)code\d_\d_\d_(first|second)", "RRRBs"),
            (r"stage1_(en|de)code\d_\d_\d_", "stage 1, plain convolutions"),
            (r"stage1_", "stage 1, down and up"),
            (r"drdbu", "DRDBU"),
            (r"stage2_(en|de)code\d_\d_3_", "third groups of the ResBlocks"),
            (r"stage2_(en|de)code\d_\d_\d_", "stage 2, blocks"),
            (r"stage2_", "stage 2, down and up"),
            (r"(head|tail)", "head and tail"),
        ),
        "discriminator": (
            (r"(scores|critic[234])/bias", "biases that a norm or eq. 5 removes"),
            (r"critic1/bias", "first bias"),
            (r"(critic|norm)\d", "convolutions and norms"),
            (r"scores", "scores"),
        ),
    },
    rows=(
        Row({"use_em": False}, 'Table 2, "w/o EM"'),
        Row({"use_drdbu": False}, 'Table 2, "w/o DRDBU"'),
        Row({"use_rrrb": False}, 'Table 2, "w/o RRRB"'),
        Row({"use_resblock": False}, 'Table 2, "w/o ResBlock"'),
        Row({"perceptual_weight": 0.0}, "Table 3, GAN and content loss"),
        Row({"content_weight": 0.0}, "eq. 2, alpha = 0"),
        Row({"adversarial_weight": 0.0, "discriminator_updates": 1}, "eq. 2, sigma = 0"),
        Row(
            {"perceptual_weight": 0.0, "adversarial_weight": 0.0, "discriminator_updates": 1},
            "Fig. 10, MSE",
        ),
        Row({"gradient_penalty_weight": 0.0}, "eq. 5, lambda = 0"),
        Row({"critic": "patch70"}, "§3.3, PatchGAN of [14]"),
    ),
    excluded=frozenset(
        {"name", "channels", "width", "levels", "rrrbs_per_level", "resblocks_per_level"}
        | {"vgg_weights"}
    ),
)

GFN = System(
    title="GFN (Zhang et al., BMVC 2018)",
    experiment="gfn_gopro",
    config=GFNConfig,
    tiny={"width": 4, "deblurring_blocks": 1, "sr_blocks": 1, "reconstruction_blocks": 1},
    side=8,
    extractor=None,
    groups={
        "network": (
            (r"deblurring", "deblurring module"),
            (r"deblurred", "deblurred image"),
            (r"sr_", "SR features"),
            (r"gate", "gate"),
            (r"reconstruction", "reconstruction"),
            (r"srresnet|p_re_lu", "SRResNet"),
            (r"fusion", "fusion of images"),
        ),
    },
    rows=(
        Row({"variant": "srresnet"}, 'Table 2, "SRResNet"'),
        Row({"variant": "model1"}, 'Table 2, "Model-1"'),
        Row({"variant": "model2"}, 'Table 2, "Model-2"'),
        Row({"variant": "model3"}, 'Table 2, "Model-3"'),
        Row({"variant": "model4"}, 'Table 2, "Model-4"'),
        Row({"variant": "model5"}, 'Table 2, "Model-5"'),
        Row({"alpha": 0.0}, "eq. 2, alpha = 0"),
        Row({"release": "v1"}, "released code, first version"),
        Row({"gate_start_step": 0}, "§3.3 without step 1"),
        Row(
            {"gate_start_step": RELEASED_LAST_STEP, "alpha_end_step": RELEASED_LAST_STEP},
            "released code, three steps",
        ),
    ),
    excluded=frozenset(
        {"name", "channels", "width", "deblurring_blocks", "sr_blocks", "reconstruction_blocks"}
        | {"initial_weights"}
    ),
)

WRFN = System(
    title="WRFN (Jin et al., CVPRW 2018)",
    experiment="wrfn_faces",
    config=WRFNConfig,
    tiny={"width": 4, "blocks": 1, "zero_init_output": False},
    side=20,
    extractor=None,
    groups={
        "network": (
            (r"deblur_first", "first convolution"),
            (r"block\d+_conv1/bias", "first biases of the blocks"),
            (r"block\d+_conv2/bias", "second biases of the blocks"),
            (r"block\d+_conv", "blocks"),
            (r"block\d+_norm", "norms"),
            (r"deblur_last", "last deblurring convolution"),
            (r"blend_block_conv1/bias", "first biases of the blocks"),
            (r"blend_block_conv2/bias", "second biases of the blocks"),
            (r"blend_block_norm", "norms"),
            (r"blend_", "blending network"),
        ),
    },
    rows=(
        Row({"norm": "none"}, 'Table 1, "NO"'),
        Row({"norm": "bn"}, 'Table 1, "BN"'),
        Row({"stride": 4, "width": 84, "blocks": 11}, 'Table 1, "s4C84b11"'),
        Row({"stride": 4, "blocks": 11}, 'Table 1, "s4C96b11"'),
        Row({"swap": True}, 'Table 1, "swap"'),
        Row({"resampling": "strided"}, "§5, Table 3"),
        Row({"block_order": "post"}, "Fig. 3b, the other reading"),
        Row({"skip_resampled": False}, "Fig. 3a, the other reading"),
        Row({"skip_output": False}, "Fig. 3a, the other reading"),
        Row({"loss": "l1"}, "not stated"),
        Row({"channels": 3}, "§5, colour by channel"),
    ),
    excluded=frozenset({"name", "zero_init_output"}),
    elsewhere=(("--config.data.crop_size=240", 'Table 1, "crop"'),),
)

TWO_BRANCH = System(
    title="Two-branch network (Yun et al., IEEE Access 2020)",
    experiment="two_branch_faces",
    config=TwoBranchConfig,
    tiny={"width": 2},
    side=32,
    extractor=_taps,
    groups={
        "network": (
            (r"up\d", "five-layer CNN"),
            (r"encode[1-4]\D", "shared encoder"),
            (r"encode8/bias", "innermost bias"),
            (r"encode8", "innermost level"),
            (r"restored8", "innermost level"),
            (r"encode", "deep encoder"),
            (r"restored", "lower decoder"),
            (r"blurry1/", "blurry image"),
            (r"blurry", "upper decoder"),
        ),
        "discriminator": ((r"", "all layers"),),
    },
    rows=(
        Row({"use_upcnn": False}, 'Table 3, "Model 1"'),
        Row({"discriminators": "none"}, 'Table 3, "Model 2"'),
        Row({"discriminators": "global"}, 'Table 3, "Model 3"'),
        Row({"noise": True}, 'Fig. 9, Table 3, "w/N"'),
        Row({"noise": True, "noise_mean": 1.0}, "w/N, the noise's mean in the code"),
        Row({"noise": True, "noise_std": 0.2}, "w/N, twice as strong"),
        Row({"grayscale_input": True}, "Fig. 8"),
        Row({"input_size": 16}, "Fig. 6"),
        Row({"discriminator_type": "patch5"}, "Fig. 2, code"),
        Row({"vgg_variant": "code"}, "code of eq. 5"),
        Row({"norm": "in"}, "code, for batches of one"),
        Row({"perceptual_weight": 0.0}, "eq. 6, lambda_2 = 0"),
        Row({"pixel_weight": 0.0}, "eq. 6, lambda_1 = 0"),
        Row({"adversarial_weight": 0.0}, "eq. 6 without L_GAN"),
        Row({"local_start_step": 0}, "§IV, both discriminators at once (code)"),
    ),
    excluded=frozenset({"name", "channels", "width", "vgg_weights"}),
)

SYSTEMS = (SCGAN, ENHANCE_UNET, GFN, WRFN, TWO_BRANCH)
