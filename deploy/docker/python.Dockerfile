# The images of the Python programs: see docs/deploy/images.md. Build from the root of the checkout: `make images`.
# Tags are exact versions; whoever has a registry at hand may add digests.

FROM python:3.11.14-slim-bookworm AS build
ENV UV_PYTHON=/usr/local/bin/python3.11 \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/foresend \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1
WORKDIR /build
RUN python3.11 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir uv==0.13.9
COPY pyproject.toml uv.lock README.md LICENSE ./
# What is locked is installed first: a change of our code leaves this layer as it is.
RUN --mount=type=cache,target=/root/.cache/uv \
    /opt/uv/bin/uv sync --quiet --locked --no-dev --no-install-project
COPY schemas schemas
COPY online_models online_models
COPY templates templates
COPY flink_jobs flink_jobs
COPY connectors connectors
COPY training training
COPY foresend foresend

FROM build AS build-programs
RUN --mount=type=cache,target=/root/.cache/uv \
    /opt/uv/bin/uv sync --quiet --locked --no-dev --no-editable

FROM build AS build-train
RUN --mount=type=cache,target=/root/.cache/uv \
    /opt/uv/bin/uv sync --quiet --locked --no-dev --no-editable --extra train

FROM python:3.11.14-slim-bookworm AS base
RUN groupadd --gid 10001 foresend \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/foresend --shell /usr/sbin/nologin foresend \
    && mkdir -p /var/lib/foresend /etc/foresend /run/secrets/foresend \
    && chown 10001:10001 /var/lib/foresend
# Others than this machine are to reach the programs; those that must not be open then ask for keys.
ENV PATH=/opt/foresend/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/var/lib/foresend \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FORESEND_LOG_FORMAT=json \
    FORESEND_COLLECT_HOST=0.0.0.0 \
    FORESEND_SERVE_HOST=0.0.0.0 \
    FORESEND_SERVE_FOLDER=/var/lib/foresend/cache \
    FORESEND_DELIVER_HOST=0.0.0.0 \
    FORESEND_DELIVER_FOLDER=/var/lib/foresend/mail \
    FORESEND_INBOUND_HOST=0.0.0.0
WORKDIR /var/lib/foresend
VOLUME /var/lib/foresend
USER 10001:10001
ENTRYPOINT ["foresend"]
CMD ["--help"]

FROM base AS train
ENV MPLCONFIGDIR=/tmp/matplotlib
COPY --from=build-train /opt/foresend /opt/foresend

# The last target is what a build without --target makes.
FROM base AS programs
COPY --from=build-programs /opt/foresend /opt/foresend
EXPOSE 8080 8090 8095 8024 8096
