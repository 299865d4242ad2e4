# One image for training and serving, so that a model meets the versions that made it.

# Slim, with the Python and the Debian release pinned.
ARG BASE_IMAGE=python:3.13-slim-trixie

# Packages are installed in a stage of their own: what pip needs stays behind in it.
FROM ${BASE_IMAGE} AS packages

# A virtual environment can be copied into the next stage as one folder.
RUN python3 -m venv /opt/venv

# Packages of PyPI: requirements.in, compiled to requirements.txt. Private ones are
# wheels in the folder wheels/, so that no password enters a layer.
COPY requirements.txt wheels* /tmp/wheels/
RUN /opt/venv/bin/pip install --no-cache-dir --find-links /tmp/wheels \
        --requirement /tmp/wheels/requirements.txt \
    # The packages' own tests are a seventh of them, and nothing imports them.
    && find /opt/venv -type d -name tests -prune -exec rm -r {} +

FROM ${BASE_IMAGE}

# Debian packages, those that packages.txt names: none, and this takes no time.
COPY packages.txt /opt/
# The list is one of words, and its owner pins them. hadolint sees neither.
# hadolint ignore=DL3008,SC2086
RUN packages="$(sed 's/[[:space:]]*#.*//; /^[[:space:]]*$/d' /opt/packages.txt)" \
    && if [ -n "${packages}" ]; then \
        apt-get update \
        && apt-get install --yes --no-install-recommends ${packages} \
        && rm -rf /var/lib/apt/lists/*; \
    fi

COPY --from=packages /opt/venv /opt/venv

# /opt/program comes first, so that `train` and `serve` are programs (T-01, H-01).
# Logs must not wait in a buffer (X-33), and nothing is compiled at run time (H-28).
ENV PATH=/opt/program:/opt/venv/bin:${PATH} \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

# The code is the last layer that is large: it changes most often. Not below /opt/ml,
# where SageMaker's mounts would hide it (T-05).
COPY model /opt/program
RUN python3 -m compileall -q /opt/program

# serve obeys SAGEMAKER_BIND_TO_PORT: the image can stand in a pipeline; and it serves
# many models where SageMaker sets SAGEMAKER_MULTI_MODEL (H-59, H-65, I-13).
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true \
      com.amazonaws.sagemaker.capabilities.multi-models=true \
      org.opencontainers.image.licenses=Apache-2.0

WORKDIR /opt/program

# Exec form: the entrypoint becomes the program, which is then process 1 (T-02).
# SageMaker gives `train` or `serve`; SDK v3's local mode gives nothing (R-05).
ENTRYPOINT ["/opt/program/entrypoint"]
CMD ["train"]
