# weft-sidecar and nothing else: a static binary, no shell, no libraries, no files it would need. Its user is nobody's else, since what
# it sends is not redirected (sidecar/core/pod_contract.h). Build it from the folder of the release binaries:
#
#   ./dev test --preset release
#   docker build -f k8s/sidecar.Dockerfile --build-arg VERSION=0.1.0 -t weft-sidecar:0.1.0 build/release/bin
FROM scratch
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="weft-sidecar" \
      org.opencontainers.image.description="The data plane of the weft service mesh" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --chmod=0755 weft-sidecar /usr/local/bin/weft-sidecar
USER 5150:5150
ENTRYPOINT ["/usr/local/bin/weft-sidecar"]
