"""The table of metrics. To add one: write its file, add its line here; laws, docs and `ganeval list` find it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganeval.registry import Registry

if TYPE_CHECKING:  # listing names must not import torch
    from ganeval.metrics.base import Metric

METRICS: Registry[Metric] = Registry(
    "metric",
    {
        "fd": "ganeval.metrics.frechet:FD",
        "fd_per_class": "ganeval.metrics.frechet:FD_PER_CLASS",
        "kd": "ganeval.metrics.kernel:KD",
        "kd_classic": "ganeval.metrics.kernel:KD_CLASSIC",
        "cmmd": "ganeval.metrics.kernel:CMMD",
        "mind": "ganeval.metrics.mind:MIND",
        "prdc": "ganeval.metrics.prdc:PRDC",
        "prdc_per_class": "ganeval.metrics.prdc_per_class:PRDC_PER_CLASS",
        "clipped": "ganeval.metrics.clipped:CLIPPED",
        "authpct": "ganeval.metrics.authenticity:AUTHPCT",
        "fdr": "ganeval.metrics.distance_ratio:FDR",
        "fls": "ganeval.metrics.likelihood:FLS",
        "cs": "ganeval.metrics.inception_score:CS",
        "cs_classic": "ganeval.metrics.inception_score:CS_CLASSIC",
        "agreement": "ganeval.metrics.agreement:AGREEMENT",
        "vendi": "ganeval.metrics.vendi:VENDI",
        "psnr": "ganeval.metrics.psnr:PSNR",
        "ssim": "ganeval.metrics.ssim:SSIM",
        "ms_ssim": "ganeval.metrics.ssim:MS_SSIM",
        "mae": "ganeval.metrics.pixel_error:MAE",
        "mse": "ganeval.metrics.pixel_error:MSE",
        "rmse": "ganeval.metrics.pixel_error:RMSE",
        "gmsd": "ganeval.metrics.gmsd:GMSD",
        "vif": "ganeval.metrics.vif:VIF",
        "fsim": "ganeval.metrics.fsim:FSIM",
        "niqe": "ganeval.metrics.niqe:NIQE",
        "brisque": "ganeval.metrics.brisque:BRISQUE",
        "lpips": "ganeval.metrics.lpips:LPIPS",
        "lpips_diversity": "ganeval.metrics.diversity:LPIPS_DIVERSITY",
        "pd_diversity": "ganeval.metrics.diversity:PD_DIVERSITY",
        "ppl": "ganeval.metrics.path_length:PPL",
        "dists": "ganeval.metrics.dists:DISTS",
        "vgg": "ganeval.metrics.perceptual:VGG",
        "pd": "ganeval.metrics.perceptual:PD",
    },
    "ganeval.metrics",
    "ganeval.metrics.of_packages:why_unusable",
)
