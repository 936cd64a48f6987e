# One image for every command (docs/adr/0006): python -m services.identity, python -m gateway, ...
FROM python:3.11.15-slim-trixie AS packages
WORKDIR /app
# The version that uv.lock names.
RUN pip install --no-cache-dir uv==0.13.8
COPY pyproject.toml uv.lock ./
# Neither the embedded servers nor what only development needs.
RUN uv sync --frozen --no-default-groups --no-cache --compile-bytecode --link-mode copy \
        --python /usr/local/bin/python3.11 \
    && rm .venv/.lock

FROM python:3.11.15-slim-trixie
LABEL org.opencontainers.image.title="Shuyuan 书院" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
# Volumes that begin empty take their owner from here; the witness may not read what is the signer's.
WORKDIR /var/lib/shuyuan
RUN groupadd --gid 10001 shuyuan \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin shuyuan \
    && install -d -o 10001 -g 10001 secrets envoy inspection signer postgres nats store search \
    && install -d -o 10002 -g 10002 witness
WORKDIR /app
COPY --from=packages /app/.venv .venv
COPY LICENSE ./
COPY openapi openapi
COPY shared shared
COPY stack stack
COPY migrations migrations
COPY services services
COPY gateway gateway
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
RUN python -m compileall -q shared stack migrations services gateway
USER 10001:10001
EXPOSE 8000
CMD ["python", "-m", "stack", "help"]
