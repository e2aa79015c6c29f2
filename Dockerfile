# Two images: `docker build --target cpu -t ganeval .` (OpenVINO, 2.1 GB) and `--target cuda -t ganeval:cuda` (GPU libraries, 6.8 GB).
# docs/installing.md shows their use. A build that can be repeated names its base by digest:
# --build-arg BASE=python:3.12-slim-bookworm@sha256:...
ARG BASE=python:3.12-slim-bookworm

# The wheel, so that neither the checkout nor a build tool is in the images.
FROM ${BASE} AS wheel
WORKDIR /source
COPY . .
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

# The constraints are the versions that the tests run with.
FROM ${BASE} AS base
COPY constraints.txt /opt/constraints.txt
RUN python -m venv /opt/ganeval
ENV PATH=/opt/ganeval/bin:${PATH} PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

FROM base AS cpu-packages
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --constraint /opt/constraints.txt --index-url "${TORCH_INDEX}" torch torchvision \
    && for wheel in /wheels/*.whl; do pip install --constraint /opt/constraints.txt "${wheel}[cpu,parquet,remote]"; done

FROM base AS cuda-packages
# PyPI's wheels of PyTorch for Linux bring their own CUDA libraries; the driver comes from the host.
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    for wheel in /wheels/*.whl; do pip install --constraint /opt/constraints.txt "${wheel}[parquet,remote]"; done

FROM ${BASE} AS run
RUN useradd --create-home --uid 1000 ganeval \
    && mkdir /cache /work \
    && chown ganeval:ganeval /cache /work
# Weights, features and data sets outlive a container in this volume.
ENV PATH=/opt/ganeval/bin:${PATH} XDG_CACHE_HOME=/cache GANEVAL_DATA=/cache/data
VOLUME /cache
WORKDIR /work
USER 1000:1000
ENTRYPOINT ["ganeval"]
CMD ["--help"]

FROM run AS cuda
COPY --from=cuda-packages /opt/ganeval /opt/ganeval
# Read by the NVIDIA container toolkit: which devices and which parts of the driver a container sees.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility

# The last target is the one that a plain `docker build .` makes.
FROM run AS cpu
COPY --from=cpu-packages /opt/ganeval /opt/ganeval
