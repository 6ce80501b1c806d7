# weft-sidecar with the tools that load the redirect rules, for the init container that injection puts into pods: nft, and iptables in
# both of its variants, from Debian, with the libraries they need and nothing else: no shell, no package manager. It runs as root for
# a moment, with a root directory that cannot be written. Build it from the folder of the release binaries:
#
#   ./dev test --preset release
#   docker build -f k8s/redirect.Dockerfile --build-arg VERSION=0.1.0 -t weft-redirect:0.1.0 build/release/bin
FROM debian:12-slim AS tools
RUN apt-get update && apt-get install --yes --no-install-recommends nftables iptables netbase
ENV ROOT=/image
# tests/interop/redirect_image runs these very lines.
RUN sh <<'ASSEMBLE'
set -eu
# The program behind a name, its interpreter and its libraries, at the paths where the loader looks.
copy() {
  mkdir -p "$ROOT$(dirname "$1")"
  cp -L "$1" "$ROOT$1"
  for library in $(ldd "$1" | grep -o '/[^ ]*'); do
    [ -e "$ROOT$library" ] && continue
    mkdir -p "$ROOT$(dirname "$library")"
    cp -L "$library" "$ROOT$library"
  done
}
mkdir -p "$ROOT/usr/sbin" "$ROOT/etc" "$ROOT/proc" "$ROOT/dev/shm"
copy /usr/sbin/nft
for variant in nft legacy; do
  copy "/usr/sbin/xtables-$variant-multi"
  for name in iptables ip6tables; do
    for verb in save restore; do
      ln -sf "xtables-$variant-multi" "$ROOT/usr/sbin/$name-$variant-$verb"
    done
  done
done
# What iptables opens by name: its matches and targets.
for plugin in /usr/lib/*-linux-gnu/xtables/libxt_*.so /usr/lib/*-linux-gnu/xtables/libip*t_*.so; do copy "$plugin"; done
# nft says the names of protocols only where it can look them up.
cp -L /etc/protocols "$ROOT/etc/protocols"
ASSEMBLE

FROM scratch
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="weft-redirect" \
      org.opencontainers.image.description="Loads the rules that bring a pod's traffic to its weft sidecar" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=tools /image /
COPY --chmod=0755 weft-sidecar /usr/local/bin/weft-sidecar
# iptables-legacy locks a file, and /run cannot be written.
ENV XTABLES_LOCKFILE=/dev/shm/xtables.lock
ENTRYPOINT ["/usr/local/bin/weft-sidecar", "redirect"]
