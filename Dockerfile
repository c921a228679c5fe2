# Parley's server for any machine's processor; with --build-arg CUDA=1 for NVIDIA's GPUs, too.
#
#   docker build --tag parley .
#   docker run --publish 8765:8765 --env PARLEY_API_KEY=… --volume parley-models:/models parley
#
# With a folder `wheels` beside this file (see docs/docker.md) no package index is asked.

ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS installed
ARG CUDA=""
ARG EXTRAS="server,echo${CUDA:+,dia,dia2}"
WORKDIR /src
COPY . .
RUN if [ ! -d wheels ]; then \
      python3 -m pip wheel --no-cache-dir --constraint constraints.txt --wheel-dir wheels \
        ".[${EXTRAS}]" ${CUDA:+nvidia-cublas-cu12 nvidia-cudnn-cu12}; \
    fi
RUN python3 -m venv /opt/parley \
 && /opt/parley/bin/pip install --no-cache-dir --no-index --find-links wheels \
      "parley-voice[${EXTRAS}]" ${CUDA:+nvidia-cublas-cu12 nvidia-cudnn-cu12} \
 && /opt/parley/bin/pip uninstall --yes pip setuptools \
 && find /opt/parley -name tests -type d -prune -exec rm -rf {} +

FROM ${PYTHON}
COPY --from=installed /opt/parley /opt/parley
RUN useradd --uid 1000 --create-home parley \
 && mkdir /models /config && chown parley /models /config
# What is downloaded, the voices of Dia and Dia2, and the configuration: config/parley/config.yaml.
ENV PATH=/opt/parley/bin:$PATH \
    HF_HOME=/models/huggingface \
    XDG_CACHE_HOME=/models/cache \
    XDG_DATA_HOME=/models \
    XDG_CONFIG_HOME=/config
VOLUME /models
USER 1000
WORKDIR /home/parley
EXPOSE 8765
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD \
  ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8765/healthz', timeout=4)"]
ENTRYPOINT ["parley"]
CMD ["serve", "--host", "0.0.0.0"]
