# One image for every command: `docker build -t journey . && docker run --rm journey --help`.

FROM python:3.11.13-slim-bookworm@sha256:86adf8dbadc3d6e82ee5dd2c74bec2e1c2467cdad47886280501df722372d2e1 AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY journey journey
COPY projections projections
COPY schemas schemas
COPY streams streams
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11.13-slim-bookworm@sha256:86adf8dbadc3d6e82ee5dd2c74bec2e1c2467cdad47886280501df722372d2e1
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/*.whl)[distributed]" && rm -r /wheels \
    && useradd --system --create-home --uid 10001 journey
USER journey
WORKDIR /home/journey
ENTRYPOINT ["journey"]
CMD ["--help"]
