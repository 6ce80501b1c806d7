# weft-control, and the command line for `kubectl exec`: static binaries and nothing else. Build it from the folder of the release
# binaries:
#
#   ./dev test --preset release
#   docker build -f k8s/control.Dockerfile --build-arg VERSION=0.1.0 -t weft-control:0.1.0 build/release/bin
FROM scratch
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="weft-control" \
      org.opencontainers.image.description="The control plane of the weft service mesh" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --chmod=0755 weft-control weft /usr/local/bin/
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/weft-control"]
