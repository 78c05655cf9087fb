# The image of the Flink job: see docs/deploy/images.md. Build from the root of the checkout: `make images`.
# Flink itself comes with the locked Python package, so its version and that of the job's Python cannot differ.
# Tags are exact versions; whoever has a registry at hand may add digests.

FROM maven:3.9.9-eclipse-temurin-17 AS jars
WORKDIR /build
COPY foresend/local/resources/flink/pom.xml connector/pom.xml
COPY deploy/docker/flink/pom.xml s3/pom.xml
RUN --mount=type=cache,target=/root/.m2/repository \
    mvn --quiet --batch-mode --file=connector/pom.xml dependency:copy-dependencies \
        -DoutputDirectory=/jars/connector -DincludeScope=runtime \
    && mvn --quiet --batch-mode --file=s3/pom.xml dependency:copy-dependencies \
        -DoutputDirectory=/jars/s3-fs-presto -DincludeScope=runtime

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
    /opt/uv/bin/uv sync --quiet --locked --no-dev --no-install-project --extra flink
# FLINK_HOME is a folder of its own: Flink's scripts skip jars that are links. The package has links to it instead.
WORKDIR /opt/foresend/lib/python3.11/site-packages/pyflink
RUN mkdir -p /opt/flink/log \
    && mv bin conf lib opt plugins /opt/flink/ \
    && ln -s /opt/flink/bin /opt/flink/conf /opt/flink/lib /opt/flink/opt /opt/flink/plugins . \
    && rm -r examples /opt/flink/opt/flink-sql-client-*.jar \
    && find /opt/flink/plugins -mindepth 1 -maxdepth 1 ! -name metrics-prometheus -exec rm -r {} + \
    && chmod 755 /opt/flink/bin/*.sh /opt/flink/bin/flink
# Python's glue lies among Flink's own jars: the interpreter's library can be loaded by one class loader only.
COPY --from=jars /jars/connector /opt/flink/lib
COPY --from=jars /jars/s3-fs-presto /opt/flink/plugins/s3-fs-presto
# In opt/ it stays, too: Flink's client wants it there, and follows no link.
RUN cp /opt/flink/opt/flink-python-*.jar /opt/flink/lib/
WORKDIR /build
COPY schemas schemas
COPY online_models online_models
COPY templates templates
COPY flink_jobs flink_jobs
COPY connectors connectors
COPY training training
COPY foresend foresend
RUN --mount=type=cache,target=/root/.cache/uv \
    /opt/uv/bin/uv sync --quiet --locked --no-dev --no-editable --extra flink
# `foresend job` looks for the connector by this name; -I, or the sources in this folder would be asked.
RUN mkdir -p /opt/foresend/share/foresend/jars \
    && jars="$(/opt/foresend/bin/python -I -c 'from foresend.local import jars; print(jars.folder_of(jars.JarSet.FLINK))')" \
    && mkdir "$jars" \
    && ln -s /opt/flink/lib/flink-sql-connector-kafka-*.jar "$jars/"

FROM python:3.11.14-slim-bookworm AS flink
COPY --from=eclipse-temurin:17.0.15_6-jre-jammy /opt/java/openjdk /opt/java/openjdk
RUN groupadd --gid 10001 foresend \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/foresend --shell /usr/sbin/nologin foresend \
    && mkdir -p /var/lib/foresend /etc/foresend /run/secrets/foresend \
    && chown 10001:10001 /var/lib/foresend
COPY --from=build /opt/flink /opt/flink
# Where Kubernetes' operator brings no settings of its own for logs.
COPY foresend/local/resources/flink/log4j2-json.properties /opt/flink/conf/log4j-console.properties
COPY --from=build /opt/foresend /opt/foresend
COPY --chmod=755 deploy/docker/flink/docker-entrypoint.sh /docker-entrypoint.sh
# The interpreter inside the JVM is the first python3 on the PATH.
ENV JAVA_HOME=/opt/java/openjdk \
    FLINK_HOME=/opt/flink \
    FLINK_LOG_DIR=/var/lib/foresend/log \
    PATH=/opt/foresend/bin:/opt/flink/bin:/opt/java/openjdk/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/var/lib/foresend \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FORESEND_LOG_FORMAT=json
WORKDIR /var/lib/foresend
VOLUME /var/lib/foresend
EXPOSE 6123 8081
USER 10001:10001
ENTRYPOINT ["/docker-entrypoint.sh"]
CMD ["foresend", "job", "--help"]
