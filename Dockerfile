# The HTTP service; `docker compose up` runs it boxed in (docker-compose.yml).
FROM python:3.11-slim

# What SUMO's wheels load even headless; sim/system.py has the list, and a test compares the two.
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libatomic1 \
        libexpat1 \
        libgcc-s1 \
        libgl1 \
        libstdc++6 \
        libx11-6 \
        libxext6 \
        libxrender1 \
        zlib1g \
    && rm -rf /var/lib/apt/lists/*

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

# Dependencies come first: they change less often than the code.
WORKDIR /app
COPY requirements-service.lock ./
RUN python -m venv /opt/venv && pip install --require-hashes -r requirements-service.lock

COPY LICENSE NOTICE README.md pyproject.toml ./
COPY sim ./sim
COPY api ./api
COPY networks ./networks
COPY scenarios ./scenarios
RUN python -I sim/system.py check && pip install --no-deps --no-build-isolation -e .

# numba refuses a cache that it cannot write to, so the kernels compiled here lie in a folder of the user's own, which
# compose keeps as a volume over the read-only root.
ENV BITGREEN_HOME=/app \
    BITGREEN_DATA_DIR=/var/lib/bitgreen \
    NUMBA_CACHE_DIR=/var/cache/bitgreen/numba
RUN useradd --system --uid 10001 --home-dir /var/lib/bitgreen --shell /usr/sbin/nologin bitgreen \
    && install -d -o bitgreen -g bitgreen /var/lib/bitgreen /var/cache/bitgreen /var/cache/bitgreen/numba
USER bitgreen
RUN bitgreen doctor

EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["bitgreen", "serve", "--host", "0.0.0.0", "--port", "8000"]
