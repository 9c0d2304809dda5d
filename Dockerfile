# syntax=docker/dockerfile:1
# `front-end` answers and knows no torch; `worker`, the default, is every role: both workers, the front end, or all of it
# at once (`sepme serve`).

FROM python:3.12-slim AS front-end-build
# For pip: an index with a CPU build of torch, say, which spares gigabytes where there is no GPU.
ARG PIP_OPTIONS=
WORKDIR /build
RUN python -m venv /opt/sepme
ENV PATH=/opt/sepme/bin:$PATH
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY deploy/install.py deploy/install.py
COPY app app
COPY worker worker
COPY sepme_core sepme_core
COPY sepme sepme
RUN --mount=type=cache,target=/root/.cache/pip python deploy/install.py

FROM front-end-build AS worker-build
RUN --mount=type=cache,target=/root/.cache/pip python deploy/install.py worker

FROM python:3.12-slim AS runtime
RUN useradd --system --uid 10001 --home-dir /var/lib/sepme --create-home sepme \
    && install -d -o sepme -g sepme /var/lib/sepme/blobs /var/lib/sepme/huggingface \
    && install -d -m 0700 -o sepme -g sepme /var/lib/sepme/signing /var/lib/sepme/keys
ENV PATH=/opt/sepme/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SEPME_HOME=/var/lib/sepme \
    HF_HOME=/var/lib/sepme/huggingface
USER sepme
WORKDIR /var/lib/sepme
VOLUME /var/lib/sepme
EXPOSE 8000
STOPSIGNAL SIGTERM

FROM runtime AS front-end
COPY --from=front-end-build /opt/sepme /opt/sepme
CMD ["python", "-m", "app"]

FROM runtime AS worker
COPY --from=worker-build /opt/sepme /opt/sepme
CMD ["sepme", "serve"]
