"""A paired metric, and one that takes a name which ganeval has."""

import dataclasses
import math

import numpy as np

from ganeval.metrics.base import Alias, Output, PixelMetric


def mean_error(fake, real, params):
    return np.abs(fake.mean((1, 2, 3)) - real.mean((1, 2, 3)))


MEAN_ERROR = PixelMetric(
    name="mean_error",
    summary="difference of the mean levels",
    output=Output("mean_error", "lower", (0.0, math.inf), "mean error"),
    symmetric=True,
    min_side=1,
    version=1,
    compute=mean_error,
)
SECOND_FID = dataclasses.replace(MEAN_ERROR, name="second_fid", aliases={"fid": Alias("", "FID")})
