"""What the peers written in Python share: checks that print, processes that end, certificates, an origin, a sidecar."""
