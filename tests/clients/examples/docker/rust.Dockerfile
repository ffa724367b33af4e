# Stands for rust:1-bookworm where there is no registry of images: Debian, and the Rust of this machine in `root`. So that
# `cargo build --release` takes a minute and not five it optimizes nothing, and the libraries have been built before, of the
# `source` of the time. The program itself is not there.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY root /
ENV CARGO_HOME=/usr/local/cargo CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
    CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=64
COPY source /src
WORKDIR /src
RUN cargo build --release --locked \
    && cargo clean --release --locked --package rollcall \
    && find . -mindepth 1 -maxdepth 1 ! -name target -exec rm -r {} +
