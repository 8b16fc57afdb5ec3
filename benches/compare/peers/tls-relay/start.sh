# A bare TLS relay with the sidecar's TLS library and no HTTP: what cannot be saved.
# auth: none
# bearer: inject
# speaks: http/1.1
exec "$BENCH_TOOLS/relay"
