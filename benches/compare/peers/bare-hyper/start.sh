# A bare hyper proxy: the sidecar's libraries, and no work of its own but for the field it replaces.
# auth: none
exec "$BENCH_TOOLS/bare"
