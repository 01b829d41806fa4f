# Studio in one image: Postgres, Redis, the API, the web UI and the workers; one port, one volume.
#
#   scripts/build-image                       builds it with docker, podman or buildah, whichever is here
#   docker run -p 8000:8000 -v studio:/workspace --gpus all studio
#
# Layers, from what seldom changes to what changes daily: the system, the former Postgres, torch with its CUDA
# libraries (by far the largest), the Python dependencies, the app. An app-only change moves tens of MB.
#
# Build arguments
#   TORCH=cuda|none          none leaves torch out: a small image whose text.embed says what is missing
#   WITH_CLOUDFLARED=1       fetches the tunnel program, by version and checksum
# Build secret
#   ca                       a PEM file to trust while building, behind a proxy that inspects TLS
ARG BASE=docker.io/library/debian:trixie-slim

# ---------------------------------------------------------------------------------------------------------------
# tools: the installers, from the same lock as everywhere: uv, and the Node that builds the UI. Nothing of this
# stage reaches the image. (Debian's npm would bring four hundred packages; the wheel is one file with a hash.)
FROM ${BASE} AS tools
ENV DEBIAN_FRONTEND=noninteractive PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY scripts/image/with-ca scripts/link-node /usr/local/bin/
RUN with-ca apt-get update -q \
 && with-ca apt-get install -qy --no-install-recommends ca-certificates python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
COPY scripts/locks/tools.txt /tools/tools.txt
RUN --mount=type=secret,id=ca \
    python3 -m venv /tools/venv \
 && with-ca /tools/venv/bin/pip install --quiet --require-hashes --no-deps -r /tools/tools.txt \
 && link-node /tools/venv /tools/node
ENV PATH=/tools/node:/tools/venv/bin:$PATH

# ---------------------------------------------------------------------------------------------------------------
# ui: the web UI as static files, precompressed.
FROM tools AS ui
WORKDIR /ui
COPY app/ui/package.json app/ui/package-lock.json ./
RUN --mount=type=secret,id=ca with-ca npm ci --no-audit --no-fund
COPY app/ui ./
RUN npm run build -- --logLevel warn

# ---------------------------------------------------------------------------------------------------------------
# app: our own code in its final place, byte-compiled, so that a read-only root starts as fast as any.
FROM tools AS app
WORKDIR /opt/studio
COPY pyproject.toml supervisord.conf LICENSE ./
COPY appliance ./appliance
COPY workers ./workers
COPY app ./app
RUN rm -rf app/ui && python3 -m compileall -q -j 0 appliance workers app
COPY --from=ui /ui/dist ./app/ui/dist

# ---------------------------------------------------------------------------------------------------------------
# cloudflared: only when asked for, and only the very bytes that the checksum names.
FROM tools AS cloudflared
ARG WITH_CLOUDFLARED=0
# The checksums of cloudflared-linux-amd64 and -arm64 in the release notes of this version; another version needs
# its own. (The pair before these was of two different releases, so that no build could ever succeed.)
ARG CLOUDFLARED_VERSION=2026.9.3
ARG CLOUDFLARED_SHA256_AMD64=77e26d8d900e0b8469f416239d14b5f296525fdf79fee6f511ef55609e3fbac2
ARG CLOUDFLARED_SHA256_ARM64=aaeb2d7d0da3614634c7e03ab13487a1522c2e79165ed2929cfe23d5e95b326d
COPY scripts/image/fetch-cloudflared /usr/local/bin/fetch-cloudflared
RUN --mount=type=secret,id=ca \
    mkdir -p /cloudflared \
 && if [ "$WITH_CLOUDFLARED" = 1 ]; then \
      with-ca fetch-cloudflared "$CLOUDFLARED_VERSION" /cloudflared/cloudflared \
        "amd64=$CLOUDFLARED_SHA256_AMD64" "arm64=$CLOUDFLARED_SHA256_ARM64"; \
    fi

# ---------------------------------------------------------------------------------------------------------------
# former: the server of Debian 12's Postgres, 52 MB. It opens a volume that was made there once, to read its
# database into today's; what nobody ever needs again is left out by the next Debian (DECISIONS 43).
FROM ${BASE} AS former
COPY scripts/image/with-ca scripts/image/fetch-postgres /usr/local/bin/
RUN with-ca fetch-postgres 15 bookworm /former libicu72 libldap-2.5-0

# ---------------------------------------------------------------------------------------------------------------
# The image.
FROM ${BASE} AS studio
ENV LANG=C.UTF-8 LC_ALL=C.UTF-8
ARG DEBIAN_FRONTEND=noninteractive

# Layer: the system. Fixed user ids, because the volume outlives the image; no cluster made at install.
COPY scripts/image/with-ca /usr/local/bin/with-ca
RUN groupadd --system --gid 5432 postgres \
 && useradd --system --uid 5432 --gid 5432 --home-dir /var/lib/postgresql --shell /bin/bash postgres \
 && groupadd --system --gid 8000 studio \
 && useradd --system --uid 8000 --gid 8000 --home-dir /opt/studio --shell /usr/sbin/nologin studio \
 && useradd --system --uid 8001 --gid 8000 --home-dir /opt/studio --shell /usr/sbin/nologin studio-worker \
 && mkdir -p /etc/postgresql-common \
 && echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf \
 && with-ca apt-get update -q \
 && with-ca apt-get install -qy --no-install-recommends \
      ca-certificates ffmpeg openssh-client postgresql-17 python3 rclone redis-server restic tini tzdata \
 && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/debconf/*-old

# Layer: the former Postgres, and whether everything it needs is here.
COPY --from=former /former/ /
RUN /usr/lib/postgresql/15/bin/postgres --version

# For the installer alone, so arguments: the environment of the image stays free of them.
ARG UV_NO_CACHE=1
ARG UV_LINK_MODE=copy
ARG UV_COMPILE_BYTECODE=1
ARG UV_NO_PROGRESS=1

# Layer: torch and its CUDA libraries. Changes only with scripts/locks/cuda.txt.
ARG TORCH=cuda
COPY scripts/locks/cuda.txt /opt/studio/locks/cuda.txt
RUN --mount=type=secret,id=ca --mount=type=bind,from=tools,source=/tools,target=/tools \
    mkdir -p /opt/torch \
 && case "$TORCH" in \
      cuda) with-ca /tools/venv/bin/uv pip install --python /usr/bin/python3 --target /opt/torch \
              --no-deps --require-hashes -r /opt/studio/locks/cuda.txt ;; \
      none) echo "torch is left out of this image" ;; \
      *) echo "TORCH is cuda or none, not '$TORCH'" >&2; exit 64 ;; \
    esac

# Layer: the Python dependencies, torch's small ones among them.
COPY scripts/locks/runtime.txt scripts/locks/torch.txt /opt/studio/locks/
RUN --mount=type=secret,id=ca --mount=type=bind,from=tools,source=/tools,target=/tools \
    /tools/venv/bin/uv venv --quiet --python /usr/bin/python3 /opt/studio/.venv \
 && with-ca /tools/venv/bin/uv pip install --python /opt/studio/.venv --no-deps --require-hashes \
      -r /opt/studio/locks/runtime.txt -r /opt/studio/locks/torch.txt \
 && site=$(/opt/studio/.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
 && printf '/opt/torch\n/opt/studio\n' > "$site/studio.pth" \
 && printf '#!/opt/studio/.venv/bin/python\nfrom appliance.cli import main\n\nmain()\n' > /opt/studio/.venv/bin/studio \
 && chmod +x /opt/studio/.venv/bin/studio \
 && ln -s /opt/studio/.venv/bin/studio /usr/local/bin/studio

COPY --from=cloudflared /cloudflared/ /usr/local/bin/
COPY scripts/image/ready /usr/local/bin/ready

# Layer: the app.
COPY --from=app /opt/studio /opt/studio

WORKDIR /opt/studio
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="Studio" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${COMMIT}"
ENV ENV=production DEBUG=false \
    STUDIO_SERVICE_USER=studio STUDIO_WORKER_USER=studio-worker STUDIO_POSTGRES_USER=postgres \
    PATH=/opt/studio/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
EXPOSE 8000
VOLUME /workspace
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 CMD ["ready"]
ENTRYPOINT ["tini", "--", "studio", "boot"]
