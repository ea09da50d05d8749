# Two stages: the first builds, the second holds the program, its certificates and nothing else that listens.
#
#   docker build -t rulegate --build-arg RULEGATE_BUILD=$(git rev-parse --short HEAD) .
#   docker run -p 6060:6060 -e DATABASE_URL=… -e JWKS_URI=… -v ./rules:/srv/rules:ro rulegate

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
# aws-lc is C and assembler.
RUN apt-get update && apt-get install -y --no-install-recommends build-essential cmake && rm -rf /var/lib/apt/lists/*
# The dependencies first, behind an empty program: they are built again only when they change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests/it tests/faults benches/load \
 && touch src/lib.rs tests/it/main.rs tests/faults/main.rs benches/speed.rs benches/load/main.rs \
 && echo 'fn main() {}' > src/main.rs \
 && cargo build --release --locked
COPY src ./src
# A name for what is built, such as a commit: `rulegate --version` says it.
ARG RULEGATE_BUILD
# The empty program is younger than the copied files; without new times Cargo would keep it.
RUN find src -name '*.rs' -exec touch {} + && cargo build --release --locked

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin rulegate
COPY --from=build /build/target/release/rulegate /usr/local/bin/rulegate
# The starter rules, until a folder is mounted over them.
COPY rules /srv/rules
WORKDIR /srv
USER 10001
# Uploads. The operators' port, 6061, stays inside: it listens on the loopback address.
EXPOSE 6060
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["rulegate", "healthcheck", "rules"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["rulegate"]
CMD ["serve", "rules"]
