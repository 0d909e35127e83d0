# syntax=docker/dockerfile:1
# CPU by default. For NVIDIA cards: docker build --build-arg VARIANT=cuda . and run with --gpus all.
ARG PYTHON_VERSION=3.12
FROM python:${PYTHON_VERSION}-slim-bookworm AS build
ARG VARIANT=cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/requirements.txt
# The CUDA variant adds NVIDIA's libraries, pinned by TensorFlow itself, to the very same TensorFlow.
RUN /opt/venv/bin/pip install -r /tmp/requirements.txt \
    && if [ "$VARIANT" = cuda ]; then \
         /opt/venv/bin/pip install "tensorflow[and-cuda]==$(/opt/venv/bin/python -c 'from importlib.metadata import version; print(version("tensorflow"))')"; \
       fi
# The engine's own operations, compiled for that TensorFlow; they stay in the virtual environment.
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
COPY app/engine/native /tmp/native
RUN /opt/venv/bin/python /tmp/native/build.py

FROM python:${PYTHON_VERSION}-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 PORT=8000 INSTANCE_DIR=/data \
    GLIBC_TUNABLES=glibc.malloc.hugetlb=1
RUN useradd --create-home --uid 1000 art && install -d -o art -g art /data
COPY --from=build /opt/venv /opt/venv
WORKDIR /site
COPY app app
COPY models models
COPY templates templates
COPY static static
COPY migrations migrations
COPY wsgi.py gunicorn.conf.py LICENSE NOTICE ./
USER 1000
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-m", "app.health"]
# Migrating is the operator's act (`docker compose run --rm site flask db upgrade`), serving is the container's.
CMD ["gunicorn", "wsgi:app"]
