# What runs plugins: Python, the Plugin SDK, and the fleet's own program.
ARG BINARY=compiled
ARG PYTHON=python:3.11-slim

FROM golang:1.26 AS compiled
WORKDIR /src
COPY . .
RUN make build

FROM scratch AS built
COPY bin/counterpart /src/bin/counterpart

FROM ${BINARY} AS binary

FROM ${PYTHON}
# PIP_OPTIONS, say "--no-index --find-links /wheels", for a base that brings them along.
ARG PIP_OPTIONS=
COPY compose/requirements.txt /requirements.txt
RUN python3 -m pip install --no-cache-dir --no-deps ${PIP_OPTIONS} --requirement /requirements.txt
COPY --from=binary /src/bin/counterpart /usr/local/bin/counterpart
RUN mkdir /reports && chown 65532:65532 /reports
WORKDIR /plugins
USER 65532:65532
ENTRYPOINT ["counterpart"]
CMD ["plugin", "test", "--mode", "both", "."]
