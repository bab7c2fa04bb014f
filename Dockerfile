# One image for `receiver serve`, `receiver work` and `receiver migrate`.
# BASE is any image with Python 3.11 or newer as `python3`, its venv module included. A tag moves:
# name a digest to have the same base each time, --build-arg BASE=python:3.13-slim@sha256:…
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /src
RUN python3 -m venv /opt/receiver
COPY requirements.lock ./
RUN /opt/receiver/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: \
      -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY mappings mappings
COPY jobs jobs
COPY receiver receiver
# The tools that install are not needed to run; of the mappings only the files stay editable.
RUN /opt/receiver/bin/python -m pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/receiver/bin/python -m pip uninstall --yes setuptools pip \
 && rm -rf mappings/engine mappings/__init__.py mappings/py.typed

FROM ${BASE}
RUN useradd --uid 10001 --user-group --create-home --home-dir /var/lib/receiver receiver
COPY --from=build /opt/receiver /opt/receiver
COPY --from=build /src/mappings /srv/receiver/mappings
# What this image is made of (CycloneDX), and where that stands.
COPY sbom.cdx.json /usr/share/receiver/sbom.cdx.json
LABEL receiver.sbom="/usr/share/receiver/sbom.cdx.json"
# All that is written goes to the one volume, temporary files too: the root may be read-only.
ENV PATH=/opt/receiver/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RECEIVER_DATA_DIR=/var/lib/receiver \
    RECEIVER_HOST=0.0.0.0 \
    RECEIVER_MAPPINGS=/srv/receiver/mappings \
    RECEIVER_PORT=8080 \
    SQLITE_TMPDIR=/var/lib/receiver \
    TMPDIR=/var/lib/receiver
WORKDIR /srv/receiver
USER receiver
EXPOSE 8080
VOLUME /var/lib/receiver
# For `serve`. A worker has no port: `/readyz` of the web process names a missing one.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python3", "-c", \
  "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['RECEIVER_PORT'] + '/livez', timeout=2)"]
ENTRYPOINT ["receiver"]
CMD ["serve"]
