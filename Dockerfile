# syntax=docker/dockerfile:1
# One image for every role: the front end, both workers, or all of it at once (`sepme serve`, the default).

FROM python:3.12-slim AS build
# For pip: an index with a CPU build of torch, say, which spares gigabytes where there is no GPU.
ARG PIP_OPTIONS=
WORKDIR /build
RUN python -m venv /opt/sepme
ENV PATH=/opt/sepme/bin:$PATH
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY app app
COPY worker worker
COPY sepme_core sepme_core
COPY sepme sepme
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install $PIP_OPTIONS -c constraints.txt .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/sepme --create-home sepme \
    && install -d -o sepme -g sepme /var/lib/sepme/blobs /var/lib/sepme/huggingface
COPY --from=build /opt/sepme /opt/sepme
ENV PATH=/opt/sepme/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SEPME_HOME=/var/lib/sepme \
    HF_HOME=/var/lib/sepme/huggingface
USER sepme
WORKDIR /var/lib/sepme
VOLUME /var/lib/sepme
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["sepme", "serve"]
