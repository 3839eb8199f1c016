# One image for every command: `docker build -t journey . && docker run --rm journey --help`.
# What it is made of is fixed: the base by its digest, every package by its version and its hash (`make lock`).

FROM python:3.11.13-slim-bookworm@sha256:86adf8dbadc3d6e82ee5dd2c74bec2e1c2467cdad47886280501df722372d2e1 AS build
WORKDIR /build
RUN python -m venv /venv
COPY requirements.lock ./
RUN /venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY journey journey
COPY projections projections
COPY schemas schemas
COPY streams streams
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11.13-slim-bookworm@sha256:86adf8dbadc3d6e82ee5dd2c74bec2e1c2467cdad47886280501df722372d2e1
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH
RUN useradd --system --create-home --uid 10001 journey
USER journey
WORKDIR /home/journey
ENTRYPOINT ["journey"]
CMD ["--help"]
